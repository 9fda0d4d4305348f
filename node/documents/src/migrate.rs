//! From one index to another, and from one place of contents to another.
//!
//! An index is copied by going through both in one order and applying what differs, beside the one that is there. So
//! what was cut off goes on where it was when it is begun again, what changed at its origin meanwhile is changed in the
//! copy, and a second time costs only reading. The copy takes its place when somebody has found it to be the same.

use crate::layout::encode;
use crate::store::ObjectContents;
use crate::{
    BATCH_CHANGES_MAX, Change, Contents, ContentsError, Counters, DocumentEntry, DocumentIndex,
    Error, FileOutcome, FileRecord, PAGE_ENTRIES_MAX, SourceLocation,
};
use sekisho_domain::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Batches after which a copy is made durable: what a cut costs at most is copied again in seconds.
const FLUSH_BATCHES: u64 = 32;
/// Contents stored or read at once: each is a request that mostly waits.
const AT_ONCE: usize = 8;

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Contents were looked for or stored.
    Stored {
        /// Documents dealt with.
        documents: u64,
        /// Of these, newly stored.
        newly: u64,
    },
    /// Entries were compared or copied.
    Copied {
        /// Entries dealt with.
        entries: u64,
        /// Of these, newly written.
        newly: u64,
    },
    /// Entries were read once more.
    Compared {
        /// Entries read.
        entries: u64,
    },
    /// Contents were read and hashed.
    Checked {
        /// Documents read.
        documents: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// What copying an index came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Entries there were already, the same.
    pub same: u64,
    /// Entries written.
    pub written: u64,
    /// Entries that the origin does not have, removed.
    pub removed: u64,
}

/// An index in few words: two that have the same hold the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Its records.
    pub records: u64,
    /// How many of each kind and reason, as its records come to.
    pub counters: Counters,
    /// SHA-256 over all records in order, each preceded by its length.
    pub digest: Hash,
}

/// What moving or checking contents came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Documents there were already, or found whole.
    pub there: u64,
    /// Documents stored.
    pub stored: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Documents whose contents are not what the index says, by why.
    pub wrong: BTreeMap<String, u64>,
}

impl Moved {
    /// Documents whose contents are not what the index says.
    pub fn wrong_total(&self) -> u64 {
        self.wrong.values().sum()
    }
}

/// All records of an index, page by page.
struct Records<'a> {
    index: &'a dyn DocumentIndex,
    page: VecDeque<FileRecord>,
    after: Option<SourceLocation>,
    ended: bool,
}

impl<'a> Records<'a> {
    fn of(index: &'a dyn DocumentIndex) -> Self {
        Self {
            index,
            page: VecDeque::new(),
            after: None,
            ended: false,
        }
    }

    /// The next one, which stays.
    fn peek(&mut self) -> Result<Option<&FileRecord>, Error> {
        if self.page.is_empty() && !self.ended {
            let page = self.index.records(self.after.as_ref(), PAGE_ENTRIES_MAX)?;
            self.ended = page.len() < PAGE_ENTRIES_MAX;
            self.after = page.last().map(|record| record.location.clone());
            self.page = page.into();
        }
        Ok(self.page.front())
    }

    fn next(&mut self) -> Result<Option<FileRecord>, Error> {
        self.peek()?;
        Ok(self.page.pop_front())
    }
}

/// Makes an index hold exactly what another does, which nobody writes to meanwhile; durable at the end.
///
/// # Errors
/// Either index failed; what was applied before stays, and is gone on from.
pub fn copy(
    from: &dyn DocumentIndex,
    to: &dyn DocumentIndex,
    progress: &mut dyn FnMut(Step),
) -> Result<Copied, Error> {
    let (mut origin, mut copy) = (Records::of(from), Records::of(to));
    let (mut copied, mut batch, mut batches) = (Copied::default(), Vec::new(), 0);
    loop {
        // The first of both in order.
        let order = match (origin.peek()?, copy.peek()?) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) => one.location.cmp(&other.location),
        };
        let wanted = if order.is_le() { origin.next()? } else { None };
        let held = if order.is_ge() { copy.next()? } else { None };
        match (wanted, held) {
            (Some(wanted), Some(held)) if wanted == held => copied.same += 1,
            (Some(wanted), _) => {
                copied.written += 1;
                batch.push(Change::Put(wanted));
            }
            (None, Some(held)) => {
                copied.removed += 1;
                batch.push(Change::Forget(held.location));
            }
            (None, None) => {}
        }
        let entries = copied.same + copied.written;
        if batch.len() == BATCH_CHANGES_MAX {
            to.apply(&batch)?;
            batch.clear();
            batches += 1;
            if batches % FLUSH_BATCHES == 0 {
                to.flush()?;
            }
        }
        if entries.is_multiple_of(BATCH_CHANGES_MAX as u64) {
            progress(Step::Copied {
                entries,
                newly: copied.written,
            });
        }
    }
    to.apply(&batch)?;
    to.flush()?;
    progress(Step::Copied {
        entries: copied.same + copied.written,
        newly: copied.written,
    });
    Ok(copied)
}

/// An index in few words, read from its first record to its last.
///
/// # Errors
/// The index failed, or counts otherwise than its records come to ([`Error::Corrupt`]).
pub fn summary(
    index: &dyn DocumentIndex,
    progress: &mut dyn FnMut(Step),
) -> Result<Summary, Error> {
    let (mut records, mut counters, mut digest) = (0, Counters::default(), Sha256::new());
    let mut all = Records::of(index);
    while let Some(record) = all.next()? {
        let bytes = encode(&record)?;
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(&bytes);
        counters.add(&record.outcome);
        records += 1;
        if records % PAGE_ENTRIES_MAX as u64 == 0 {
            progress(Step::Compared { entries: records });
        }
    }
    if counters != index.counters()? {
        return Err(Error::Corrupt { what: "count" });
    }
    progress(Step::Compared { entries: records });
    Ok(Summary {
        records,
        counters,
        digest: Hash(digest.finalize().into()),
    })
}

/// Stores the contents of all documents of an index that the store does not have.
///
/// # Errors
/// The index or the store failed; what was stored stays. A file that is not what the index says is no error here, but
/// counted.
pub fn store(
    index: &dyn DocumentIndex,
    files: &Contents,
    store: &ObjectContents,
    progress: &mut dyn FnMut(Step),
) -> Result<Moved, Error> {
    each_document(
        index,
        |entry| {
            if !files.lies_in_files(entry) || store.has(entry)? {
                return Ok(Done::There(0));
            }
            store.store(files, entry)?;
            Ok(Done::Stored(entry.size_bytes))
        },
        |moved| {
            progress(Step::Stored {
                documents: moved.there + moved.stored + moved.wrong_total(),
                newly: moved.stored,
            });
        },
    )
}

/// Reads and hashes the contents of all documents of an index, from wherever they are released.
///
/// # Errors
/// The index failed, or what holds the contents did. A document that is not what the index says is no error here, but
/// counted.
pub fn check(
    index: &dyn DocumentIndex,
    contents: &Contents,
    progress: &mut dyn FnMut(Step),
) -> Result<Moved, Error> {
    each_document(
        index,
        |entry| {
            if contents.lies_in_files(entry) {
                contents.open(entry)?.check_all(0)?;
            }
            Ok(Done::There(entry.size_bytes))
        },
        |moved| {
            progress(Step::Checked {
                documents: moved.there + moved.wrong_total(),
                bytes: moved.bytes,
            });
        },
    )
}

/// What was done with a document, and the bytes read of it.
enum Done {
    There(u64),
    Stored(u64),
}

/// Does something with each document of an index, some at once.
fn each_document(
    index: &dyn DocumentIndex,
    work: impl Fn(&DocumentEntry) -> Result<Done, ContentsError> + Sync,
    mut tell: impl FnMut(&Moved),
) -> Result<Moved, Error> {
    let (moved, mut after) = (Mutex::new(Moved::default()), None);
    loop {
        let page = index.records(after.as_ref(), PAGE_ENTRIES_MAX)?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.location.clone());
        let documents = page.iter().filter_map(|record| match &record.outcome {
            FileOutcome::Document(entry) => Some(entry.as_ref()),
            _ => None,
        });
        let waiting = Mutex::new(documents);
        let next = || {
            waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next()
        };
        let worker = || -> Result<(), Error> {
            while let Some(entry) = next() {
                let done = work(entry);
                let mut moved = moved.lock().unwrap_or_else(PoisonError::into_inner);
                match done {
                    Ok(Done::There(bytes)) => {
                        moved.there += 1;
                        moved.bytes += bytes;
                    }
                    Ok(Done::Stored(bytes)) => {
                        moved.stored += 1;
                        moved.bytes += bytes;
                    }
                    Err(error) => {
                        let why = wrong(&error).ok_or_else(|| Error::Unstored(Box::new(error)))?;
                        *moved.wrong.entry(why.to_owned()).or_default() += 1;
                    }
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
            let ended = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or(Err(Error::Closed)));
            // All of them, whichever fails.
            ended
                .collect::<Vec<_>>()
                .into_iter()
                .collect::<Result<(), _>>()
        })?;
        tell(&moved.lock().unwrap_or_else(PoisonError::into_inner));
    }
    Ok(moved.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What is wrong with one document, as far as that is what the error says: not its source or store as a whole.
fn wrong(error: &ContentsError) -> Option<&'static str> {
    match error {
        ContentsError::Changed(_) => Some("changed"),
        ContentsError::Vanished(_) => Some("vanished"),
        ContentsError::Escapes(_) => Some("escapes-root"),
        ContentsError::NotAFile(_) => Some("not-a-file"),
        ContentsError::TooLarge { .. } => Some("too-large"),
        ContentsError::UnknownSource(_)
        | ContentsError::Root { .. }
        | ContentsError::Store(_)
        | ContentsError::Io { .. } => None,
    }
}

#[cfg(test)]
#[path = "migrate_test.rs"]
mod tests;
