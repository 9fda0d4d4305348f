//! What stands in the state's tables: typed records, each remembering which entries made it.
//!
//! On disk: one version byte, then postcard of the sources (ledger indices, ascending) followed by the value. Who
//! looks at a record says so to the state with its sources: that is how a proof bundle finds the leaves a
//! decision rests on.

use crate::store::{StateRead, StateWrite, Table};
use sekisho_domain::{
    Agreement, AreaCode, Commitment, Consent, Disaster, EntryIndex, FacilityKind, Hash, KeyId,
    KeyPurpose, NetworkId, Notice, PractitionerId, Proxy, ProxyEndReason, PublicKey, Reservation,
    SubjectId, TimeMs, Told, Transfer, Verdict,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The version of every record written; an older one is migrated where it is read.
const RECORD_VERSION: u8 = 1;

/// Room for nearly every record, so that it does not grow byte by byte.
const USUAL_BYTES: usize = 256;

/// Storage failed, or holds what this software did not write.
#[derive(Debug, thiserror::Error)]
pub enum CoreError<E: std::error::Error + 'static> {
    /// Storage failed; the replica stops.
    #[error("the state's storage failed")]
    Store(#[source] E),
    /// A record cannot be read back; the replica stops, and `sekisho ledger fsck` tells more.
    #[error("the record under {key} in table {table:?} is damaged: {why}")]
    Corrupt {
        /// The table.
        table: Table,
        /// The key, in hexadecimal.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The tree and the state disagree.
    #[error("the tree is damaged: {0}")]
    Tree(String),
}

impl<E: std::error::Error + 'static> CoreError<E> {
    pub(crate) fn corrupt(table: Table, key: &[u8], why: impl ToString) -> Self {
        Self::Corrupt {
            table,
            key: hex::encode(key),
            why: why.to_string(),
        }
    }
}

/// A value with the entries that made it what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record<T> {
    /// Ascending; empty for what genesis founded.
    pub sources: Vec<EntryIndex>,
    /// The value.
    pub value: T,
}

impl<T> Record<T> {
    /// A record made by genesis.
    pub(crate) fn founded(value: T) -> Self {
        Self {
            sources: Vec::new(),
            value,
        }
    }
    /// A record made by one entry.
    pub(crate) fn made(by: EntryIndex, value: T) -> Self {
        Self {
            sources: vec![by],
            value,
        }
    }
    /// The record after another entry changed it.
    pub(crate) fn changed(mut self, by: EntryIndex, value: T) -> Self {
        self.sources.push(by);
        Self {
            sources: self.sources,
            value,
        }
    }
}

/// Reads a record, and says that it was looked at.
pub(crate) fn get<S: StateRead, T: DeserializeOwned>(
    state: &S,
    table: Table,
    key: &[u8],
) -> Result<Option<Record<T>>, CoreError<S::Error>> {
    let record = peek::<_, T>(state, table, key)?;
    if let Some(record) = &record {
        state.used(&record.sources);
    }
    Ok(record)
}

/// Reads a record.
pub(crate) fn peek<S: StateRead, T: DeserializeOwned>(
    state: &S,
    table: Table,
    key: &[u8],
) -> Result<Option<Record<T>>, CoreError<S::Error>> {
    state
        .get(table, key)
        .map_err(CoreError::Store)?
        .map(|bytes| decode(table, key, &bytes))
        .transpose()
}

/// Records with their keys.
type Rows<T> = Vec<(Vec<u8>, Record<T>)>;

/// Reads the records under a prefix, in key order, at most `max`, and says that they were looked at.
pub(crate) fn scan<S: StateRead, T: DeserializeOwned>(
    state: &S,
    table: Table,
    prefix: &[u8],
    max: usize,
) -> Result<Rows<T>, CoreError<S::Error>> {
    let rows = peek_scan::<_, T>(state, table, prefix, max)?;
    rows.iter()
        .for_each(|(_, record)| state.used(&record.sources));
    Ok(rows)
}

/// Reads the records under a prefix, in key order, at most `max`.
pub(crate) fn peek_scan<S: StateRead, T: DeserializeOwned>(
    state: &S,
    table: Table,
    prefix: &[u8],
    max: usize,
) -> Result<Rows<T>, CoreError<S::Error>> {
    let rows = state
        .scan(table, prefix, prefix, max)
        .map_err(CoreError::Store)?;
    rows.into_iter()
        .map(|(key, bytes)| decode(table, &key, &bytes).map(|record| (key, record)))
        .collect()
}

/// Writes a record.
pub(crate) fn put<S: StateWrite, T: Serialize>(
    state: &mut S,
    table: Table,
    key: &[u8],
    record: &Record<T>,
) -> Result<(), CoreError<S::Error>> {
    let bytes = encode(record).map_err(|e| CoreError::corrupt(table, key, e))?;
    state.put(table, key, bytes).map_err(CoreError::Store)
}

/// A record's bytes.
pub(crate) fn encode<T: Serialize>(record: &Record<T>) -> postcard::Result<Vec<u8>> {
    let sources: Vec<u64> = record.sources.iter().map(|i| i.0).collect();
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    bytes.push(RECORD_VERSION);
    let bytes = postcard::to_extend(&sources, bytes)?;
    postcard::to_extend(&record.value, bytes)
}

/// A record from its bytes.
pub(crate) fn decode<E: std::error::Error + 'static, T: DeserializeOwned>(
    table: Table,
    key: &[u8],
    bytes: &[u8],
) -> Result<Record<T>, CoreError<E>> {
    let (sources, rest) = sources(bytes).map_err(|why| CoreError::corrupt(table, key, why))?;
    match postcard::take_from_bytes(rest) {
        Ok((value, [])) => Ok(Record { sources, value }),
        Ok((_, idle)) => Err(CoreError::corrupt(
            table,
            key,
            format!("{} bytes stand behind it", idle.len()),
        )),
        Err(e) => Err(CoreError::corrupt(table, key, e)),
    }
}

/// The sources at the front of a record, and the bytes of its value.
pub(crate) fn sources(bytes: &[u8]) -> Result<(Vec<EntryIndex>, &[u8]), String> {
    match bytes.split_first() {
        Some((&RECORD_VERSION, rest)) => {
            let (sources, rest) =
                postcard::take_from_bytes::<Vec<u64>>(rest).map_err(|e| e.to_string())?;
            Ok((sources.into_iter().map(EntryIndex).collect(), rest))
        }
        Some((version, _)) => Err(format!(
            "its version is {version}, this software knows {RECORD_VERSION}"
        )),
        None => Err("it is empty".to_owned()),
    }
}

/// A composite key: parts of variable length end with a zero byte, which no id contains.
pub(crate) fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The key of an index: 8 bytes, big endian, so that keys sort as indices do.
pub(crate) fn index_key(index: EntryIndex) -> [u8; 8] {
    index.0.to_be_bytes()
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The organisation's name.
    pub name: String,
}

/// Who has said so far what a majority of members must say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Said {
    /// By which entry, and with which key.
    pub by: BTreeMap<NetworkId, (EntryIndex, KeyId)>,
}

/// A disaster authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The organisation's name.
    pub name: String,
    /// Where it may declare disasters.
    pub prefectures: BTreeSet<AreaCode>,
    /// The entry by which the members ended it.
    pub ended: Option<EntryIndex>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Whose it is.
    pub network: NetworkId,
    /// What it may sign.
    pub purpose: KeyPurpose,
    /// The key.
    pub public_key: PublicKey,
    /// For a transport key: `host:port` where the network's node answers.
    pub endpoint: Option<String>,
    /// The entry that revoked it.
    pub revoked: Option<EntryIndex>,
}

/// A replica of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The network that runs it.
    pub network: NetworkId,
    /// `host:port` where it answers.
    pub endpoint: String,
    /// The key of its TLS certificate.
    pub transport_key: PublicKey,
    /// The key it cosigns checkpoints with.
    pub checkpoint_key: PublicKey,
    /// The size of the smallest tree whose voter it is: 0 for a founder; none while it does not vote.
    pub votes_from: Option<u64>,
    /// The entry that retired it.
    pub retired: Option<EntryIndex>,
}

impl Replica {
    /// Whether it is a voter of the tree of this size: one that its leaves say so of.
    pub fn votes_in(&self, size: u64) -> bool {
        self.votes_from.is_some_and(|from| from <= size)
            && self.retired.is_none_or(|retired| size <= retired.0)
    }
}

/// A facility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facility {
    /// Whose it is.
    pub network: NetworkId,
    /// What kind of place it is.
    pub kind: FacilityKind,
    /// Its name.
    pub name: String,
    /// The entry that registered it.
    pub registered: EntryIndex,
    /// The entry by which it left.
    pub left: Option<EntryIndex>,
    /// The municipality it stands in, where it was said.
    pub municipality: Option<AreaCode>,
}

/// A published consent policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// As published.
    pub policy: sekisho_domain::ConsentPolicy,
    /// The later of its `valid_from` and the entry's own time: a rule never holds for the past.
    pub effective_from: TimeMs,
}

/// One version of an agreement and who has signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementVersion {
    /// As proposed.
    pub agreement: Agreement,
    /// SHA-256 of its encoding.
    pub digest: Hash,
    /// By whom it is signed, and by which entry.
    pub signed: BTreeMap<NetworkId, EntryIndex>,
}

/// What is in force of an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgreementHead {
    /// The last version proposed.
    pub latest: u32,
    /// The versions every party signed, ascending; those from before a suspension that was lifted no longer count.
    pub signed: Vec<u32>,
    /// The entry that suspended it; a newer version that all parties signed after it lifts it.
    pub suspended: Option<EntryIndex>,
    /// The entry that ended it for good.
    pub terminated: Option<EntryIndex>,
}

/// A consent and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenConsent {
    /// As granted.
    pub consent: Consent,
    /// The entry that granted it.
    pub granted: EntryIndex,
    /// That entry's stamped time.
    pub granted_at: TimeMs,
    /// The entry that withdrew it.
    pub withdrawn: Option<EntryIndex>,
    /// Commitment to the evidence of the withdrawal.
    pub withdrawal_evidence: Option<Commitment>,
}

/// A reservation and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenReservation {
    /// As set.
    pub reservation: Reservation,
    /// The entry that set it.
    pub set: EntryIndex,
    /// The entry that lifted it.
    pub cleared: Option<EntryIndex>,
}

/// Which of the two networks said that two subjects are the same patient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Link {
    /// By network; the link holds when both are here.
    pub said_by: BTreeMap<NetworkId, EntryIndex>,
}

/// What became of a request id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// The leaf.
    pub index: EntryIndex,
    /// SHA-256 of the payload: the same id with another payload is refused.
    pub payload_hash: Hash,
}

/// A release or receipt on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedTransfer {
    /// The entry.
    pub index: EntryIndex,
    /// What it said.
    pub transfer: Transfer,
}

/// A notice and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedNotice {
    /// As posted.
    pub notice: Notice,
    /// The entry that posted it.
    pub posted: EntryIndex,
    /// The later of its period's begin and the entry's own time: nothing was posted before it was.
    pub stands_from: TimeMs,
    /// The entry that took it down.
    pub removed: Option<EntryIndex>,
}

impl PostedNotice {
    /// Whether it stands at this time.
    pub fn stands(&self, time: TimeMs) -> bool {
        self.removed.is_none() && self.stands_from <= time && !self.notice.period.has_ended(time)
    }
    /// Whether it stood at an earlier entry.
    pub fn stood(&self, at: EntryIndex, time: TimeMs) -> bool {
        self.posted < at
            && self.removed.is_none_or(|removed| at < removed)
            && self.stands_from <= time
            && !self.notice.period.has_ended(time)
    }
}

/// A proxy and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownProxy {
    /// As registered.
    pub proxy: Proxy,
    /// Why and by which entry it ended before its time.
    pub ended: Option<(ProxyEndReason, EntryIndex)>,
}

impl KnownProxy {
    /// Whether it speaks for the patient at this time.
    pub fn holds(&self, time: TimeMs) -> bool {
        self.ended.is_none() && self.proxy.period.contains(time)
    }
}

/// Whether a subject is recorded as having died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The entry that says so; none once it was taken back.
    pub recorded: Option<EntryIndex>,
}

/// A sealed reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Whose node keeps and enforces it.
    pub network: NetworkId,
    /// Commitment to it.
    pub sealed: Commitment,
    /// The entry that lifted it.
    pub lifted: Option<EntryIndex>,
}

/// An access by break-glass and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyAccess {
    /// The network that asked.
    pub viewing: NetworkId,
    /// The patient, by that network's pseudonym.
    pub subject: SubjectId,
    /// Who asked.
    pub practitioner: PractitionerId,
    /// When a second person's review is due.
    pub due: TimeMs,
    /// The last verdict, who gave it, and by which entry.
    pub review: Option<(Verdict, PractitionerId, EntryIndex)>,
    /// How the patient was told, and by which entry.
    pub told: Option<(Told, EntryIndex)>,
}

impl EmergencyAccess {
    /// Whether a second person has judged it for good.
    pub fn is_reviewed(&self) -> bool {
        matches!(
            self.review,
            Some((Verdict::Appropriate | Verdict::Inappropriate, ..))
        )
    }
    /// Whether it should have been judged by now and is not.
    pub fn is_overdue(&self, time: TimeMs) -> bool {
        !self.is_reviewed() && self.due <= time
    }
}

/// A declared disaster and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredDisaster {
    /// Who declared it.
    pub authority: NetworkId,
    /// As declared; `until` as last extended.
    pub disaster: Disaster,
    /// The entry that ended it early.
    pub ended: Option<EntryIndex>,
}

impl DeclaredDisaster {
    /// Whether it holds at this time, as far as the declaration itself goes.
    pub fn holds(&self, time: TimeMs) -> bool {
        self.ended.is_none() && self.disaster.from <= time && time < self.disaster.until
    }
}
