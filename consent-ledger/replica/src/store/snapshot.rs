//! A snapshot: every row of the state as of one applied log id.
//!
//! Nothing is kept on disk for it: the state is durable with the log, so a snapshot is a view of it,
//! and a replica that lags gets a fresh one. Its bytes, hashed once for the header and then sent:
//!
//! ```text
//! "sekisho/snapshot/v1\n"
//! row*    key length (4, big endian) | value length (4, big endian) | key | value     by ascending key
//! end     ff ff ff ff | number of rows (8, big endian)
//! ```

use super::flush::Applied;
use super::format::{AppliedMembership, Record, from_membership_record};
use super::rows::Gap;
use super::{APPLIED, MEMBERSHIP, ReadState, STATE, StateTxn, Store, blocking};
use crate::ReplicaError;
use crate::config::{SNAPSHOT_CHUNK_BYTES, SNAPSHOT_CHUNKS_AHEAD};
use crate::raft::{LogId, StoredMembership, wire};
use futures::{Stream, StreamExt};
use openraft::SnapshotMeta;
use redb::ReadTransaction;
use sekisho_domain::Hash;
use sekisho_ledger::store::{MemoryState, StateWrite, Table};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use tokio::sync::mpsc;

const MAGIC: &[u8] = b"sekisho/snapshot/v1\n";
const END: u32 = u32::MAX;
/// Longest key or value: far above any row, far below what would exhaust memory.
const ROW_BYTES_MAX: u32 = 16 * 1024 * 1024;
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
                SnapshotData::Received(incoming) => incoming.rows(|key, value| {
                    put(&mut end, key, value)?;
                    Ok(ControlFlow::Continue(()))
                })?,
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
        sink.write_all(MAGIC).map_err(sink_error)?;
        let mut count = 0u64;
        for row in self.state.rows() {
            let (key, value) = &row?;
            let length = |bytes: &[u8]| {
                u32::try_from(bytes.len())
                    .ok()
                    .filter(|&length| length <= ROW_BYTES_MAX)
                    .ok_or(ReplicaError::Damaged("a row too long for a snapshot"))
            };
            let (key_length, value_length) = (length(key)?, length(value)?);
            for part in [
                key_length.to_be_bytes().as_slice(),
                &value_length.to_be_bytes(),
                key,
                value,
            ] {
                sink.write_all(part).map_err(sink_error)?;
            }
            count += 1;
        }
        sink.write_all(&END.to_be_bytes()).map_err(sink_error)?;
        sink.write_all(&count.to_be_bytes()).map_err(sink_error)
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

/// A snapshot on its way in: a file in the data directory, deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Incoming {
    path: PathBuf,
}

impl Incoming {
    /// Receives a snapshot of an announced length and digest.
    ///
    /// # Errors
    /// [`ReplicaError::SnapshotDigest`] if other bytes came, or the file cannot be written.
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
        let incoming = Self { path: path.clone() };
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
        Ok(Ok(incoming))
    }

    /// Whether its tree ends before the one that this replica cosigned or was filled with: of a leader that was cut off,
    /// or one that lies. Consensus knows the age of what came by the log, not of what was imported. Blocks.
    ///
    /// # Errors
    /// It is no snapshot of a ledger, or cannot be read.
    pub(crate) fn is_behind(&self, store: &Store) -> Result<bool, ReplicaError> {
        let mut first = MemoryState::default();
        self.rows(|key, value| {
            // Of the first table, in which there is one row.
            if let Some(key) = key.strip_prefix(&[Table::Meta as u8]) {
                let Ok(()) = first.put(Table::Meta, key, value);
            }
            Ok(ControlFlow::Break(()))
        })?;
        let meta = sekisho_ledger::View(&first).meta().ok().flatten();
        let meta = meta.ok_or(ReplicaError::Damaged("a snapshot without a ledger"))?;
        let cosigned = store.cosigned()?;
        Ok(cosigned.is_some_and(|last| last.size > meta.size))
    }

    /// Its rows in order, until one is enough.
    fn rows(
        &self,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, ReplicaError>,
    ) -> Result<(), ReplicaError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => ReplicaError::Damaged("a snapshot"),
            _ => file_error(&self.path, "read")(source),
        };
        let mut file = BufReader::new(File::open(&self.path).map_err(&failed)?);
        let damaged = || ReplicaError::Damaged("a snapshot");
        let mut magic = [0u8; MAGIC.len()];
        file.read_exact(&mut magic).map_err(&failed)?;
        if magic != MAGIC {
            return Err(damaged());
        }
        let (mut word, mut count) = ([0u8; 4], 0u64);
        loop {
            file.read_exact(&mut word).map_err(&failed)?;
            let key_length = u32::from_be_bytes(word);
            if key_length == END {
                break;
            }
            file.read_exact(&mut word).map_err(&failed)?;
            let value_length = u32::from_be_bytes(word);
            if key_length > ROW_BYTES_MAX || value_length > ROW_BYTES_MAX {
                return Err(damaged());
            }
            let mut key = vec![0; key_length as usize];
            let mut value = vec![0; value_length as usize];
            file.read_exact(&mut key).map_err(&failed)?;
            file.read_exact(&mut value).map_err(&failed)?;
            if each(&key, &value)?.is_break() {
                return Ok(());
            }
            count += 1;
        }
        let mut announced = [0u8; 8];
        file.read_exact(&mut announced).map_err(&failed)?;
        if count == u64::from_be_bytes(announced) {
            Ok(())
        } else {
            Err(damaged())
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "a received snapshot was not removed; the next start will");
        }
    }
}
