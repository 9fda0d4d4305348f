//! The tables on disk, their keys and their values.
//!
//! ```text
//! place       "place" -> ledger (32) ‖ next leaf (8, BE) ‖ SHA-256 of the leaf before it (32)
//! rows        index -> row (version byte, postcard)
//! of-subject  network ‖ 0 ‖ subject (16) ‖ index (8, BE) -> ()
//! of-who      practitioner (16) ‖ index -> ()
//! of-facility facility ‖ 0 ‖ index -> ()
//! loose       index -> content (32)     a release or a receipt came whose other half did not, or differs
//! alerts      index -> raised (postcard)
//! traffic     day (4, BE) ‖ viewing ‖ 0 ‖ disclosing -> asked (8, LE) ‖ permitted (8, LE)
//! ```
//! A chunk of leaves and the place behind it are one transaction: after a crash it goes on where it was. The file grows as
//! the ledger does, at about a quarter of its size, and has no other bound. Calls block on the disk.

use super::row::Row;
use redb::{ReadableTable, TableDefinition};
use sekisho_domain::{
    EntryIndex, FacilityId, Hash, LedgerId, NetworkId, SecurityAlert, SubjectId, TimeMs,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub(super) type Keys = TableDefinition<'static, &'static [u8], ()>;
pub(super) const PLACE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("place");
pub(super) const ROWS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("rows");
pub(super) const OF_SUBJECT: Keys = TableDefinition::new("of-subject");
pub(super) const OF_WHO: Keys = TableDefinition::new("of-who");
pub(super) const OF_FACILITY: Keys = TableDefinition::new("of-facility");
pub(super) const LOOSE: TableDefinition<'static, u64, [u8; 32]> = TableDefinition::new("loose");
pub(super) const ALERTS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("alerts");
pub(super) const TRAFFIC: TableDefinition<'static, &[u8], [u8; 16]> =
    TableDefinition::new("traffic");

/// The version of every row; the file of another one is made again.
pub(super) const VERSION: u8 = 1;
/// One day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Why the rows cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccessesFault {
    /// Another process has the file open.
    #[error("{0} is open in another process")]
    InUse(PathBuf),
    /// The database failed.
    #[error(
        "the database of accesses failed; it can be deleted, and is made again from the ledger"
    )]
    Database(#[source] Box<redb::Error>),
    /// A row is not what was written.
    #[error("a row of the accesses is damaged; the file can be deleted, and is made again")]
    Damaged(#[source] postcard::Error),
}

pub(super) fn failed(error: impl Into<redb::Error>) -> AccessesFault {
    AccessesFault::Database(Box::new(error.into()))
}

pub(super) type Answer<T> = Result<T, AccessesFault>;

/// How far the ledger was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub ledger: LedgerId,
    pub next: u64,
    pub last: Hash,
}

/// An alert on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// Its leaf.
    pub index: EntryIndex,
    /// When.
    pub time: TimeMs,
    /// What it says.
    pub alert: SecurityAlert,
}

pub(super) fn placed(bytes: &[u8]) -> Option<Place> {
    let (version, rest) = bytes.split_first()?;
    let (ledger, rest) = rest.split_first_chunk::<32>()?;
    let (next, rest) = rest.split_first_chunk::<8>()?;
    let place = Place {
        ledger: LedgerId(*ledger),
        next: u64::from_be_bytes(*next),
        last: Hash(rest.try_into().ok()?),
    };
    (*version == VERSION).then_some(place)
}

pub(super) fn encoded(value: &impl Serialize) -> Answer<Vec<u8>> {
    postcard::to_allocvec(value).map_err(AccessesFault::Damaged)
}

pub(super) fn decoded<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    postcard::from_bytes(bytes).map_err(AccessesFault::Damaged)
}

pub(super) fn row_of(
    rows: &impl ReadableTable<u64, &'static [u8]>,
    index: u64,
) -> Answer<Option<Row>> {
    let row = rows.get(index).map_err(failed)?;
    row.map(|row| decoded(row.value())).transpose()
}

pub(super) fn indexed(prefix: &[u8], index: u64) -> Vec<u8> {
    [prefix, &index.to_be_bytes()].concat()
}

pub(super) fn subject_prefix(network: &NetworkId, subject: &SubjectId) -> Vec<u8> {
    [network.as_str().as_bytes(), &[0], subject.as_bytes()].concat()
}

pub(super) fn facility_prefix(facility: &FacilityId) -> Vec<u8> {
    [facility.as_str().as_bytes(), &[0]].concat()
}

pub(super) fn day(time: TimeMs) -> u32 {
    u32::try_from(time.0 / DAY_MS).unwrap_or(u32::MAX)
}

pub(super) fn traffic_key(time: TimeMs, viewing: &NetworkId, disclosing: &NetworkId) -> Vec<u8> {
    let (viewing, disclosing) = (viewing.as_str(), disclosing.as_str());
    [
        &day(time).to_be_bytes(),
        viewing.as_bytes(),
        &[0],
        disclosing.as_bytes(),
    ]
    .concat()
}

pub(super) fn pair_of(key: &[u8]) -> Option<(NetworkId, NetworkId)> {
    let text = std::str::from_utf8(key.get(4..)?).ok()?;
    let (viewing, disclosing) = text.split_once('\0')?;
    Some((viewing.parse().ok()?, disclosing.parse().ok()?))
}

pub(super) fn counts(value: [u8; 16]) -> (u64, u64) {
    let (asked, permitted) = value.split_at(8);
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    (number(asked), number(permitted))
}

pub(super) fn counted(asked: u64, permitted: u64) -> [u8; 16] {
    let mut value = [0; 16];
    value[..8].copy_from_slice(&asked.to_le_bytes());
    value[8..].copy_from_slice(&permitted.to_le_bytes());
    value
}
