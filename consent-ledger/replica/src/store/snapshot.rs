//! A snapshot: every row of the state as of one applied log id.
//!
//! Nothing is kept on disk for it: the state is durable with the log, so a snapshot is a view of it,
//! and a replica that lags gets a fresh one. Its bytes ([`framing`](super::framing)) are hashed once for the header and
//! then sent; the receiver keeps them in a file and checks them as they come.

use super::flush::Applied;
use super::format::{AppliedMembership, Record, from_membership_record};
use super::framing::{Reader, Writer};
use super::rows::Gap;
use super::{APPLIED, MEMBERSHIP, ReadState, STATE, StateTxn, Store, blocking};
use crate::ReplicaError;
use crate::config::{SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CHUNKS_AHEAD};
use crate::raft::{LogId, StoredMembership, wire};
use futures::{Stream, StreamExt};
use openraft::SnapshotMeta;
use redb::ReadTransaction;
use sekisho_domain::Hash;
use sekisho_ledger::Meta;
use sekisho_ledger::store::{MemoryState, StateWrite, Table};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use tokio::sync::mpsc;

/// How files of snapshots being received are named.
const INCOMING: &str = "incoming-";

/// What openraft passes around as a snapshot.
#[derive(Debug)]
pub(crate) enum SnapshotData {
    /// Of this replica's own state.
    View(View),
    /// Of another's, in a file, its digest checked.
    Received(Incoming),
    /// None yet.
    Nothing,
}

/// The state at one applied log id.
#[derive(Clone)]
pub(crate) struct View {
    state: ReadState,
    meta: SnapshotMeta<u64, crate::raft::Member>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View({})", self.meta)
    }
}

fn file_error(path: &Path, action: &'static str) -> impl Fn(io::Error) -> ReplicaError {
    let path = path.to_owned();
    move |source| ReplicaError::File {
        path: path.clone(),
        action,
        source,
    }
}

/// Deletes what an earlier process received and did not install.
pub(super) fn remove_leftovers(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(INCOMING) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// What is applied in a database, and the membership applied last.
pub(super) fn applied(
    txn: &ReadTransaction,
) -> Result<(Option<LogId>, StoredMembership), ReplicaError> {
    let applied: Option<v1::RaftLogId> = Record::get(txn, APPLIED)?;
    let membership: Option<AppliedMembership> = Record::get(txn, MEMBERSHIP)?;
    Ok((
        applied.map(wire::from_log_id),
        membership.map(from_membership_record).unwrap_or_default(),
    ))
}

impl Store {
    /// A view of the state as it is.
    pub(super) fn view(&self) -> Result<View, ReplicaError> {
        self.check()?;
        let (state, last_log_id, last_membership) = {
            let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
            let applied = &now.applied;
            (now.state(), applied.log_id, applied.membership.clone())
        };
        // Two views of one applied log id are the same bytes, so they may share their id.
        let snapshot_id = match last_log_id {
            Some(id) => format!(
                "{}-{}-{}",
                id.leader_id.term, id.leader_id.node_id, id.index
            ),
            None => "founded".to_owned(),
        };
        Ok(View {
            state,
            meta: SnapshotMeta {
                last_log_id,
                last_membership,
                snapshot_id,
            },
        })
    }

    /// Replaces the state by a snapshot's, in one transaction: a crash leaves the old state or the new
    /// one. Blocks.
    pub(super) fn install(
        &self,
        meta: &SnapshotMeta<u64, crate::raft::Member>,
        data: &SnapshotData,
    ) -> Result<(), ReplicaError> {
        let log_id = meta
            .last_log_id
            .ok_or(ReplicaError::Damaged("a snapshot without a log id"))?;
        let before = self.cosigned()?;
        let applied = Applied {
            log_id: Some(log_id),
            membership: meta.last_membership.clone(),
            // From here on the state is that of a log id.
            imported: None,
        };
        self.replace(applied, |txn| {
            txn.delete_table(STATE).map_err(ReplicaError::database)?;
            let mut rows = txn.open_table(STATE).map_err(ReplicaError::database)?;
            let mut end = Gap::at_the_end(&mut rows)?;
            match data {
                SnapshotData::View(view) => {
                    for row in view.state.rows() {
                        let (key, value) = row?;
                        put(&mut end, &key, &value)?;
                    }
                }
                SnapshotData::Received(incoming) => {
                    incoming.rows(|key, value| put(&mut end, key, value))?;
                }
                SnapshotData::Nothing => {
                    return Err(ReplicaError::Damaged("a snapshot without data"));
                }
            }
            end.close()?;
            drop(rows);
            self.check_installed(&StateTxn::open(txn)?, before.as_ref())
        })
    }
}

impl View {
    pub(super) fn meta(&self) -> &SnapshotMeta<u64, crate::raft::Member> {
        &self.meta
    }

    /// How many bytes the snapshot has, and their SHA-256. Blocks.
    pub(crate) fn digest(&self) -> Result<(u64, Hash), ReplicaError> {
        let mut counted = Counted {
            bytes: 0,
            digest: Sha256::new(),
        };
        self.dump(&mut counted)?;
        Ok((counted.bytes, Hash(counted.digest.finalize().into())))
    }

    /// The snapshot's bytes in pieces of at most [`SNAPSHOT_CHUNK_BYTES`], read as they are taken. A
    /// fault of the disk ends them early, which the receiver sees by the digest.
    pub(crate) fn chunks(&self) -> mpsc::Receiver<Vec<u8>> {
        #[cfg(feature = "simulation")]
        if crate::simulation::is_on() {
            return crate::simulation::pieces(|sink| self.dump(sink));
        }
        let (sender, receiver) = mpsc::channel(SNAPSHOT_CHUNKS_AHEAD);
        let view = self.clone();
        tokio::task::spawn_blocking(move || {
            let mut sink = BufWriter::with_capacity(SNAPSHOT_CHUNK_BYTES, Chunks(sender));
            let dumped = view
                .dump(&mut sink)
                .and_then(|()| sink.flush().map_err(sink_error));
            if let Err(error) = dumped {
                tracing::warn!(error = error.chain(), "a snapshot was not sent to its end");
            }
        });
        receiver
    }

    fn dump(&self, sink: &mut impl Write) -> Result<(), ReplicaError> {
        let mut rows = Writer::begin(sink).map_err(sink_error)?;
        for row in self.state.rows() {
            let (key, value) = row?;
            rows.row(&key, &value).map_err(sink_error)?;
        }
        rows.end().map_err(sink_error)
    }
}

/// Puts a snapshot's next row behind the ones before.
fn put(end: &mut Gap<'_>, key: &[u8], value: &[u8]) -> Result<(), ReplicaError> {
    if end.put(key, value)? {
        Ok(())
    } else {
        Err(ReplicaError::Damaged("a snapshot whose rows do not ascend"))
    }
}

fn sink_error(source: io::Error) -> ReplicaError {
    ReplicaError::File {
        path: PathBuf::from("the snapshot's receiver"),
        action: "written",
        source,
    }
}

struct Counted {
    bytes: u64,
    digest: Sha256,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Chunks(mpsc::Sender<Vec<u8>>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes
            .get(..bytes.len().min(SNAPSHOT_CHUNK_BYTES))
            .unwrap_or_default();
        self.0
            .blocking_send(piece.to_vec())
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(piece.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A snapshot that came: a file in the data directory, deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: Received,
    /// Leaves of its tree.
    size: u64,
}

/// The file, whole or not.
#[derive(Debug)]
struct Received(PathBuf);

impl Incoming {
    /// Receives a snapshot of an announced length and digest, and checks its form and whose it is as it comes.
    ///
    /// # Errors
    /// [`ReplicaError::SnapshotDigest`] if other bytes came, [`ReplicaError::NoSnapshot`] if these are none,
    /// [`ReplicaError::OtherLedger`], or the file cannot be written.
    pub(crate) async fn receive<E>(
        store: &Store,
        bytes: u64,
        announced: Hash,
        mut pieces: impl Stream<Item = Result<Vec<u8>, E>> + Unpin,
    ) -> Result<Result<Self, E>, ReplicaError> {
        let mut name = [0u8; 8];
        getrandom::fill(&mut name)
            .map_err(|_| ReplicaError::Damaged("the system's random source"))?;
        let path = store
            .0
            .directory
            .join(format!("{INCOMING}{:016x}", u64::from_be_bytes(name)));
        let creating = path.clone();
        let mut file = blocking(move || {
            let failed = file_error(&creating, "written");
            File::create_new(&creating).map_err(failed)
        })
        .await?;
        let kept = Received(path.clone());
        let (mut reader, mut first) = (Reader::default(), None);
        let (mut digest, mut got) = (Sha256::new(), 0u64);
        loop {
            match pieces.next().await {
                Some(Err(error)) => return Ok(Err(error)),
                None => break,
                Some(Ok(piece)) => {
                    got = got.saturating_add(piece.len() as u64);
                    if got > bytes {
                        break;
                    }
                    digest.update(&piece);
                    reader.take(&piece, |key, value| {
                        first.get_or_insert_with(|| meta(key, value));
                        Ok(())
                    })?;
                    let path = path.clone();
                    file = blocking(move || {
                        let written = file.write_all(&piece);
                        written.map_err(file_error(&path, "written"))?;
                        Ok(file)
                    })
                    .await?;
                }
            }
        }
        let digest = Hash(digest.finalize().into());
        if got != bytes || digest != announced {
            return Err(ReplicaError::SnapshotDigest {
                announced,
                got: digest,
            });
        }
        reader.finish()?;
        let meta = first.flatten().ok_or(ReplicaError::NoSnapshot {
            row: 0,
            why: "it does not say of which ledger it is",
        })?;
        if meta.ledger != store.0.ledger {
            return Err(ReplicaError::OtherLedger {
                found: meta.ledger,
                expected: store.0.ledger,
            });
        }
        Ok(Ok(Self {
            file: kept,
            size: meta.size,
        }))
    }

    /// Whether its tree ends before the one that this replica cosigned or was filled with: of a leader that was cut off,
    /// or one that lies. Consensus knows the age of what came by the log, not of what was imported.
    ///
    /// # Errors
    /// The store is poisoned.
    pub(crate) fn is_behind(&self, store: &Store) -> Result<bool, ReplicaError> {
        let cosigned = store.cosigned()?;
        Ok(cosigned.is_some_and(|last| last.size > self.size))
    }

    /// Its rows in order.
    fn rows(
        &self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), ReplicaError>,
    ) -> Result<(), ReplicaError> {
        let failed = file_error(&self.file.0, "read");
        let file = File::open(&self.file.0).map_err(&failed)?;
        let (mut reader, mut piece) = (Reader::default(), Vec::new());
        loop {
            piece.clear();
            let mut next = (&file).take(SNAPSHOT_CHUNK_BYTES as u64);
            next.read_to_end(&mut piece).map_err(&failed)?;
            if piece.is_empty() {
                return reader.finish();
            }
            reader.take(&piece, &mut each)?;
        }
    }
}

/// Where the ledger stands, by a snapshot's first row: that of the first table, in which there is no other.
fn meta(key: &[u8], value: &[u8]) -> Option<Meta> {
    let key = key.strip_prefix(&[Table::Meta as u8])?;
    let mut state = MemoryState::default();
    let Ok(()) = state.put(Table::Meta, key, value.to_vec());
    sekisho_ledger::View(&state).meta().ok().flatten()
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(%error, "a received snapshot was not removed; the next start will");
        }
    }
}
