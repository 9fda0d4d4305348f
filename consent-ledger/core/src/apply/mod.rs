//! Putting entries into effect, in order: the ledger's one state machine.
//!
//! `apply` is a plain function of the state, the envelope and the stamped time: no clock, no randomness, no
//! I/O, the same on every replica and for an officer years later. An access request is *decided here*, so a
//! withdrawal put in order before it always denies it (P2). A refusal is an [`Outcome`]; `Err` means that
//! storage failed and the replica stops.
//!
//! ```text
//! envelope ── form ── known request id? ──▶ Duplicate (P5)
//!                └──── authentic, in time? ──▶ Invalid: no trace
//!                          └── rules ──▶ Outcome ──▶ leaf ──▶ tree (P7)
//! ```

mod agreements;
mod alerts;
mod consents;
mod emergencies;
mod journal;
mod life;
mod members;
mod replicas;
mod requests;

#[cfg(test)]
mod apply_test;
#[cfg(test)]
mod bounds_test;
#[cfg(test)]
mod governance_test;
#[cfg(test)]
mod life_test;
#[cfg(test)]
mod replicas_test;
#[cfg(test)]
mod requests_test;
#[cfg(test)]
mod rules_test;

use crate::envelope::{Authentic, EntryFault, Formed, SignatureCheck, Strict, authenticate, form};
use crate::leaf::Leaf;
use crate::merkle::{NodeStore, RightEdge, Subtree, leaf_hash};
use crate::record::{self, CoreError, Record, Requested};
use crate::store::{StateRead, StateWrite, Table};
use crate::view::{META_KEY, Meta, View, request_key};
use crate::{leaf, merkle};
use journal::{Journal, Writes};
use sekisho_domain::{Body, Entry, EntryIndex, Hash, Outcome, RefusalReason, TimeMs};
use sekisho_proto::v1;
use std::collections::BTreeSet;

pub use agreements::agreement_digest;
pub(crate) use members::put_key;
pub use replicas::place_to_come;

/// What one envelope of a batch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// It became a leaf.
    Leaf {
        /// Where it stands in the tree.
        index: EntryIndex,
        /// Its stamped time.
        time: TimeMs,
        /// What it came to.
        outcome: Outcome,
        /// Its RFC 6962 leaf hash.
        leaf_hash: Hash,
    },
    /// The same entry stands at this index already (P5).
    Duplicate {
        /// Where.
        index: EntryIndex,
    },
    /// Not an authentic entry for this ledger now; it leaves no trace.
    Invalid(EntryFault),
}

/// Where and when an entry takes effect.
#[derive(Debug, Clone, Copy)]
struct At {
    lineage: u64,
    index: EntryIndex,
    time: TimeMs,
}

/// Applies a batch: every envelope in order, each with its leaf and the tree's new nodes. The stamped time
/// never runs back: the later of the batch's and the last one counts.
///
/// # Errors
/// Storage failed or is damaged. The caller must then discard all of the batch's writes and stop.
pub fn apply_batch<S: StateWrite>(
    state: &mut S,
    batch: &v1::Batch,
    check: &dyn SignatureCheck,
) -> Result<Vec<Applied>, CoreError<S::Error>> {
    let Some(mut meta) = View(&*state).meta()? else {
        return Err(CoreError::Tree(
            "the ledger has not been founded".to_owned(),
        ));
    };
    meta.time = meta.time.max(TimeMs(batch.time_ms));
    let mut edge = RightEdge::load(&Nodes(&*state), meta.size).map_err(tree_error)?;
    let mut applied = Vec::with_capacity(batch.envelopes.len());
    for envelope in &batch.envelopes {
        applied.push(apply(state, &mut meta, &mut edge, envelope, check)?);
    }
    record::put(state, Table::Meta, META_KEY, &Record::founded(meta))?;
    Ok(applied)
}

fn apply<S: StateWrite>(
    state: &mut S,
    meta: &mut Meta,
    edge: &mut RightEdge,
    envelope: &v1::Envelope,
    check: &dyn SignatureCheck,
) -> Result<Applied, CoreError<S::Error>> {
    let formed = match form(envelope) {
        Ok(formed) => formed,
        Err(fault) => return Ok(Applied::Invalid(fault)),
    };
    let key = match request_of(state, &formed.entry)? {
        Ok(key) => key,
        Err(fault) => return Ok(Applied::Invalid(fault)),
    };
    let payload_hash = formed.payload_hash;
    match record::get::<_, Requested>(&*state, Table::Request, &key)?.map(|r| r.value) {
        Some(known) if known.payload_hash == payload_hash => {
            return Ok(Applied::Duplicate { index: known.index });
        }
        Some(_) => return Ok(Applied::Invalid(EntryFault::RequestIdReused)),
        None => {}
    }
    let at = At {
        lineage: meta.lineage,
        index: EntryIndex(meta.size),
        time: meta.time,
    };
    let executed = match execute(state, meta, envelope, formed, at, check)? {
        Ok(executed) => executed,
        Err(fault) => return Ok(Applied::Invalid(fault)),
    };
    let Executed {
        lineage,
        outcome,
        writes,
        rests_on,
        leaf: bytes,
        digest,
    } = executed;
    let hash = leaf_hash(&bytes);
    writes.commit(state).map_err(CoreError::Store)?;
    note_request(state, at, &key, payload_hash)?;
    let rests_on: Vec<EntryIndex> = rests_on.into_iter().collect();
    record::put(
        state,
        Table::RestsOn,
        &record::index_key(at.index),
        &Record {
            sources: rests_on,
            value: (),
        },
    )?;
    state
        .put(Table::Leaf, &record::index_key(at.index), bytes)
        .map_err(CoreError::Store)?;
    for (subtree, node) in edge
        .append(hash)
        .map_err(|e| CoreError::Tree(e.to_string()))?
    {
        state
            .put(Table::TreeNode, &node_key(subtree), node.0.to_vec())
            .map_err(CoreError::Store)?;
    }
    meta.size += 1;
    meta.lineage = lineage;
    meta.digest = digest;
    Ok(Applied::Leaf {
        index: at.index,
        time: at.time,
        outcome,
        leaf_hash: hash,
    })
}

/// Under which key an entry's request id stands. Ids are each network's own: nobody spends another's by naming it
/// first.
fn request_of<S: StateRead>(
    state: &S,
    entry: &Entry,
) -> Result<Result<Vec<u8>, EntryFault>, CoreError<S::Error>> {
    Ok(match View(state).key(&entry.author)? {
        Some(author) => Ok(request_key(&author.value.network, &entry.request_id)),
        None => Err(EntryFault::UnknownKey(entry.author)),
    })
}

fn note_request<S: StateWrite>(
    state: &mut S,
    at: At,
    key: &[u8],
    payload_hash: Hash,
) -> Result<(), CoreError<S::Error>> {
    let index = at.index;
    let requested = Requested {
        index,
        payload_hash,
    };
    record::put(state, Table::Request, key, &Record::made(index, requested))
}

/// What an entry comes to: not yet in effect.
struct Executed {
    /// The lineage from here on.
    lineage: u64,
    outcome: Outcome,
    writes: Writes,
    rests_on: BTreeSet<EntryIndex>,
    leaf: Vec<u8>,
    digest: Hash,
}

/// Authenticates an entry and runs its rules over the state, without changing it.
fn execute<S: StateRead>(
    state: &S,
    meta: &Meta,
    envelope: &v1::Envelope,
    formed: Formed,
    at: At,
    check: &dyn SignatureCheck,
) -> Result<Result<Executed, EntryFault>, CoreError<S::Error>> {
    let mut journal = Journal::over(state);
    let authentic = match authenticate(View(&journal), meta, envelope, formed, at.time, check)? {
        Ok(authentic) => authentic,
        Err(fault) => return Ok(Err(fault)),
    };
    // What is said in a later lineage rests on the recovery that began it.
    record::get::<_, ()>(&journal, Table::Lineage, &meta.lineage.to_be_bytes())?;
    let mut outcome = rules(&mut journal, &authentic, at)?;
    let (mut writes, mut rests_on) = journal.finish();
    rests_on.remove(&at.index);
    if matches!(outcome, Outcome::Refused(_)) {
        writes = Writes::none();
    }
    let encode = |outcome: &Outcome, writes: &Writes| {
        let digest = writes.digest(&meta.digest, at.index);
        (
            leaf::encode(at.index, at.time, envelope, outcome, &digest),
            digest,
        )
    };
    let (mut leaf, mut digest) = encode(&outcome, &writes);
    if leaf.len() > leaf::LEAF_BYTES_MAX {
        // Its outcome would not fit a leaf: refused, with nothing written.
        (outcome, writes) = (Outcome::Refused(RefusalReason::TooMany), Writes::none());
        (leaf, digest) = encode(&outcome, &writes);
    }
    let recovered =
        outcome == Outcome::Accepted && matches!(authentic.entry().body, Body::Recovery(_));
    Ok(Ok(Executed {
        lineage: meta.lineage + u64::from(recovered),
        outcome,
        writes,
        rests_on,
        leaf,
        digest,
    }))
}

/// Runs one leaf's entry again, at its own index and time, over a state that holds what it rests on: how the
/// offline verifier derives an outcome anew. Takes effect on the state; the leaf itself is not stored.
///
/// # Errors
/// Storage failed; or, inside, [`EntryFault`] where the entry is not authentic under that state, or its request id
/// was used by an earlier leaf.
pub(crate) fn replay<S: StateWrite>(
    state: &mut S,
    meta: &mut Meta,
    leaf: &Leaf,
) -> Result<Result<Outcome, EntryFault>, CoreError<S::Error>> {
    let at = At {
        lineage: meta.lineage,
        index: leaf.index,
        time: leaf.time,
    };
    let formed = match form(&leaf.envelope) {
        Ok(formed) => formed,
        Err(fault) => return Ok(Err(fault)),
    };
    let key = match request_of(state, &formed.entry)? {
        Ok(key) => key,
        Err(fault) => return Ok(Err(fault)),
    };
    if record::get::<_, Requested>(state, Table::Request, &key)?.is_some() {
        return Ok(Err(EntryFault::RequestIdReused));
    }
    let payload_hash = formed.payload_hash;
    match execute(state, meta, &leaf.envelope, formed, at, &Strict)? {
        Err(fault) => Ok(Err(fault)),
        Ok(executed) => {
            executed.writes.commit(state).map_err(CoreError::Store)?;
            note_request(state, at, &key, payload_hash)?;
            meta.lineage = executed.lineage;
            Ok(Ok(executed.outcome))
        }
    }
}

/// `Ok(Ok)`: it took effect; `Ok(Err)`: a rule stands against it; `Err`: storage failed.
type Effect<S> = Result<Result<(), RefusalReason>, CoreError<<S as StateRead>::Error>>;

/// Leaves the rule with a refusal unless the condition holds.
macro_rules! require {
    ($ok:expr, $reason:ident) => {
        if !$ok {
            return Ok(Err(sekisho_domain::RefusalReason::$reason));
        }
    };
}
use require;

fn rules<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
) -> Result<Outcome, CoreError<S::Error>> {
    let effect = match &by.entry().body {
        Body::NetworkAdmit {
            network,
            name,
            governance_key,
        } => members::admit_network(state, by, at, network, name, governance_key)?,
        Body::KeyAdd {
            purpose,
            public_key,
            endpoint,
        } => members::add_key(state, by, at, *purpose, public_key, endpoint.as_ref())?,
        Body::KeyRevoke { key } => members::revoke_key(state, by, at, key)?,
        Body::FacilityRegister {
            facility,
            kind,
            name,
            municipality,
        } => {
            let municipality = municipality.as_ref();
            members::register_facility(state, by, at, facility, *kind, name, municipality)?
        }
        Body::FacilityLeave { facility } => members::leave_facility(state, by, at, facility)?,
        Body::ConsentPolicyPublish(policy) => consents::publish_policy(state, by, at, policy)?,
        Body::AgreementPropose(agreement) => agreements::propose(state, by, at, agreement)?,
        Body::AgreementSign {
            id,
            version,
            digest,
        } => agreements::sign(state, by, at, id, *version, digest)?,
        Body::AgreementSuspend { id } => {
            agreements::end(state, by, at, id, agreements::End::Suspended)?
        }
        Body::AgreementTerminate { id } => {
            agreements::end(state, by, at, id, agreements::End::Terminated)?
        }
        Body::ConsentGrant(consent) => consents::grant(state, by, at, consent)?,
        Body::ConsentWithdraw {
            consent,
            recorded_by,
            evidence,
            way: _,
        } => consents::withdraw(state, by, at, *consent, recorded_by, evidence)?,
        Body::ReservationSet(reservation) => consents::reserve(state, by, at, reservation)?,
        Body::ReservationClear {
            reservation,
            recorded_by,
        } => consents::clear_reservation(state, by, at, *reservation, recorded_by)?,
        Body::SubjectLink { own, other } => consents::link(state, by, at, own, other)?,
        Body::SubjectUnlink { own, other } => consents::unlink(state, by, at, own, other)?,
        Body::AccessRequest(request) => return requests::decide(state, by, at, request),
        Body::Release(transfer) => requests::transfer(state, by, at, transfer, true)?,
        Body::Receipt(transfer) => requests::transfer(state, by, at, transfer, false)?,
        Body::AuthorityAdmit {
            authority,
            name,
            key,
            prefectures,
        } => members::admit_authority(state, by, at, authority, name, key, prefectures)?,
        Body::AuthorityEnd { authority } => members::end_authority(state, by, at, authority)?,
        Body::NoticePost(notice) => life::post_notice(state, by, at, notice)?,
        Body::NoticeRemove { notice } => life::remove_notice(state, by, at, *notice)?,
        Body::ProxyRegister(proxy) => life::register_proxy(state, by, at, proxy)?,
        Body::ProxyEnd {
            proxy,
            reason,
            recorded_by,
        } => life::end_proxy(state, by, at, *proxy, *reason, recorded_by)?,
        Body::DeathRecord {
            subject,
            recorded_by,
        } => life::record_death(state, by, at, subject, recorded_by, true)?,
        Body::DeathRetract {
            subject,
            recorded_by,
        } => life::record_death(state, by, at, subject, recorded_by, false)?,
        Body::ReservationSeal { sealed } => life::seal(state, by, at, sealed)?,
        Body::ReservationUnseal { seal } => life::unseal(state, by, at, *seal)?,
        Body::EmergencyReview(review) => emergencies::review(state, by, at, review)?,
        Body::PatientTold {
            access,
            way,
            recorded_by,
        } => emergencies::tell_patient(state, by, at, *access, *way, recorded_by)?,
        Body::SecurityAlert(alert) => alerts::raise(state, by, at, alert)?,
        Body::DisasterDeclare(disaster) => emergencies::declare(state, by, at, disaster)?,
        Body::DisasterExtend { declaration, until } => {
            emergencies::extend(state, by, at, *declaration, *until)?
        }
        Body::DisasterEnd { declaration } => emergencies::end(state, by, at, *declaration)?,
        Body::ReplicaAllocate {
            endpoint,
            transport_key,
            checkpoint_key,
        } => replicas::allocate(state, by, at, endpoint, transport_key, checkpoint_key)?,
        Body::ReplicaPromote { replica } => replicas::promote(state, by, at, *replica)?,
        Body::ReplicaRetire { replica } => replicas::retire(state, by, at, *replica)?,
        Body::Recovery(recovery) => replicas::recover(state, by, at, recovery)?,
    };
    Ok(match effect {
        Ok(()) => Outcome::Accepted,
        Err(reason) => Outcome::Refused(reason),
    })
}

/// The tree's nodes in the state.
pub struct Nodes<'a, S>(pub &'a S);

impl<S: StateRead> NodeStore for Nodes<'_, S> {
    type Error = CoreError<S::Error>;
    fn hash_of(&self, subtree: Subtree) -> Result<Option<Hash>, Self::Error> {
        let key = node_key(subtree);
        let Some(bytes) = self
            .0
            .get(Table::TreeNode, &key)
            .map_err(CoreError::Store)?
        else {
            return Ok(None);
        };
        Hash::try_from(bytes.as_slice())
            .map(Some)
            .map_err(|e| CoreError::corrupt(Table::TreeNode, &key, e))
    }
}

fn node_key(subtree: Subtree) -> [u8; 9] {
    let mut key = [0; 9];
    let (level, index) = key.split_at_mut(1);
    level.copy_from_slice(&[subtree.level]);
    index.copy_from_slice(&subtree.index.to_be_bytes());
    key
}

pub(crate) fn tree_error<E: std::error::Error + 'static>(
    error: merkle::TreeError<CoreError<E>>,
) -> CoreError<E> {
    match error {
        merkle::TreeError::Store(error) => error,
        other => CoreError::Tree(other.to_string()),
    }
}
