//! Which patients there are, and which requests show what can be seen of one.

use super::{PreviewError, REQUESTS_MAX};
use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Commitment, Entry, EntryIndex, FacilityId,
    FacilityKind, FacilitySelector, Grant, Grounds, Nature, NetworkId, PractitionerId, Purpose,
    Role, SubjectId, SubjectRef,
};
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::{Leaf, View};
use std::collections::{BTreeMap, BTreeSet};

/// Facilities of one kind that stand for all others no consent of the patient names.
const FACILITIES_PER_KIND: usize = 2;
/// The facilities of a ledger that are read: more than Japan has.
const FACILITIES_MAX: usize = 1 << 20;

/// Patients and whom their consents name.
#[derive(Default)]
pub(super) struct Patients {
    /// Pairs that at least one network has linked.
    pairs: BTreeSet<(SubjectRef, SubjectRef)>,
    facilities: BTreeMap<SubjectRef, BTreeSet<FacilityId>>,
    practitioners: BTreeMap<SubjectRef, BTreeSet<PractitionerId>>,
}

/// Everything the leaves say of links, and of whom consents name. A leaf that had no effect is looked at as well:
/// it only adds patients and facilities to try. Only patients of the parties are kept.
pub(super) fn patients(
    state: &MemoryState,
    parties: &BTreeSet<NetworkId>,
    mut heard: impl FnMut(u64, u64),
) -> Result<Patients, PreviewError> {
    let view = View(state);
    let all = view.meta()?.map_or(0, |meta| meta.size);
    let mut patients = Patients::default();
    let mut index = EntryIndex(0);
    while let Some(bytes) = view.leaf(index)? {
        index.0 += 1;
        heard(index.0, all);
        match Leaf::decode(&bytes)?.entry {
            Entry {
                author,
                body: Body::SubjectLink { own, other },
                ..
            } => {
                let Some(key) = view.key(&author)? else {
                    continue;
                };
                let own = SubjectRef {
                    network: key.value.network,
                    subject: own,
                };
                if !parties.contains(&own.network) || !parties.contains(&other.network) {
                    continue;
                }
                patients.pairs.insert((own.clone(), other.clone()));
                patients.pairs.insert((other, own));
            }
            Entry {
                body: Body::ConsentGrant(consent),
                ..
            } if parties.contains(&consent.network) => {
                let of = SubjectRef {
                    network: consent.network,
                    subject: consent.subject,
                };
                let named = patients.facilities.entry(of.clone()).or_default();
                if let FacilitySelector::Listed(set) = consent.facilities {
                    named.extend(set);
                }
                named.extend(consent.counterpart.into_iter().flatten());
                let named = patients.practitioners.entry(of).or_default();
                named.extend(consent.practitioners.into_iter().flatten());
            }
            _ => {}
        }
    }
    Ok(patients)
}

/// The patients both networks say are one person, as (disclosing, viewing).
pub(super) fn linked(
    view: View<'_, MemoryState>,
    patients: &Patients,
    disclosing: &NetworkId,
    viewing: &NetworkId,
) -> Result<Vec<(SubjectRef, SubjectRef)>, PreviewError> {
    let mut linked = Vec::new();
    for (ours, theirs) in &patients.pairs {
        if ours.network == *disclosing && theirs.network == *viewing {
            let confirmed = view.linked(theirs, disclosing)?;
            if confirmed == Some(ours.subject) {
                linked.push((ours.clone(), theirs.clone()));
            }
        }
    }
    Ok(linked)
}

/// Every grant for ordinary purposes between two of the parties, before or after.
pub(super) fn grants(
    before: &MemoryState,
    after: &MemoryState,
    agreement: &Agreement,
) -> Result<Vec<Grant>, PreviewError> {
    let mut grants = Vec::new();
    for state in [before, after] {
        let view = View(state);
        for (n, a) in agreement.parties.iter().enumerate() {
            for b in agreement.parties.iter().skip(n + 1) {
                for id in view.agreements_of(a, b)? {
                    let head = view.agreement_head(&id)?.map(|head| head.value);
                    for version in head.into_iter().flat_map(|head| head.signed) {
                        let found = view.agreement(&id, version)?;
                        grants.extend(found.into_iter().flat_map(|f| f.value.agreement.grants));
                    }
                }
            }
        }
    }
    let ordinary = |g: &Grant| g.purposes.iter().all(|p| p.nature() == Nature::Ordinary);
    grants.retain(ordinary);
    Ok(grants)
}

/// Who could ask, in one direction.
pub(super) struct Asker<'a> {
    patients: &'a Patients,
    disclosing: &'a NetworkId,
    viewing: &'a NetworkId,
    /// The viewing network's present facilities.
    facilities: BTreeMap<FacilityId, FacilityKind>,
    /// Of them some for each kind.
    standing_for: BTreeSet<FacilityId>,
    /// Of each grant one profession: which of them asks makes no difference to the patient's acts.
    ways: BTreeSet<(FacilityKind, Role, Purpose)>,
}

impl<'a> Asker<'a> {
    pub(super) fn of(
        view: View<'_, MemoryState>,
        patients: &'a Patients,
        grants: &[Grant],
        disclosing: &'a NetworkId,
        viewing: &'a NetworkId,
    ) -> Result<Self, PreviewError> {
        let mut facilities = BTreeMap::new();
        let mut standing_for = BTreeSet::new();
        let mut of_kind: BTreeMap<FacilityKind, usize> = BTreeMap::new();
        for (id, facility) in view.facilities(FACILITIES_MAX)? {
            if facility.network != *viewing || facility.left.is_some() {
                continue;
            }
            let n = of_kind.entry(facility.kind).or_default();
            *n += 1;
            if *n <= FACILITIES_PER_KIND {
                standing_for.insert(id.clone());
            }
            facilities.insert(id, facility.kind);
        }
        let mut ways = BTreeSet::new();
        for grant in grants
            .iter()
            .filter(|g| g.disclosing == *disclosing && g.viewing == *viewing)
        {
            let Some(role) = grant.roles.iter().next() else {
                continue;
            };
            for kind in grant.facility_kinds.iter() {
                ways.extend(grant.purposes.iter().map(|purpose| (kind, role, purpose)));
            }
        }
        Ok(Self {
            patients,
            disclosing,
            viewing,
            facilities,
            standing_for,
            ways,
        })
    }

    /// The requests that show what can be seen of this patient: from facilities and by practitioners the patient's
    /// consents name, and from some that none names. One more than [`REQUESTS_MAX`] if there are more.
    pub(super) fn requests(&self, ours: &SubjectRef, theirs: &SubjectRef) -> Vec<AccessRequest> {
        let facilities = [ours, theirs].map(|s| self.patients.facilities.get(s));
        let named = facilities.into_iter().flatten().flatten();
        let places: BTreeSet<_> = named.chain(&self.standing_for).collect();
        let practitioners = [ours, theirs].map(|s| self.patients.practitioners.get(s));
        let people: BTreeSet<_> = practitioners
            .into_iter()
            .flatten()
            .flatten()
            .copied()
            .collect();
        // Somebody no consent names.
        let nobody = [PractitionerId([0; PractitionerId::LEN])];
        let mut requests = Vec::new();
        for place in places {
            let Some(kind) = self.facilities.get(place) else {
                continue;
            };
            for (_, role, purpose) in self.ways.iter().filter(|(of, ..)| of == kind) {
                for who in people.iter().chain(&nobody) {
                    if requests.len() > REQUESTS_MAX {
                        return requests;
                    }
                    requests.push(self.request(place, *role, *purpose, *who, theirs.subject));
                }
            }
        }
        requests
    }

    fn request(
        &self,
        facility: &FacilityId,
        role: Role,
        purpose: Purpose,
        practitioner_id: PractitionerId,
        subject: SubjectId,
    ) -> AccessRequest {
        AccessRequest {
            viewing: self.viewing.clone(),
            facility: facility.clone(),
            role,
            practitioner: Commitment([0; Commitment::LEN]),
            practitioner_id,
            purpose,
            grounds: Grounds::Ordinary,
            subject,
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets: [self.disclosing.clone()].into(),
        }
    }
}
