//! An index whose documents' contents are stored before their entries are applied.
//!
//! A document whose file is not, or no longer, what its entry says is left out of the batch: it is read again by the
//! next ingest, which finds it changed. A store that fails fails the batch: no entry ever leads to an object that is
//! not there.

use super::{ObjectContents, PART_BYTES, StoreError};
use crate::contents::{Contents, FILE_BYTES_MAX};
use crate::{
    Change, ContentsError, Counters, DocumentEntry, DocumentIndex, Error, FileOutcome, FileRecord,
    Page, Part, Quarantined, Query, SourceId, SourceLocation, UniqueId,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Documents of a batch stored at once: each is a request that mostly waits.
const STORED_AT_ONCE: usize = 8;

/// An index in front of which contents are stored.
pub struct Keeping {
    index: Box<dyn DocumentIndex>,
    store: ObjectContents,
    contents: Contents,
    /// Whether an object is asked for before it is stored: most are there when an index is built anew.
    ask: bool,
    /// Files of several documents, one of which is not what it was: they are not whole, so their own record waits for
    /// the next ingest too. Each is taken out when its record comes, which is after its documents'.
    spoilt: Mutex<BTreeSet<SourceLocation>>,
}

impl Keeping {
    /// Stores the contents of `contents`' files, whose entries are applied to the index.
    pub fn new(index: Arc<dyn DocumentIndex>, store: ObjectContents, contents: Contents) -> Self {
        Self {
            index: Box::new(index),
            store,
            contents,
            ask: false,
            spoilt: Mutex::default(),
        }
    }

    /// The batch without what is not there any more, its contents stored.
    fn stored(&self, changes: &[Change]) -> Result<Vec<Change>, Error> {
        let documents = changes
            .iter()
            .enumerate()
            .filter_map(|(n, change)| match change {
                Change::Put(FileRecord {
                    outcome: FileOutcome::Document(entry),
                    ..
                }) if self.contents.lies_in_files(entry) => Some((n, entry.as_ref())),
                _ => None,
            });
        let waiting = Mutex::new(documents);
        let next = || {
            waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next()
        };
        let work = || -> Result<Vec<usize>, Error> {
            let mut gone = Vec::new();
            while let Some((n, entry)) = next() {
                if self.ask && self.store.has(entry)? {
                    continue;
                }
                match self.store.store(&self.contents, entry) {
                    Ok(()) => {}
                    Err(ContentsError::Changed(_) | ContentsError::Vanished(_)) => gone.push(n),
                    Err(error) => return Err(Error::Unstored(Box::new(error))),
                }
            }
            Ok(gone)
        };
        let gone = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..STORED_AT_ONCE).map(|_| scope.spawn(work)).collect();
            let ended = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or(Err(Error::Closed)));
            // All of them, whichever fails.
            ended
                .collect::<Vec<_>>()
                .into_iter()
                .collect::<Result<Vec<_>, _>>()
        })?;
        let gone: BTreeSet<usize> = gone.into_iter().flatten().collect();
        let mut spoilt = self.spoilt.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Vec::with_capacity(changes.len());
        for (n, change) in changes.iter().enumerate() {
            let location = change.location();
            if gone.contains(&n) {
                tracing::info!(
                    "a file changed while it was read; it is read again by the next ingest"
                );
                spoilt.extend(location.part.map(|_| location.file()));
            } else if !spoilt.remove(location) || !is_divided(change) {
                kept.push(change.clone());
            }
        }
        Ok(kept)
    }
}

/// Whether a change says of a file that all its documents are there.
fn is_divided(change: &Change) -> bool {
    matches!(
        change,
        Change::Put(FileRecord {
            outcome: FileOutcome::Divided { .. },
            ..
        })
    )
}

impl ObjectContents {
    /// Stores a document's bytes, if they are those its entry says.
    ///
    /// # Errors
    /// The file is not what was indexed, or it cannot be read; or the store failed ([`ContentsError::Store`]).
    pub fn store(&self, contents: &Contents, entry: &DocumentEntry) -> Result<(), ContentsError> {
        let opened = contents.open_file(entry)?;
        let key = self.key(entry);
        if entry.size_bytes <= FILE_BYTES_MAX.min(PART_BYTES as u64) {
            let (_, bytes) = opened.check_whole(0)?;
            return Ok(self.put(&key, bytes)?);
        }
        let mut pieces = opened.check_all(0)?.pieces_of(PART_BYTES)?;
        let mut upload = self.begin(&key)?;
        let mut buffer = Vec::new();
        loop {
            let piece = match pieces.next(&mut buffer) {
                Ok(true) => std::mem::take(&mut buffer),
                Ok(false) => break,
                Err(error) => {
                    // What was stored of it so far is no object yet, and none is made of it.
                    let aborted = self.call(async move { upload.abort().await });
                    if let Err(error) = aborted {
                        tracing::debug!(%error, "an upload is left to the store's own clearing up");
                    }
                    return Err(error);
                }
            };
            let part = upload.put_part(piece.into());
            self.call(part)?;
        }
        Ok(self.call(async move { upload.complete().await.map(drop) })?)
    }
}

impl From<StoreError> for ContentsError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Unstored(Box::new(ContentsError::Store(error)))
    }
}

impl DocumentIndex for Keeping {
    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        crate::index::check_batch(changes)?;
        // Until the entries are applied, nothing says that their objects are wanted.
        let _not_swept = self
            .store
            .0
            .sweeping
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let changes = self.stored(changes)?;
        self.index.apply(&changes)
    }

    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error> {
        Ok(Box::new(Self {
            index: self.index.beside()?,
            store: self.store.clone(),
            contents: self.contents.clone(),
            ask: true,
            spoilt: Mutex::default(),
        }))
    }

    fn take_beside(&self) -> Result<(), Error> {
        self.index.take_beside()?;
        self.store.sweep(self.index.as_ref()).map(drop)
    }

    fn compact(&self) -> Result<(), Error> {
        self.index.compact()?;
        self.store.sweep(self.index.as_ref()).map(drop)
    }

    fn find(&self, query: &Query) -> Result<Page, Error> {
        self.index.find(query)
    }

    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        self.index.get(unique_id)
    }

    fn quarantined(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, Error> {
        self.index.quarantined(after, limit)
    }

    fn files(
        &self,
        source_id: &SourceId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.index.files(source_id, prefix, after, limit)
    }

    fn parts(
        &self,
        file: &SourceLocation,
        after: Option<Part>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.index.parts(file, after, limit)
    }

    fn records(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.index.records(after, limit)
    }

    fn counters(&self) -> Result<Counters, Error> {
        self.index.counters()
    }

    fn clear(&self) -> Result<(), Error> {
        self.index.clear()
    }

    fn flush(&self) -> Result<(), Error> {
        self.index.flush()
    }
}
