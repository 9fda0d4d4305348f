//! The index on PostgreSQL, or a database that speaks its protocol; tables in [`schema`].
//!
//! A batch is one transaction, a page one statement or one snapshot: readers see a batch wholly or not at all. What is
//! applied is durable when `apply` returns, as far as the server's `synchronous_commit` says so. A transaction that was
//! only in another's way, or whose connection broke, is tried again; to apply a batch twice is as good as once.
//!
//! The index belongs to one node, which it names, and is written to by the process that opened it last: an earlier one
//! that is still there is refused from then on ([`Error::TakenOver`]), so that two never write beside each other.
//!
//! The index holds patients' local ids: its database belongs to the network as its storages do (P10).

mod pool;
mod read;
mod rows;
mod schema;
pub(crate) mod settings;
mod write;

use crate::applied::Applied;
use crate::background::Background;
use crate::index::{check_batch, check_limit};
use crate::layout::{
    RECORD_TAGS, behind, decode, file_key, in_order, part_keys, path_keys, tagged,
};
use crate::{
    Change, Counters, DocumentEntry, DocumentIndex, Error, FileOutcome, FileRecord, Page, Part,
    Quarantined, Query, SourceId, SourceLocation, UniqueId,
};
use pool::{Attempt, Patience, Pool};
use rows::Key;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_postgres::Client;
use write::Turn;

pub use pool::POSTGRES_CONNECTIONS_MAX;
pub use schema::POSTGRES_SCHEMA;
pub use settings::PostgresSettings;

/// Which rows are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// The index.
    Live,
    /// The one being built beside it.
    Beside,
}

impl View {
    /// What is added to the generation of the index.
    fn offset(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Beside => 1,
        }
    }
}

/// An index in a PostgreSQL database.
pub struct PostgresIndex {
    shared: Arc<Shared>,
    view: View,
}

struct Shared {
    background: Background,
    pool: Arc<Pool>,
    owner: Arc<str>,
    /// This process, as the index knows whose writes count.
    holder: Arc<[u8]>,
    /// Whether the index is taken for this process; until then each use tries that first.
    taken: Mutex<bool>,
}

impl std::fmt::Debug for PostgresIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "PostgresIndex({}, {:?})",
            self.shared.pool.server(),
            self.view
        )
    }
}

impl PostgresIndex {
    /// Opens the index, making its tables where there are none, for the node that `owner` names: text that no two
    /// nodes share.
    ///
    /// # Errors
    /// [`Error::Owned`] if it is another node's, [`Error::Schema`] if a later version made it, [`Error::Unreachable`],
    /// [`Error::Slow`] or [`Error::Database`] if the server cannot be used.
    pub fn open(settings: PostgresSettings, owner: &str) -> Result<Self, Error> {
        let index = Self::new(settings, owner)?;
        index.taken()?;
        Ok(index)
    }

    /// The same, but a server that is away now is tried again at each use: it keeps no node from starting.
    ///
    /// # Errors
    /// As [`PostgresIndex::open`], except [`Error::Unreachable`] and [`Error::Slow`].
    pub fn open_or_wait(settings: PostgresSettings, owner: &str) -> Result<Self, Error> {
        let index = Self::new(settings, owner)?;
        match index.taken() {
            Err(error @ (Error::Unreachable { .. } | Error::Slow { .. })) => {
                tracing::error!(%error, "the document index is away; tried again when it is needed");
            }
            taken => taken?,
        }
        Ok(index)
    }

    fn new(settings: PostgresSettings, owner: &str) -> Result<Self, Error> {
        let background = Background::start("sekisho-index").map_err(Error::Threads)?;
        let mut holder = [0; 16];
        getrandom::fill(&mut holder).map_err(|e| Error::Threads(std::io::Error::other(e)))?;
        let shared = Shared {
            background,
            pool: Arc::new(Pool::new(settings)),
            owner: owner.into(),
            holder: holder.as_slice().into(),
            taken: Mutex::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
            view: View::Live,
        })
    }

    /// Takes the index for this process, once.
    fn taken(&self) -> Result<(), Error> {
        let shared = &self.shared;
        let mut taken = shared.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if *taken {
            return Ok(());
        }
        let (owner, holder) = (Arc::clone(&shared.owner), self.holder());
        self.run_as_it_is(Patience::Answer, move |client| {
            let (owner, holder) = (Arc::clone(&owner), Arc::clone(&holder));
            Box::pin(async move { schema::take(client, &owner, &holder).await })
        })?;
        *taken = true;
        Ok(())
    }

    fn holder(&self) -> Arc<[u8]> {
        Arc::clone(&self.shared.holder)
    }

    fn run<T: Send + 'static>(
        &self,
        patience: Patience,
        work: impl for<'a> FnMut(&'a mut Client) -> Attempt<'a, T> + Send + 'static,
    ) -> Result<T, Error> {
        self.taken()?;
        self.run_as_it_is(patience, work)
    }

    fn run_as_it_is<T: Send + 'static>(
        &self,
        patience: Patience,
        work: impl for<'a> FnMut(&'a mut Client) -> Attempt<'a, T> + Send + 'static,
    ) -> Result<T, Error> {
        let pool = Arc::clone(&self.shared.pool);
        let done = self.shared.background.wait(pool.run(patience, work));
        done.unwrap_or(Err(Error::Closed))
    }

    fn turn(&self, turn: Turn) -> Result<(), Error> {
        let holder = self.holder();
        self.run(Patience::Answer, move |client| {
            let holder = Arc::clone(&holder);
            Box::pin(async move { write::turn(client, &holder, turn).await })
        })
    }

    /// Removes the rows that are no part of the index any more, some at a time.
    fn remove_old(&self) -> Result<(), Error> {
        loop {
            let holder = self.holder();
            let more = self.run(Patience::Answer, move |client| {
                let holder = Arc::clone(&holder);
                Box::pin(async move { write::remove_old(client, &holder).await })
            })?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Records within two ranges of keys, in the order of their locations.
    fn ranges(
        &self,
        keys: [(Vec<u8>, Vec<u8>); 2],
        limit: usize,
        quarantined: bool,
    ) -> Result<Vec<FileRecord>, Error> {
        check_limit(limit)?;
        let ranges = Arc::new(read::Ranges {
            view: self.view,
            keys: keys.map(|(from, until)| (Key::of(from), Key::of(until))),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            quarantined,
        });
        let records = self.run(Patience::Answer, move |client| {
            let ranges = Arc::clone(&ranges);
            Box::pin(async move { read::records(client, &ranges).await })
        })?;
        Ok(in_order(records, limit))
    }
}

/// The keys of everything behind a location.
fn all_behind(after: Option<&SourceLocation>) -> [(Vec<u8>, Vec<u8>); 2] {
    RECORD_TAGS.map(|tag| {
        let from = after.map(|location| behind(tagged(tag, &file_key(location))));
        (from.unwrap_or_else(|| vec![tag]), vec![tag + 1])
    })
}

impl DocumentIndex for PostgresIndex {
    fn apply(&self, changes: &[Change]) -> Result<(), Error> {
        check_batch(changes)?;
        let (view, holder) = (self.view, self.holder());
        let changes: Arc<[Change]> = changes.into();
        self.run(Patience::Answer, move |client| {
            let (holder, changes) = (Arc::clone(&holder), Arc::clone(&changes));
            Box::pin(async move { write::apply(client, view, &holder, &changes).await })
        })
    }

    fn find(&self, query: &Query) -> Result<Page, Error> {
        query.validate()?;
        let (view, wanted) = (self.view, Arc::new(query.clone()));
        let found = self.run(Patience::Answer, move |client| {
            let query = Arc::clone(&wanted);
            Box::pin(async move { read::find(client, view, &query).await })
        })?;
        Ok(Page::cut(found, query.limit))
    }

    fn get(&self, unique_id: &UniqueId) -> Result<Option<DocumentEntry>, Error> {
        let (view, unique_id) = (self.view, *unique_id);
        self.run(Patience::Answer, move |client| {
            Box::pin(async move { read::get(client, view, &unique_id).await })
        })
    }

    fn quarantined(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, Error> {
        let records = self.ranges(all_behind(after), limit, true)?;
        let quarantined = |record: FileRecord| match record.outcome {
            FileOutcome::Quarantined { reason, patients } => Ok(Quarantined {
                location: record.location,
                reason,
                patients,
            }),
            _ => Err(Error::Corrupt { what: "reference" }),
        };
        records.into_iter().map(quarantined).collect()
    }

    fn files(
        &self,
        source_id: &SourceId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        let keys = [path_keys(source_id, prefix, after), Default::default()];
        self.ranges(keys, limit, false)
    }

    fn parts(
        &self,
        file: &SourceLocation,
        after: Option<Part>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.ranges([part_keys(file, after), Default::default()], limit, false)
    }

    fn records(
        &self,
        after: Option<&SourceLocation>,
        limit: usize,
    ) -> Result<Vec<FileRecord>, Error> {
        self.ranges(all_behind(after), limit, false)
    }

    fn counters(&self) -> Result<Counters, Error> {
        let view = self.view;
        let applied: Option<Vec<u8>> = self.run(Patience::Answer, move |client| {
            Box::pin(async move { read::applied(client, view).await })
        })?;
        let applied: Option<Applied> = applied
            .map(|bytes| decode(&bytes, "counters"))
            .transpose()?;
        Ok(applied.unwrap_or_default().counters)
    }

    fn clear(&self) -> Result<(), Error> {
        self.turn(Turn::Clear(self.view))?;
        self.remove_old()?;
        match self.view {
            View::Live => Ok(()),
            View::Beside => self.turn(Turn::Build),
        }
    }

    fn beside(&self) -> Result<Box<dyn DocumentIndex>, Error> {
        self.turn(Turn::Build)?;
        self.remove_old()?;
        Ok(Box::new(Self {
            shared: Arc::clone(&self.shared),
            view: View::Beside,
        }))
    }

    fn take_beside(&self) -> Result<(), Error> {
        self.turn(Turn::Take)?;
        self.remove_old()
    }

    fn compact(&self) -> Result<(), Error> {
        self.turn(Turn::GiveUp)?;
        self.remove_old()?;
        let gone_by_itself = self.run(Patience::Upkeep, |client| {
            Box::pin(read::write_anew(client))
        })?;
        if let Some(database) = gone_by_itself {
            tracing::warn!(
                database,
                "this database cannot be told to write its files anew; it lets go of old rows in its own time"
            );
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        // A committed batch is durable.
        Ok(())
    }
}

#[cfg(test)]
#[path = "../postgres_test.rs"]
mod tests;
