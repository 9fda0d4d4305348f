//! Going on after a quorum was lost for good: what is left is looked at, the longest prefix that a quorum cosigned is
//! kept, and a statement signed by two thirds of the networks begins the next lineage from it.
//!
//! Three writes follow one another on each machine of the new lineage: the leaves of the prefix, each applied again;
//! the statement, which becomes the next leaf, byte for byte the same everywhere, for its stamped time is its own; the
//! mark that the store may start. A crash before the last leaves a store on which no replica starts, and the command
//! goes on where it was. The replicas are new ones, so that nothing voted or cosigned before binds or revives.

use super::archive::{Archive, ArchiveError, verify_archive};
use super::import::fill;
use crate::checkpoint::Claimed;
use crate::config::Config;
use crate::store::{Import, Stopped};
use crate::tiles::Tiles;
use crate::{ReplicaError, state_error};
use sekisho_domain::{EntryIndex, Genesis, Hash, Outcome, RefusalReason, ReplicaId};
use sekisho_ledger::recovery::{Statement, StatementFault};
use sekisho_ledger::{Applied, EntryFault, Leaf, View, ledger_id, tree};
use sekisho_proto::v1;
use std::path::Path;

/// What is left of a ledger in one place, as far as a quorum cosigned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// How many leaves.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// Whether it is a replica's data directory; else an export.
    pub is_store: bool,
}

/// Why a lineage cannot begin here.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// What is left cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The statement is no such statement.
    #[error("the statement: {0}")]
    Statement(#[from] StatementFault),
    /// The statement continues another prefix.
    #[error(
        "the statement continues {size} leaves of root {root}, here are {found} of root {found_root}"
    )]
    OtherPrefix {
        /// What it says.
        size: u64,
        /// What it says.
        root: Hash,
        /// What is here.
        found: u64,
        /// What is here.
        found_root: Hash,
    },
    /// The statement is not authentic on this ledger.
    #[error("the statement does not hold on this ledger: {0}")]
    NotAuthentic(EntryFault),
    /// A rule stands against it.
    #[error("the statement has no effect on this ledger: {}", .0.en())]
    Refused(RefusalReason),
    /// The statement does not give this machine's checkpoint key a place.
    #[error("the statement gives replica {0} no place")]
    NoSeat(ReplicaId),
}

impl From<ReplicaError> for RecoverError {
    fn from(error: ReplicaError) -> Self {
        Self::Archive(error.into())
    }
}

/// Looks at a stopped replica's data directory, or at an export: what of it a quorum cosigned, every hash on the way
/// computed again for an export, the root for a store.
///
/// # Errors
/// There is nothing, or it does not hold.
pub fn remains(
    place: &Path,
    genesis: &Genesis,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Remains, ArchiveError> {
    if !Stopped::path(place).exists() {
        let archive = verify_archive(place, genesis, progress)?;
        let checkpoint = &archive.checkpoint().checkpoint;
        return Ok(Remains {
            size: checkpoint.size(),
            root: checkpoint.root(),
            is_store: false,
        });
    }
    let stopped = Stopped::open(place)?;
    let state = stopped.read_state()?;
    let tiles = Tiles::of(place);
    let claimed = Claimed::published(&tiles, ledger_id(genesis))?
        .ok_or_else(|| ArchiveError::NoCheckpoint(tiles.folder().to_owned()))?;
    let checkpoint = claimed.verify_by(&state)?.checkpoint;
    let (size, expected) = (checkpoint.size(), checkpoint.root());
    let computed = tree::root(&state, size).map_err(state_error)?;
    if computed != expected {
        return Err(ArchiveError::Root {
            size,
            computed,
            expected,
        });
    }
    Ok(Remains {
        size,
        root: expected,
        is_store: true,
    })
}

/// Checks that a statement continues an archive and takes effect behind it.
///
/// # Errors
/// [`RecoverError`], the first thing that does not hold.
pub fn check_statement(archive: &Archive, statement: &Statement) -> Result<(), RecoverError> {
    let checkpoint = &archive.checkpoint().checkpoint;
    let recovery = statement.recovery();
    let (found, found_root) = (checkpoint.size(), checkpoint.root());
    if (recovery.size, recovery.root) != (found, found_root) {
        return Err(RecoverError::OtherPrefix {
            size: recovery.size,
            root: recovery.root,
            found,
            found_root,
        });
    }
    let (envelope, index) = (statement.envelope(), EntryIndex(found));
    let would = archive.roster().would(envelope, index, statement.time());
    match would.map_err(ArchiveError::from)? {
        Err(fault) => Err(RecoverError::NotAuthentic(fault)),
        Ok(Outcome::Refused(reason)) => Err(RecoverError::Refused(reason)),
        Ok(_) => Ok(()),
    }
}

/// Fills the store of a replica that the statement gives a place, and begins the lineage in it. Returns the size and
/// root of the tree it begins with; they are the same on every machine.
///
/// # Errors
/// [`RecoverError`]; or the store is not one of a replica that has never run.
pub fn start_lineage(
    archive: &Archive,
    statement: &Statement,
    config: &Config,
    genesis: &Genesis,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(u64, Hash), RecoverError> {
    check_statement(archive, statement)?;
    let own = config.replica;
    if !statement.replicas().iter().any(|(id, _)| *id == own) {
        return Err(RecoverError::NoSeat(own));
    }
    let store = Import::open(config, genesis)?;
    let begin = statement.recovery().size;
    if store.size()? != begin + 1 {
        fill(archive, &store, progress)?;
        let batch = v1::Batch {
            time_ms: statement.time().0,
            envelopes: vec![statement.envelope().clone()],
        };
        let applied = store.say(&batch)?;
        if !matches!(
            applied.as_slice(),
            [Applied::Leaf {
                outcome: Outcome::Accepted,
                ..
            }]
        ) {
            return Err(ReplicaError::Damaged("a statement that was checked").into());
        }
    }
    let leaf = View(&store.state()?)
        .leaf(EntryIndex(begin))
        .map_err(state_error)?;
    let leaf = leaf.map(|leaf| Leaf::decode(&leaf)).transpose();
    let leaf = leaf.map_err(|_| ReplicaError::Damaged("a leaf"))?;
    if leaf.is_none_or(|leaf| leaf.envelope != *statement.envelope()) {
        return Err(ReplicaError::HasRun(config.data_dir.clone()).into());
    }
    Tiles::of(&config.data_dir).write_checkpoint(&archive.checkpoint().note)?;
    let (size, root) = (store.size()?, store.root()?);
    store.complete(size, root)?;
    Ok((size, root))
}
