//! What an agreement, or a new version of one, would change for the patients on a ledger, if it came into force: who
//! would become visible, who would no longer be, in each direction. Nothing is written: the agreement is proposed and
//! signed on a copy of the state, by the rules of the ledger itself, and the same requests are decided before and after.

use sekisho_domain::{
    AccessRequest, Action, Agreement, Body, Category, Codes, Commitment, Decision, Entry,
    EntryIndex, FacilityId, FacilityKind, FacilitySelector, Grant, Grounds, KeyId, KeyPurpose,
    Nature, NetworkId, Outcome, PractitionerId, PublicKey, Purpose, RefusalReason, RequestId, Role,
    SubjectId, SubjectRef, TimeMs,
};
use sekisho_ledger::signature::Signature;
use sekisho_ledger::store::{MemoryState, StateRead};
use sekisho_ledger::{
    Applied, CoreError, EntryFault, Leaf, LeafError, SignatureCheck, View, agreement_digest,
    apply_batch, authorize,
};
use sekisho_proto::{ENTRY_TYPE, v1};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// How many patients are looked at in one direction: some minutes of work on one core.
pub const PATIENTS_MAX: usize = 100_000;
/// How many requests are tried for one patient in one direction, before and after.
pub const REQUESTS_MAX: usize = 256;
/// Facilities of one kind that stand for all others no consent of the patient names.
const FACILITIES_PER_KIND: usize = 2;
/// The facilities of a ledger that are read: more than Japan has.
const FACILITIES_MAX: usize = 1 << 20;

/// Why nothing can be foretold.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The state contradicts itself.
    #[error(transparent)]
    State(#[from] CoreError<<MemoryState as StateRead>::Error>),
    /// A leaf of the state is none.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The ledger would refuse the proposal or a signature.
    #[error("the ledger would refuse it when {network} signs: {}", .reason.en())]
    Refused {
        /// Whose act.
        network: NetworkId,
        /// Why.
        reason: RefusalReason,
    },
    /// The entry would not even be taken up.
    #[error("the ledger would not take it up when {network} signs: {fault}")]
    NotTaken {
        /// Whose act.
        network: NetworkId,
        /// Why.
        fault: EntryFault,
    },
    /// A party without a governance key that is good.
    #[error("{0} is not a member of this ledger, or its governance key is revoked")]
    NotAMember(NetworkId),
}

/// What would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The instant for which it is decided: the later of the ledger's own time and the agreement's beginning.
    pub at: TimeMs,
    /// Each direction between two parties, before or after.
    pub directions: Vec<Change>,
}

/// What would change in one direction. `unchanged + gained + lost + wider + narrower + other = patients`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose documents.
    pub disclosing: NetworkId,
    /// Who sees them.
    pub viewing: NetworkId,
    /// Patients known to both networks as one person.
    pub patients: usize,
    /// Of them those of whom something can be seen before.
    pub visible_before: usize,
    /// And after.
    pub visible_after: usize,
    /// Nothing before, something after.
    pub gained: usize,
    /// Something before, nothing after.
    pub lost: usize,
    /// More categories after than before.
    pub wider: usize,
    /// Fewer.
    pub narrower: usize,
    /// Some more and some fewer.
    pub other: usize,
    /// The same categories.
    pub unchanged: usize,
    /// Patients left out beyond [`PATIENTS_MAX`].
    pub left_out: usize,
    /// Patients for whom more than [`REQUESTS_MAX`] requests would have had to be tried: what they show is a part.
    pub in_part: usize,
}

/// Patients and whom their consents name.
#[derive(Default)]
struct Patients {
    /// Pairs that at least one network has linked.
    pairs: BTreeSet<(SubjectRef, SubjectRef)>,
    facilities: BTreeMap<SubjectRef, BTreeSet<FacilityId>>,
    practitioners: BTreeMap<SubjectRef, BTreeSet<PractitionerId>>,
}

/// What would change if the agreement came into force on this state. `heard` gets how many patients are done and
/// how many there are, for all directions together.
///
/// # Errors
/// [`PreviewError`]: the state cannot be read, or the ledger would refuse the agreement.
pub fn preview(
    state: &MemoryState,
    agreement: &Agreement,
    mut heard: impl FnMut(usize, usize),
) -> Result<Preview, PreviewError> {
    let view = View(state);
    let now = view.meta()?.map_or(TimeMs(0), |meta| meta.time);
    let at = now.max(agreement.valid.from);
    let mut signed = state.clone();
    sign(&mut signed, agreement, now)?;
    let patients = patients(state)?;
    let grants = grants(state, &signed, agreement)?;
    let total: usize = agreement.parties.len() * agreement.parties.len().saturating_sub(1);
    let mut directions = Vec::with_capacity(total);
    let asked = |d: &NetworkId, v: &NetworkId| linked(view, &patients, d, v);
    let mut todo = Vec::new();
    for disclosing in &agreement.parties {
        for viewing in agreement.parties.iter().filter(|v| *v != disclosing) {
            todo.push((disclosing, viewing, asked(disclosing, viewing)?));
        }
    }
    let all: usize = todo
        .iter()
        .map(|(.., pairs)| pairs.len().min(PATIENTS_MAX))
        .sum();
    let mut done = 0;
    for (disclosing, viewing, pairs) in todo {
        let asker = Asker::of(view, &patients, &grants, disclosing, viewing)?;
        let mut change = Change::none(disclosing, viewing);
        change.left_out = pairs.len().saturating_sub(PATIENTS_MAX);
        for (ours, theirs) in pairs.into_iter().take(PATIENTS_MAX) {
            let requests = asker.requests(&ours, &theirs);
            change.in_part += usize::from(requests.len() > REQUESTS_MAX);
            let tried = &requests[..requests.len().min(REQUESTS_MAX)];
            let before = seen(view, tried, at)?;
            let after = seen(View(&signed), tried, at)?;
            change.count(before, after);
            done += 1;
            heard(done, all);
        }
        directions.push(change);
    }
    Ok(Preview { at, directions })
}

impl Change {
    fn none(disclosing: &NetworkId, viewing: &NetworkId) -> Self {
        Self {
            disclosing: disclosing.clone(),
            viewing: viewing.clone(),
            patients: 0,
            visible_before: 0,
            visible_after: 0,
            gained: 0,
            lost: 0,
            wider: 0,
            narrower: 0,
            other: 0,
            unchanged: 0,
            left_out: 0,
            in_part: 0,
        }
    }
    fn count(&mut self, before: Codes<Category>, after: Codes<Category>) {
        self.patients += 1;
        self.visible_before += usize::from(!before.is_empty());
        self.visible_after += usize::from(!after.is_empty());
        let of = match (before.is_empty(), after.is_empty()) {
            _ if before == after => &mut self.unchanged,
            (true, _) => &mut self.gained,
            (_, true) => &mut self.lost,
            _ if before.is_subset(&after) => &mut self.wider,
            _ if after.is_subset(&before) => &mut self.narrower,
            _ => &mut self.other,
        };
        *of += 1;
    }
}

/// Every category some request of these is permitted.
fn seen(
    view: View<'_, MemoryState>,
    requests: &[AccessRequest],
    at: TimeMs,
) -> Result<Codes<Category>, PreviewError> {
    let mut seen = Codes::new();
    for request in requests {
        for (_, decision) in authorize(view, request, at)? {
            if let Decision::Permit(terms) = decision {
                let of = terms.bases.iter().map(|basis| basis.categories);
                seen = of.fold(seen, |all: Codes<Category>, one| all.union(&one));
            }
        }
    }
    Ok(seen)
}

/// Nobody signed: it is a copy of the state that nobody else sees.
struct Unsigned;

impl SignatureCheck for Unsigned {
    fn holds(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

/// Proposes the agreement and signs it for every party, on this copy; what is proposed or signed already stays so.
fn sign(state: &mut MemoryState, agreement: &Agreement, now: TimeMs) -> Result<(), PreviewError> {
    let digest = agreement_digest(agreement);
    let known = View(&*state).agreement(&agreement.id, agreement.version)?;
    let known = known.filter(|record| record.value.digest == digest);
    let signed = known.as_ref().map(|record| &record.value.signed);
    for (n, party) in agreement.parties.iter().enumerate() {
        if signed.is_some_and(|signed| signed.contains_key(party)) {
            continue;
        }
        let body = if n == 0 && known.is_none() {
            Body::AgreementPropose(agreement.clone())
        } else {
            Body::AgreementSign {
                id: agreement.id.clone(),
                version: agreement.version,
                digest,
            }
        };
        say(state, party, body, now)?;
    }
    Ok(())
}

/// Applies an entry as if the network's governance key had signed it.
fn say(
    state: &mut MemoryState,
    network: &NetworkId,
    body: Body,
    now: TimeMs,
) -> Result<(), PreviewError> {
    let view = View(&*state);
    let keys = view.keys(KeyPurpose::Governance)?;
    let good = |(id, key): (KeyId, sekisho_ledger::record::Key)| {
        (key.network == *network && key.revoked.is_none()).then_some(id)
    };
    let not_a_member = || PreviewError::NotAMember(network.clone());
    let author = keys.into_iter().find_map(good).ok_or_else(not_a_member)?;
    let meta = view.meta()?.ok_or_else(not_a_member)?;
    // Unlike any that stands on the ledger, and the same each time.
    let digest: [u8; 32] = Sha256::digest(format!("preview {} {network}", meta.size)).into();
    let mut request_id = [0; 16];
    request_id
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    let entry = Entry {
        ledger: meta.ledger,
        lineage: meta.lineage,
        author,
        request_id: RequestId(request_id),
        claimed_time: now,
        not_before: now,
        not_after: now.plus_ms(1),
        body,
    };
    let envelope = v1::Envelope {
        payload_type: ENTRY_TYPE.to_owned(),
        payload: prost::Message::encode_to_vec(&v1::Entry::from(&entry)),
        signatures: vec![v1::Signature {
            key_id: author.0.to_vec(),
            signature: vec![0; Signature::LEN],
        }],
    };
    let batch = v1::Batch {
        time_ms: now.0,
        envelopes: vec![envelope],
    };
    match apply_batch(state, &batch, &Unsigned)?.pop() {
        Some(Applied::Leaf {
            outcome: Outcome::Refused(reason),
            ..
        }) => Err(PreviewError::Refused {
            network: network.clone(),
            reason,
        }),
        Some(Applied::Invalid(fault)) => Err(PreviewError::NotTaken {
            network: network.clone(),
            fault,
        }),
        _ => Ok(()),
    }
}

/// Everything the leaves say of links, and of whom consents name. A leaf that had no effect is looked at as well:
/// it only adds patients and facilities to try.
fn patients(state: &MemoryState) -> Result<Patients, PreviewError> {
    let view = View(state);
    let mut patients = Patients::default();
    let mut index = EntryIndex(0);
    while let Some(bytes) = view.leaf(index)? {
        index.0 += 1;
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
                patients.pairs.insert((own.clone(), other.clone()));
                patients.pairs.insert((other, own));
            }
            Entry {
                body: Body::ConsentGrant(consent),
                ..
            } => {
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
fn linked(
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
fn grants(
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
struct Asker<'a> {
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
    fn of(
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
    fn requests(&self, ours: &SubjectRef, theirs: &SubjectRef) -> Vec<AccessRequest> {
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

#[cfg(test)]
#[path = "preview_test.rs"]
mod tests;
