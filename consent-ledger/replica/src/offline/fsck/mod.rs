//! Checking a replica's data directory byte by byte.
//!
//! One walk over the leaves, in order. Of each leaf there are up to four statements: its bytes in the store and in
//! the sealed bundle, its hash in the store's tree and in the sealed tile. What two of them agree on is taken, the
//! others are findings. From what is taken grow, anew, the tree (compared with every stored hash, every sealed
//! file and every root that was cosigned) and, in a scratch store, the state (each entry's signatures checked and
//! its rules run again; in the end compared row by row).
//!
//! Nothing in the data directory is written. A database whose pages are damaged is read as far as it goes: what
//! cannot be read is a finding, and its leaves are taken from the sealed bundles.

mod compare;
mod leaf;

use super::PROGRESS_EVERY;
use super::finding::{Finding, FindingKind, FsckReport};
use super::rows::Rows;
use crate::checkpoint::{Claimed, Cosigned};
use crate::store::{ReadState, Scratch, Stopped};
use crate::tiles::{CHECKPOINT, FOLDER, Tiles};
use crate::{ReplicaError, state_error};
use leaf::Sealed;
use sekisho_domain::{Genesis, TimeMs};
use sekisho_ledger::{View, checkpoint_voters, ledger_id};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Leaves applied again in one transaction of the scratch store.
const LEAVES_AT_ONCE: u64 = 256;
/// Rows of the state compared at a time.
const ROWS_AT_ONCE: usize = 512;

/// Checks everything in a data directory. `scratch` is an empty folder with as much room as the state takes;
/// `progress` hears of how many of how many leaves are done.
///
/// # Errors
/// [`ReplicaError::InUse`] while a replica runs there; there is no store; or the scratch folder cannot be used.
/// What is wrong with the data is no error but a finding.
pub fn fsck(
    data_dir: &Path,
    genesis: &Genesis,
    scratch: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<FsckReport, ReplicaError> {
    let mut report = FsckReport::default();
    let stopped = open(data_dir, &mut report)?;
    let tiles = Tiles::of(data_dir);
    let state = stopped.as_ref().and_then(|s| s.read_state().ok());
    let published = match published(&tiles, genesis, stopped.as_ref(), state.as_ref()) {
        Ok(published) => published,
        Err(error) => {
            report.add(Finding {
                kind: FindingKind::Checkpoint,
                place: format!("{FOLDER}/{CHECKPOINT}"),
                bundle: None,
                offset: None,
                detail: error.chain(),
            });
            None
        }
    };
    report.published = published.as_ref().map(|p| p.checkpoint.size());
    let mut fsck = Fsck {
        state,
        cosigned: None,
        latest: None,
        stopped,
        tiles,
        published,
        sealed: Sealed::default(),
        rows: Rows::new(),
        replaying: true,
        report,
    };
    fsck.consensus();
    fsck.strays();
    let size = fsck.size();
    let scratch = Scratch::found(scratch, genesis)?;
    fsck.leaves(&scratch, size, progress)?;
    if fsck.replaying && fsck.rows.size() == size {
        fsck.state(&scratch)?;
    }
    progress(fsck.rows.size(), size);
    fsck.report.leaves = fsck.rows.size();
    fsck.report.root = Some(fsck.rows.root());
    Ok(fsck.report)
}

/// The published checkpoint, by the voters the state names; by the founders where it cannot be read.
fn published(
    tiles: &Tiles,
    genesis: &Genesis,
    stopped: Option<&Stopped>,
    state: Option<&ReadState>,
) -> Result<Option<Cosigned>, ReplicaError> {
    let Some(claimed) = Claimed::published(tiles, ledger_id(genesis))? else {
        return Ok(None);
    };
    let size = claimed.checkpoint().size();
    let named = |state: &ReadState| {
        stopped.inspect(|stopped| stopped.allow());
        guarded(|| View(state).checkpoint_voters(size).map_err(state_error)).ok()
    };
    let voters = match state.and_then(named).filter(|voters| !voters.is_empty()) {
        Some(voters) => voters,
        None => checkpoint_voters(genesis)?,
    };
    let path = tiles.folder().join(CHECKPOINT);
    let verified = claimed.verify(&voters);
    verified
        .map(Some)
        .map_err(|source| ReplicaError::PublishedCheckpoint { path, source })
}

/// Opens the store, as damaged where it is; nothing if not even that is possible.
fn open(data_dir: &Path, report: &mut FsckReport) -> Result<Option<Stopped>, ReplicaError> {
    let opened = guarded(|| match Stopped::open(data_dir) {
        Err(error @ (ReplicaError::InUse(_) | ReplicaError::File { .. })) => Ok(Err(error)),
        other => other.map(Ok),
    });
    let whole = |mut stopped: Stopped| {
        let whole = stopped.is_whole();
        // What a replica would only meet when it stops.
        stopped.close();
        Ok(whole)
    };
    let damaged = match opened {
        Ok(Err(error)) => return Err(error),
        Ok(Ok(stopped)) => match guarded(|| whole(stopped)) {
            Ok(true) => return Stopped::open(data_dir).map(Some),
            Ok(false) => "pages do not have their checksums".to_owned(),
            Err(why) => why,
        },
        Err(why) => why,
    };
    report.add(Finding {
        kind: FindingKind::Database,
        place: database_name(),
        bundle: None,
        offset: None,
        detail: damaged,
    });
    // A checked database is repaired in memory; what is wanted is what is there.
    Ok(guarded(|| Stopped::open_damaged(data_dir)).ok())
}

fn database_name() -> String {
    Stopped::path(Path::new("")).display().to_string()
}

/// Reads what may be damaged: the database library refuses a damaged page with an error, or gives up on it.
fn guarded<T>(read: impl FnOnce() -> Result<T, ReplicaError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.chain()),
        Err(_) => Err("its pages make no sense".to_owned()),
    }
}

struct Fsck {
    stopped: Option<Stopped>,
    state: Option<ReadState>,
    cosigned: Option<(u64, Vec<u8>)>,
    /// The latest time of an applied batch that is still in the Raft log.
    latest: Option<TimeMs>,
    tiles: Tiles,
    published: Option<Cosigned>,
    sealed: Sealed,
    rows: Rows,
    /// Whether the scratch state is still what the leaves so far lead to.
    replaying: bool,
    report: FsckReport,
}

impl Fsck {
    fn published_size(&self) -> u64 {
        self.published.as_ref().map_or(0, |p| p.checkpoint.size())
    }

    fn find(&mut self, kind: FindingKind, place: String, offset: Option<u64>, detail: String) {
        let bundle = None;
        self.report.add(Finding {
            kind,
            place,
            bundle,
            offset,
            detail,
        });
    }

    /// Reads the store's state; nothing where there is no store.
    fn read<T>(
        &self,
        read: impl FnOnce(&ReadState) -> Result<T, ReplicaError>,
    ) -> Result<Option<T>, String> {
        let (Some(stopped), Some(state)) = (&self.stopped, &self.state) else {
            return Ok(None);
        };
        stopped.allow();
        guarded(|| read(state)).map(Some)
    }

    fn consensus(&mut self) {
        let Some(stopped) = &self.stopped else {
            return;
        };
        let identity = guarded(|| stopped.identity());
        let cosigned = guarded(|| stopped.cosigned());
        let consensus = guarded(|| stopped.check_consensus());
        let faults = [
            identity.as_ref().err(),
            cosigned.as_ref().err(),
            consensus.as_ref().err(),
        ];
        let faults: Vec<String> = faults.into_iter().flatten().cloned().collect();
        self.report.store = identity.ok();
        self.latest = consensus.ok().flatten();
        self.cosigned = cosigned.ok().flatten().map(|c| (c.size, c.root));
        for fault in faults {
            self.find(FindingKind::Consensus, database_name(), None, fault);
        }
    }

    /// How many leaves there should be.
    fn size(&mut self) -> u64 {
        let meta = self.read(|state| View(state).meta().map_err(state_error));
        let fault = match meta {
            Ok(Some(Some(meta))) => {
                if let Some((size, _)) = self.cosigned
                    && size > meta.size
                {
                    let detail = format!("{} leaves, but {size} were cosigned", meta.size);
                    self.find(FindingKind::Consensus, database_name(), None, detail);
                }
                return meta.size;
            }
            Ok(Some(None)) => "there is none".to_owned(),
            Ok(None) => return self.published_size(),
            Err(why) => why,
        };
        let place = format!("{}: Meta", database_name());
        self.find(FindingKind::State, place, None, fault);
        self.published_size()
    }

    /// Walks over the leaves.
    fn leaves(
        &mut self,
        scratch: &Scratch,
        size: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ReplicaError> {
        self.roots();
        let mut going = true;
        while going && self.rows.size() < size {
            going = scratch.write(|again| {
                for _ in 0..LEAVES_AT_ONCE {
                    if self.rows.size() >= size {
                        break;
                    }
                    if !self.leaf(again)? {
                        return Ok(false);
                    }
                    if self.rows.size().is_multiple_of(PROGRESS_EVERY) {
                        progress(self.rows.size(), size);
                    }
                }
                Ok(true)
            })?;
        }
        Ok(())
    }
}
