//! That the histories meet everything the law tells apart: a law about permits holds of a world without any.

use super::history::{History, Shown};
use sekisho_domain::*;
use std::collections::{BTreeMap, BTreeSet};

/// How often each thing came about.
#[derive(Default)]
pub(super) struct Coverage {
    met: BTreeMap<String, u64>,
    requests: u64,
    shown: u64,
}

impl Coverage {
    pub fn note(&mut self, history: &History, record: &AccessRecord, lawful: &BTreeSet<Shown>) {
        self.requests += 1;
        self.shown += lawful.len() as u64;
        for (target, decision) in &record.decisions {
            match decision {
                Decision::Deny(denial) => self.met(format!("denied {}", denial.reason)),
                Decision::Permit(terms) => {
                    let own = *target == record.request.viewing;
                    let searched = record.request.action == Action::FindPatients;
                    self.met(format!(
                        "permit by {}{}{}",
                        terms.footing,
                        if own { ", own" } else { "" },
                        if searched { ", to search" } else { "" }
                    ));
                    if !terms.withheld.is_empty() {
                        self.met("something withheld".to_owned());
                    }
                    terms
                        .bases
                        .iter()
                        .for_each(|basis| self.basis(history, basis));
                }
            }
        }
    }

    fn basis(&mut self, history: &History, basis: &Basis) {
        let said = |like: &dyn Fn(&super::reference::Said) -> bool| {
            history
                .said
                .iter()
                .find(|said| like(said))
                .map(|said| said.body.clone())
        };
        if let Some((agreement, position)) = &basis.grant {
            let proposed = said(
                &|said| matches!(&said.body, Body::AgreementPropose(a) if (&a.id, a.version) == (&agreement.id, agreement.version)),
            );
            if let Some(Body::AgreementPropose(agreement)) = proposed {
                let rule = agreement.grants[*position as usize].consent_rule;
                self.met(format!("by the rule {rule}"));
            }
        }
        for ConsentId(index) in &basis.consents {
            let Some(Body::ConsentGrant(consent)) = said(&|said| said.index == *index) else {
                continue;
            };
            self.met(format!("a consent by {}", consent.capture));
            // A blanket consent reaches a list of facilities only where they joined after it.
            let blanket =
                consent.side == Side::Disclosing && consent.facilities == FacilitySelector::All;
            if blanket && matches!(basis.facilities, DisclosingFacilities::Listed(_)) {
                self.met("a facility that joined after the consent".to_owned());
            }
            if consent.proxy.is_some() {
                self.met("a consent by proxy".to_owned());
            }
            let policy = said(
                &|said| matches!(&said.body, Body::ConsentPolicyPublish(p) if said.by == consent.network && p.version == consent.policy_version),
            );
            let Some(Body::ConsentPolicyPublish(policy)) = policy else {
                continue;
            };
            let rule = if consent.side == Side::Disclosing {
                policy.disclosing
            } else {
                policy.viewing
            };
            if let Some(rule) = rule {
                self.met(format!("a consent for {}", rule.scope));
            }
        }
    }

    fn met(&mut self, what: String) {
        *self.met.entry(what).or_default() += 1;
    }

    /// Says what came about; and that everything did that must in a run of this length.
    #[expect(clippy::print_stdout, reason = "what a run met is its result")]
    pub fn check(&self, histories: u64) {
        println!(
            "{histories} histories, {} requests, {} documents shown",
            self.requests, self.shown
        );
        for (what, times) in &self.met {
            println!("{times:>10}  {what}");
        }
        if histories < 300 {
            return;
        }
        let mut must: Vec<String> = DenyReason::ALL
            .iter()
            .map(|reason| format!("denied {reason}"))
            .collect();
        must.extend(
            Footing::ALL
                .iter()
                .filter(|footing| **footing != Footing::Agreement)
                .map(|footing| format!("permit by {footing}")),
        );
        must.extend(
            [Footing::Consent, Footing::BreakGlass, Footing::Disaster]
                .map(|footing| format!("permit by {footing}, own")),
        );
        must.extend(
            [Footing::Agreement, Footing::BreakGlass, Footing::Disaster]
                .map(|footing| format!("permit by {footing}, to search")),
        );
        must.extend(
            ConsentRule::ALL
                .iter()
                .map(|rule| format!("by the rule {rule}")),
        );
        must.extend(
            Scope::ALL
                .iter()
                .map(|scope| format!("a consent for {scope}")),
        );
        let captures = [
            Capture::Written,
            Capture::Oral,
            Capture::CardPresented,
            Capture::NoticeWithOptOut,
        ];
        must.extend(captures.map(|capture| format!("a consent by {capture}")));
        must.extend(
            [
                "a consent by proxy",
                "something withheld",
                "a facility that joined after the consent",
            ]
            .map(str::to_owned),
        );
        let missing: Vec<_> = must
            .iter()
            .filter(|what| !self.met.contains_key(*what))
            .collect();
        assert!(missing.is_empty(), "never met: {missing:?}");
    }
}
