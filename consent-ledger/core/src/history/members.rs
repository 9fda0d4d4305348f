//! What a question goes through: facilities, subjects, requests somebody could have made.

use super::{DISASTERS_MAX, FACILITIES_MAX, HistoryError};
use crate::authorize::authorize;
use crate::record::CoreError;
use crate::store::{StateRead, Table};
use crate::view::{View, key_of_network_key};
use sekisho_domain::{
    AccessRequest, Action, Category, Codes, Commitment, Decision, Denial, DenyReason,
    DisasterConsent, DisasterId, EmergencyReason, FacilityId, FacilityKind, Grounds, LegalBasis,
    Nature, NetworkId, PractitionerId, Purpose, Role, SubjectId, SubjectRef, TimeMs,
};
use std::collections::{BTreeMap, BTreeSet};

/// A network's present facilities by kind, those registered first first.
pub(super) type Kinds = BTreeMap<FacilityKind, Vec<FacilityId>>;

/// Every present facility, by network and kind.
pub(super) fn facilities<S: StateRead>(
    view: View<'_, S>,
) -> Result<BTreeMap<NetworkId, Kinds>, HistoryError<S::Error>> {
    let all = view.facilities(FACILITIES_MAX + 1)?;
    if all.len() > FACILITIES_MAX {
        return Err(HistoryError::TooMany {
            what: "facilities",
            max: FACILITIES_MAX,
        });
    }
    let mut present: Vec<_> = all.into_iter().filter(|(_, f)| f.left.is_none()).collect();
    present.sort_by_key(|(_, facility)| facility.registered);
    let mut networks: BTreeMap<NetworkId, Kinds> = BTreeMap::new();
    for (id, facility) in present {
        let kinds = networks.entry(facility.network).or_default();
        kinds.entry(facility.kind).or_default().push(id);
    }
    Ok(networks)
}

/// The subjects of other networks that both networks say are this patient.
pub(super) fn linked<S: StateRead>(
    view: View<'_, S>,
    subject: &SubjectRef,
) -> Result<Vec<SubjectRef>, CoreError<S::Error>> {
    let mut linked = Vec::new();
    for (network, _) in view.networks()? {
        if network == subject.network {
            continue;
        }
        if let Some(subject) = view.linked(subject, &network)? {
            linked.push(SubjectRef { network, subject });
        }
    }
    Ok(linked)
}

/// A network's subjects of whom the ledger knows anything, from one on, ascending, at most `max`.
pub(super) fn subjects<S: StateRead>(
    view: View<'_, S>,
    network: &NetworkId,
    from: &SubjectId,
    max: usize,
) -> Result<Vec<SubjectId>, CoreError<S::Error>> {
    let prefix = key_of_network_key(network, None);
    let from = [prefix.as_slice(), from.as_bytes()].concat();
    let rows = view
        .0
        .scan(Table::Chart, &prefix, &from, max)
        .map_err(CoreError::Store)?;
    rows.iter()
        .map(|(key, _)| {
            SubjectId::try_from(key.get(prefix.len()..).unwrap_or_default())
                .map_err(|e| CoreError::corrupt(Table::Chart, key, e))
        })
        .collect()
}

/// The declarations that hold at this time.
pub(super) fn disasters<S: StateRead>(
    view: View<'_, S>,
    time: TimeMs,
) -> Result<Vec<DisasterId>, HistoryError<S::Error>> {
    let all = view.disasters(DISASTERS_MAX + 1)?;
    if all.len() > DISASTERS_MAX {
        return Err(HistoryError::TooMany {
            what: "declared disasters",
            max: DISASTERS_MAX,
        });
    }
    let holding = all.into_iter().filter(|(_, d)| d.holds(time));
    Ok(holding.map(|(id, _)| id).collect())
}

/// The practitioners a patient's consents and reservations name.
pub(super) fn named<S: StateRead>(
    view: View<'_, S>,
    subject: &SubjectRef,
) -> Result<BTreeSet<PractitionerId>, CoreError<S::Error>> {
    use sekisho_domain::{Side, ViewerSelector};
    let mut named = BTreeSet::new();
    for side in Side::ALL {
        for given in view.consents_of(&subject.network, &subject.subject, *side)? {
            named.extend(given.consent.practitioners.into_iter().flatten());
        }
    }
    for given in view.reservations_of(&subject.network, &subject.subject)? {
        if let ViewerSelector::Practitioner(id) = given.reservation.viewer {
            named.insert(id);
        }
    }
    Ok(named)
}

/// A practitioner nobody names.
pub(super) fn anybody(named: &BTreeSet<PractitionerId>) -> PractitionerId {
    let of = |n: u128| PractitionerId(n.to_be_bytes());
    // One of so many more than are named is not among them.
    let candidates = (0..=named.len() as u128).map(of);
    candidates
        .into_iter()
        .find(|id| !named.contains(id))
        .unwrap_or(of(u128::MAX))
}

/// In which way somebody could have asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub role: Role,
    pub purpose: Purpose,
    pub grounds: Grounds,
}

/// Every way, with each of the disasters that hold. Why an emergency, which law and how a patient was asked in a
/// disaster make no difference to a decision.
pub(super) fn ways(disasters: &[DisasterId]) -> Vec<Way> {
    let mut ways = Vec::new();
    for (purpose, role) in Purpose::ALL
        .iter()
        .flat_map(|p| Role::ALL.iter().map(move |r| (*p, *r)))
    {
        let way = |grounds| Way {
            role,
            purpose,
            grounds,
        };
        match purpose.nature() {
            Nature::Ordinary => ways.push(way(Grounds::Ordinary)),
            Nature::BreakGlass => ways.push(way(Grounds::Emergency(EmergencyReason::NoTime))),
            Nature::Law => ways.push(way(Grounds::Law(LegalBasis::LifeAndBody))),
            Nature::Disaster => ways.extend(disasters.iter().map(|declaration| {
                way(Grounds::Disaster {
                    declaration: *declaration,
                    consent: DisasterConsent::NotPossible,
                })
            })),
        }
    }
    ways
}

/// A patient as two networks know them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub disclosing: &'a SubjectRef,
    pub viewing: &'a SubjectRef,
}

impl Pair<'_> {
    /// What would be decided were this asked.
    pub fn decide<S: StateRead>(
        self,
        view: View<'_, S>,
        (facility, practitioner): (&FacilityId, PractitionerId),
        way: Way,
        categories: Option<Codes<Category>>,
        time: TimeMs,
    ) -> Result<Decision, CoreError<S::Error>> {
        let request = AccessRequest {
            viewing: self.viewing.network.clone(),
            facility: facility.clone(),
            role: way.role,
            practitioner: Commitment([0; Commitment::LEN]),
            practitioner_id: practitioner,
            purpose: way.purpose,
            grounds: way.grounds,
            subject: self.viewing.subject,
            action: Action::FindDocuments,
            document: None,
            categories,
            targets: [self.disclosing.network.clone()].into(),
        };
        decide(view, &request, time)
    }
}

/// What would be decided for the one network a request asks.
pub(super) fn decide<S: StateRead>(
    view: View<'_, S>,
    request: &AccessRequest,
    time: TimeMs,
) -> Result<Decision, CoreError<S::Error>> {
    let decided = authorize(view, request, time)?.into_iter().next();
    Ok(decided.map_or(
        Decision::Deny(Denial {
            reason: DenyReason::NotAMember,
            agreement: None,
        }),
        |(_, decision)| decision,
    ))
}
