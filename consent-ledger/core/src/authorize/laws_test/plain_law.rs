//! The law of who may see what, document by document, written a second time in the plainest way.

use super::history::*;
use crate::testing::{World, facility, network};
use crate::{Permit, View};
use sekisho_domain::*;
use std::collections::BTreeSet;

/// One document somebody could see, by what rules look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sight {
    /// The asking facility, and the network it asks for.
    pub at: FacilityId,
    pub viewing: NetworkId,
    pub subject: SubjectId,
    pub target: NetworkId,
    pub category: Category,
    /// Whose document it is.
    pub of: FacilityId,
}

/// Everything that could be asked for, as the node of `target` would look for it: among its present facilities.
pub(super) fn sights(world: &World) -> Vec<Sight> {
    let mut all = Vec::new();
    for (n, viewing) in NETWORKS.iter().enumerate() {
        for (at, s, target) in HOSPITALS
            .iter()
            .flat_map(|(_, at)| (0..2u8).flat_map(move |s| NETWORKS.map(|t| (at, s, t))))
        {
            for (_, of) in HOSPITALS {
                let member = View(&world.state).facility_of(&facility(of), &network(target));
                if member.unwrap().is_none() {
                    continue;
                }
                all.extend(CATEGORIES.map(|category| Sight {
                    at: facility(at),
                    viewing: network(viewing),
                    subject: subject(n, s),
                    target: network(target),
                    category,
                    of: facility(of),
                }));
            }
        }
    }
    all
}

/// The decisions on every request there could be.
pub(super) fn decided(world: &World) -> Vec<AccessRecord> {
    let mut records = Vec::new();
    for (n, viewing) in NETWORKS.iter().enumerate() {
        for (at, s) in HOSPITALS
            .iter()
            .flat_map(|(_, at)| (0..2).map(move |s| (at, s)))
        {
            let request = world.request(viewing, at, subject(n, s), &NETWORKS);
            let decisions = crate::authorize(View(&world.state), &request, world.time).unwrap();
            records.push(AccessRecord {
                index: EntryIndex(0),
                time: world.time,
                request_id: RequestId([0; 16]),
                author: KeyId([0; 32]),
                request,
                decisions,
            });
        }
    }
    records
}

/// What could be seen at this time under decisions made at another.
pub(super) fn seen_under(world: &World, records: &[AccessRecord], now: TimeMs) -> BTreeSet<Sight> {
    let allowed = |sight: &Sight| {
        let record = records.iter().find(|r| {
            (&r.request.facility, &r.request.viewing, r.request.subject)
                == (&sight.at, &sight.viewing, sight.subject)
        });
        let member = View(&world.state)
            .facility(&sight.of)
            .unwrap()
            .unwrap()
            .value;
        Permit::of(record.unwrap(), &sight.target, now)
            .is_ok_and(|permit| permit.covers(sight.category, &sight.of, member.registered))
    };
    sights(world).into_iter().filter(allowed).collect()
}

pub(super) fn visible(world: &World) -> BTreeSet<Sight> {
    seen_under(world, &decided(world), world.time)
}

/// The law, written again in the plainest way: may this one document be seen now? Looks at every agreement,
/// consent and reservation there is.
pub(super) fn may_see(world: &World, sight: &Sight) -> bool {
    let (view, now) = (View(&world.state), world.time);
    let Some(asking) = view.facility_of(&sight.at, &sight.viewing).unwrap() else {
        return false;
    };
    let holder = view.facility(&sight.of).unwrap().unwrap().value;
    let viewer = SubjectRef {
        network: sight.viewing.clone(),
        subject: sight.subject,
    };
    let own = sight.viewing == sight.target;
    // The charts of this patient there: the same, or those both networks say are the same.
    let n = NETWORKS.iter().position(|id| *id == sight.target.as_str());
    let said = |chart: &SubjectRef| {
        view.link(&viewer, chart).unwrap().is_some_and(|link| {
            [&viewer, chart]
                .iter()
                .all(|one| link.value.said_by.contains_key(&one.network))
        })
    };
    let charts = (0..2).map(|s| SubjectRef {
        network: sight.target.clone(),
        subject: subject(n.unwrap(), s),
    });
    let Some(chart) = charts
        .into_iter()
        .find(|chart| if own { *chart == viewer } else { said(chart) })
    else {
        return false;
    };
    let provides = |network: &NetworkId, side| {
        let policy = view.policy_at(network, now).unwrap().map(|p| p.policy);
        policy.is_some_and(|p| match side {
            Side::Disclosing => p.disclosing.is_some(),
            Side::Viewing => p.viewing.is_some(),
        })
    };
    let consented = |side: Side| {
        let (patient, place, registered) = match side {
            Side::Disclosing => (&chart, &sight.of, holder.registered),
            Side::Viewing => (&viewer, &sight.at, asking.registered),
        };
        provides(&patient.network, side)
            && consents(world).into_iter().any(|(_, id)| {
                let given = view.consent(id).unwrap().unwrap().value;
                let consent = &given.consent;
                given.withdrawn.is_none()
                    && (&consent.network, consent.subject, consent.side)
                        == (&patient.network, patient.subject, side)
                    && consent.period.contains(now)
                    && consent
                        .categories
                        .as_ref()
                        .is_none_or(|c| c.contains(&sight.category))
                    && registered < given.granted
                    && match &consent.facilities {
                        FacilitySelector::All => true,
                        FacilitySelector::Listed(set) => set.contains(place),
                    }
            })
    };
    let by_rule = |rule| match rule {
        ConsentRule::Disclosing => consented(Side::Disclosing),
        ConsentRule::Viewing => consented(Side::Viewing),
        ConsentRule::Both => consented(Side::Disclosing) && consented(Side::Viewing),
        ConsentRule::Either => consented(Side::Disclosing) || consented(Side::Viewing),
        _ => false,
    };
    let granted = if own {
        let asked = Side::ALL
            .iter()
            .filter(|side| provides(&sight.target, **side));
        asked.clone().next().is_some() && asked.into_iter().all(|side| consented(*side))
    } else {
        in_force(world, &sight.target, &sight.viewing)
            .iter()
            .any(|grant| grant.categories.contains(&sight.category) && by_rule(grant.consent_rule))
    };
    granted
        && ![&chart, &viewer]
            .iter()
            .any(|patient| reserved(world, patient, sight))
}

/// P3: the grants of agreements in force for this direction, now.
pub(super) fn in_force(world: &World, disclosing: &NetworkId, viewing: &NetworkId) -> Vec<Grant> {
    let view = View(&world.state);
    let mut grants = Vec::new();
    for id in agreement_ids(world) {
        let head = view.agreement_head(&id).unwrap().unwrap().value;
        let Some(last) = head.signed.last() else {
            continue;
        };
        let version = view.agreement(&id, *last).unwrap().unwrap().value;
        let agreement = version.agreement;
        let holds = head.suspended.is_none()
            && head.terminated.is_none()
            && agreement.valid.contains(world.time)
            && agreement
                .parties
                .iter()
                .all(|p| version.signed.contains_key(p));
        grants.extend(agreement.grants.into_iter().filter(|g| {
            holds
                && (&g.disclosing, &g.viewing) == (disclosing, viewing)
                && g.valid.contains(world.time)
        }));
    }
    grants
}

pub(super) fn reserved(world: &World, patient: &SubjectRef, sight: &Sight) -> bool {
    let set = View(&world.state)
        .reservations_of(&patient.network, &patient.subject)
        .unwrap();
    set.into_iter()
        .filter(|given| given.cleared.is_none())
        .any(|given| {
            let r = given.reservation;
            r.period.contains(world.time)
                && r.categories.is_none_or(|c| c.contains(&sight.category))
                && r.disclosing_facilities
                    .is_none_or(|f| f.contains(&sight.of))
                && match r.viewer {
                    ViewerSelector::Anyone => true,
                    ViewerSelector::Network(network) => network == sight.viewing,
                    ViewerSelector::Facility(facility) => facility == sight.at,
                    ViewerSelector::Practitioner(_) => false,
                }
        })
}
