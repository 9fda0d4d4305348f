//! From decisions to who is asked: pure, and complete for every asked network (P8).

use sekisho_domain::{Decision, DenyReason, NetworkId, NetworkOutcome, TimeMs};
use std::collections::BTreeSet;

/// What to do about each asked network: every one stands in exactly one of the two lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// To be asked: the ledger permits them to answer.
    pub ask: BTreeSet<NetworkId>,
    /// Ended already, without being contacted, ordered by network.
    pub ended: Vec<(NetworkId, NetworkOutcome)>,
}

/// Why decisions are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// They are not one for each asked network.
    #[error("the decisions are not one for each asked network")]
    NotOneEach,
    /// A permit has ended: the request was decided some time ago.
    #[error("the permit for {0} has ended")]
    Expired(NetworkId),
}

/// Plans a decided request.
///
/// # Errors
/// [`PlanFault`]: the decisions do not fit the request, or a permit no longer holds at `now`.
pub fn plan(
    asked: &BTreeSet<NetworkId>,
    decisions: &[(NetworkId, Decision)],
    now: TimeMs,
) -> Result<Plan, PlanFault> {
    if decisions.len() != asked.len() || !decisions.iter().map(|(network, _)| network).eq(asked) {
        return Err(PlanFault::NotOneEach);
    }
    let mut plan = Plan {
        ask: BTreeSet::new(),
        ended: Vec::new(),
    };
    for (network, decision) in decisions {
        match decision {
            Decision::Permit(terms) if terms.expires <= now => {
                return Err(PlanFault::Expired(network.clone()));
            }
            Decision::Permit(_) => {
                plan.ask.insert(network.clone());
            }
            Decision::Deny(denial) => plan.ended.push((network.clone(), denied(denial.reason))),
        }
    }
    Ok(plan)
}

/// A patient without a link is one that network does not know (P9); every other denial is told as it is.
fn denied(reason: DenyReason) -> NetworkOutcome {
    match reason {
        DenyReason::SubjectNotLinked => NetworkOutcome::PatientUnknown,
        reason => NetworkOutcome::Denied { reason },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_domain::{Denial, PermitTerms, SubjectId};

    const NOW: TimeMs = TimeMs(1_000);

    fn permit(expires: u64) -> Decision {
        Decision::Permit(PermitTerms {
            footing: sekisho_domain::Footing::Consent,
            subject: SubjectId([1; 16]),
            bases: Vec::new(),
            withheld: Vec::new(),
            expires: TimeMs(expires),
        })
    }

    fn deny(reason: DenyReason) -> Decision {
        Decision::Deny(Denial {
            reason,
            agreement: None,
        })
    }

    fn id(name: &str) -> NetworkId {
        name.parse().unwrap()
    }

    #[test]
    fn every_denial_ends_at_once_and_only_a_missing_link_looks_unknown() {
        for reason in DenyReason::ALL {
            let decisions = [(id("saga"), deny(*reason)), (id("tottori"), permit(1_001))];
            let asked = decisions.iter().map(|(n, _)| n.clone()).collect();
            let plan = plan(&asked, &decisions, NOW).unwrap();
            let outcome = match reason {
                DenyReason::SubjectNotLinked => NetworkOutcome::PatientUnknown,
                reason => NetworkOutcome::Denied { reason: *reason },
            };
            assert_eq!(plan.ended, [(id("saga"), outcome)], "{reason}");
            assert_eq!(plan.ask, BTreeSet::from([id("tottori")]), "{reason}");
        }
    }

    #[test]
    fn decisions_that_are_not_one_for_each_asked_network_are_refused() {
        let decisions = [
            (id("a"), permit(2_000)),
            (id("b"), deny(DenyReason::NoAgreement)),
        ];
        let cases = [
            ("one missing", &["a", "b", "c"][..], decisions.to_vec()),
            ("one too many", &["a"], decisions.to_vec()),
            ("another network", &["a", "c"], decisions.to_vec()),
            (
                "one twice",
                &["a", "b"],
                vec![decisions[0].clone(), decisions[0].clone()],
            ),
            ("none", &["a"], Vec::new()),
        ];
        for (case, asked, decisions) in cases {
            let asked = asked.iter().map(|n| id(n)).collect();
            assert_eq!(
                plan(&asked, &decisions, NOW),
                Err(PlanFault::NotOneEach),
                "{case}"
            );
        }
    }

    #[test]
    fn a_permit_that_has_ended_asks_nobody() {
        for (expires, expected) in [(1_000, Err(PlanFault::Expired(id("a")))), (1_001, Ok(1))] {
            let asked = BTreeSet::from([id("a")]);
            let planned = plan(&asked, &[(id("a"), permit(expires))], NOW).map(|p| p.ask.len());
            assert_eq!(planned, expected);
        }
    }
}
