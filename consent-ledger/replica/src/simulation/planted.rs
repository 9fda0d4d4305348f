//! Faults put back on purpose, so that the simulation shows that it would find them.

use crate::ReplicaError;
use redb::{Database, TableDefinition};
use sekisho_ledger::store::Table;
use std::cell::Cell;

/// A fault that the simulation must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Planted {
    /// A vote is reported as saved before it is on the disk.
    VoteNotSynced,
    /// Raft entries are acknowledged before they are on the disk.
    AppendNotSynced,
    /// What a leader has not on its own disk yet is applied and said to be committed.
    AheadNotAwaited,
    /// A replica that led and starts again leads on in its old term.
    LedOn,
    /// The table of requests that were seen is forgotten at each start.
    RequestsForgotten,
    /// The log is cut behind a received snapshot before that is installed.
    PurgeUnwaited,
    /// Whoever led keeps a batch's place until that is answered, though its term is over.
    PlaceKept,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::VoteNotSynced,
        Self::AppendNotSynced,
        Self::AheadNotAwaited,
        Self::LedOn,
        Self::RequestsForgotten,
        Self::PurgeUnwaited,
        Self::PlaceKept,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::VoteNotSynced => "vote-not-synced",
            Self::AppendNotSynced => "append-not-synced",
            Self::AheadNotAwaited => "ahead-not-awaited",
            Self::LedOn => "led-on",
            Self::RequestsForgotten => "requests-forgotten",
            Self::PurgeUnwaited => "purge-unwaited",
            Self::PlaceKept => "place-kept",
        }
    }
}

thread_local! {
    static LYING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread's simulation has a fault planted.
pub(crate) fn is_planted(fault: Planted) -> bool {
    super::SIMULATED.with_borrow(|simulated| {
        simulated
            .as_ref()
            .is_some_and(|simulated| simulated.planted == Some(fault))
    })
}

/// Lets the disk's syncs do nothing for the rest of the work under way, if that fault is planted.
pub(crate) fn lie_if(fault: Planted) {
    if is_planted(fault) {
        LYING.set(true);
    }
}

/// The work under way is over.
pub(super) fn lie_no_more() {
    LYING.set(false);
}

/// Whether a sync is to report success and do nothing.
pub fn is_lying() -> bool {
    LYING.get()
}

/// Forgets the requests that were seen, if that fault is planted.
pub(crate) fn forget_requests(
    database: &Database,
    state: TableDefinition<'static, &'static [u8], &'static [u8]>,
) -> Result<(), ReplicaError> {
    if !is_planted(Planted::RequestsForgotten) {
        return Ok(());
    }
    let txn = database.begin_write().map_err(ReplicaError::database)?;
    let mut rows = txn.open_table(state).map_err(ReplicaError::database)?;
    let (from, until) = ([Table::Request as u8], [Table::Request as u8 + 1]);
    rows.retain_in(from.as_slice()..until.as_slice(), |_, _| false)
        .map_err(ReplicaError::database)?;
    drop(rows);
    txn.commit().map_err(ReplicaError::database)
}
