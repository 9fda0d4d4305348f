//! What a node must remember and can rebuild from nowhere: one redb file.
//!
//! ```text
//! meta          name                        -> "format": version; "ingested": digest of the sources read in full
//! patients      facility (10), local id     -> subject                                       [patients]
//! charts        subject (16), facility, id  -> nothing                                       [patients]
//! practitioners local id                    -> pseudonym                                     [practitioners]
//! pseudonyms    pseudonym (16)              -> local id                                      [practitioners]
//! openings      commitment (32)             -> label, salt, value                            [openings]
//! requests      request id (16)             -> digest of what was asked, envelope            [requests]
//! of_subject    subject (16), kind, id      -> nothing: what erasing the subject destroys    [subjects]
//! sealed        subject (16), request id    -> commitment to the sealed reservation          [sealed]
//! erased        subject (16)                -> when                                          [erase]
//! transfers     request id (16)             -> release or receipt, when, what became of it   [transfers]
//! of_access     access index (8, BE), kind  -> request id                                    [transfers]
//! outbox        sequence                    -> request id                                    [transfers]
//! decisions     number (8, BE)              -> two charts, one person's or not, who, why     [links]
//! proposals     subject (16), other subject -> a link another network's search gave rise to  [links]
//! cards         hash of the secret (32)     -> subject                                       [links]
//! feeds         source id                   -> how far its transaction storage was read      [feeds]
//! weights       number (8, BE)              -> weights learnt from own charts, who, why      [weights]
//! ```
//! Every value is one version byte, then postcard. Each write is one transaction of `Durability::Immediate`: when
//! a method has returned, what it wrote survives power loss (P1). After a failed write redb refuses all others.
//!
//! Local ids and the values of commitments live here and nowhere else (P10, P11); what erases them is [`erase`].
//! Calls block on the disk; async code runs them through [`crate::blocking`].

mod directory;
mod erase;
mod feeds;
mod format;
mod links;
mod openings;
mod patients;
mod practitioners;
mod requests;
mod sealed;
mod subjects;
mod transfers;
mod weights;

pub use directory::{ChartRecord, Directory, Review};
pub use erase::Erased;
pub use links::{Said, StoredDecision, StoredProposal};
pub use patients::Change;
pub use requests::{Kept, StoredRequest};
pub use sealed::StoredSeal;
pub use transfers::{Pending, Settled, StoredTransfer, TransferKind};
pub use weights::StoredWeights;

use crate::bounds::STORE_CACHE_BYTES;
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};
use sekisho_domain::{EntryIndex, Hash, LedgerId, NetworkId};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");
const PATIENTS: Table = TableDefinition::new("patients");
const CHARTS: Table = TableDefinition::new("charts");
const PRACTITIONERS: Table = TableDefinition::new("practitioners");
const PSEUDONYMS: Table = TableDefinition::new("pseudonyms");
const OPENINGS: Table = TableDefinition::new("openings");
const REQUESTS: Table = TableDefinition::new("requests");
const OF_SUBJECT: Table = TableDefinition::new("of_subject");
const SEALED: Table = TableDefinition::new("sealed");
const ERASED: Table = TableDefinition::new("erased");
const TRANSFERS: Table = TableDefinition::new("transfers");
const FEEDS: Table = TableDefinition::new("feeds");
const OF_ACCESS: Table = TableDefinition::new("of_access");
const DECISIONS: Table = TableDefinition::new("decisions");
const PROPOSALS: Table = TableDefinition::new("proposals");
const CARDS: Table = TableDefinition::new("cards");
const WEIGHTS: Table = TableDefinition::new("weights");
const OUTBOX: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("outbox");

const FORMAT_KEY: &str = "format";
const INGESTED_KEY: &str = "ingested";
const OWNER_KEY: &str = "owner";

/// Every table but [`META`] and [`OUTBOX`], whose keys are of other types.
const TABLES: [Table; 16] = [
    PATIENTS,
    CHARTS,
    PRACTITIONERS,
    PSEUDONYMS,
    OPENINGS,
    REQUESTS,
    OF_SUBJECT,
    SEALED,
    ERASED,
    TRANSFERS,
    OF_ACCESS,
    DECISIONS,
    PROPOSALS,
    CARDS,
    FEEDS,
    WEIGHTS,
];

/// The version of the file's layout. One of version 1 goes with a ledger of entries this version no longer reads:
/// there is nothing to migrate.
pub const FORMAT_VERSION: u8 = 2;

/// What can go wrong with the store. Displays never name a patient.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed; no further write is taken.
    #[error("the node's store failed")]
    Database(#[source] Box<redb::Error>),
    /// Another process has it open.
    #[error("the node's store at {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Written by another version.
    #[error("{what} is stored in format {found}, this version reads {supported}")]
    Format {
        /// Which value.
        what: &'static str,
        /// The version found.
        found: u8,
        /// The version known.
        supported: u8,
    },
    /// It is another node's memory: its pseudonyms mean other people.
    #[error("the node's store belongs to {found}, not to {expected}")]
    OtherNode {
        /// Whose it is: network and ledger.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// A stored value cannot be read back.
    #[error("{0} in the node's store is damaged")]
    Damaged(&'static str),
    /// A value cannot be written in the stored form.
    #[error("{what} cannot be stored")]
    Encode {
        /// Which value.
        what: &'static str,
        /// Why.
        source: postcard::Error,
    },
    /// A named bound is reached.
    #[error("the node's store holds {max} {what} already")]
    Full {
        /// What there are too many of.
        what: &'static str,
        /// The bound.
        max: u64,
    },
    /// The chart belongs to another person already.
    #[error("the chart belongs to another subject")]
    ChartTaken,
    /// There is no such subject.
    #[error("there is no such subject")]
    NoSuchSubject,
    /// There is no such decision, or it was taken back.
    #[error("there is no decision {0}, or it was taken back")]
    NoSuchDecision(u64),
    /// No learnt weights stand.
    #[error("no learnt weights are in force")]
    NoWeights,
    /// The subject was erased: nothing about it is taken any more.
    #[error("the subject has been erased")]
    Erased,
    /// A file beside the store's own cannot be made, moved or removed.
    #[error("{} cannot be replaced", .path.display())]
    Replace {
        /// The store's file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another document stands in the place of this transfer already.
    #[error("another transfer is recorded for the access request at index {0}")]
    OtherTransfer(EntryIndex),
    /// A chart is not whose it was when it was looked up.
    #[error("whose charts are whose changed meanwhile; try again")]
    Moved,
}

impl StoreError {
    fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

/// A node's memory.
#[derive(Debug)]
pub struct NodeStore {
    path: PathBuf,
    /// Replaced as a whole where a subject is erased; a transaction keeps the one it began on.
    current: RwLock<Arc<Database>>,
    /// Held by each writer, so that none writes into a file that is being replaced.
    writing: Mutex<()>,
    /// Proposals written since it was opened.
    proposals_written: AtomicU64,
}

impl NodeStore {
    /// Opens the store's file, making it where there is none. Once this returns, no power cut takes it away again.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Format`], [`StoreError::Database`] or [`StoreError::Replace`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Self::make(path);
        }
        let database = create(path)?;
        // Only now that no other process has it open: the file of an erasure that did not come to its end.
        erase::remove_unfinished(path)?;
        // Whoever made it may have ended before its name was durable.
        erase::sync_folder(path)?;
        Self::over(database, path)
    }

    /// Made under another name and whole before it gets its own, so that a power cut leaves a store or none.
    fn make(path: &Path) -> Result<Self, StoreError> {
        erase::remove_unfinished(path)?;
        let fresh = erase::unfinished(path);
        let store = Self::over(create(&fresh)?, path)?;
        std::fs::rename(&fresh, path).map_err(|source| StoreError::Replace {
            path: path.into(),
            source,
        })?;
        erase::sync_folder(path)?;
        Ok(store)
    }

    pub(crate) fn over(database: Database, path: &Path) -> Result<Self, StoreError> {
        let store = Self {
            path: path.into(),
            current: RwLock::new(Arc::new(database)),
            writing: Mutex::new(()),
            proposals_written: AtomicU64::new(0),
        };
        store.write(|txn| {
            let mut meta = txn.open_table(META).map_err(StoreError::database)?;
            let found = meta
                .get(FORMAT_KEY)
                .map_err(StoreError::database)?
                .map(|value| value.value().to_vec());
            match found.as_deref() {
                None => {
                    meta.insert(FORMAT_KEY, [FORMAT_VERSION].as_slice())
                        .map_err(StoreError::database)?;
                }
                Some([FORMAT_VERSION]) => {}
                Some(other) => {
                    return Err(StoreError::Format {
                        what: "the node's store",
                        found: other.first().copied().unwrap_or(0),
                        supported: FORMAT_VERSION,
                    });
                }
            }
            // Made here, so that readers find every table.
            for table in TABLES {
                txn.open_table(table).map_err(StoreError::database)?;
            }
            txn.open_table(OUTBOX).map_err(StoreError::database)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Says whose memory this is; a new store remembers it for good.
    ///
    /// # Errors
    /// [`StoreError::OtherNode`] if it is another's; or the database failed.
    pub(crate) fn belong_to(
        &self,
        network: &NetworkId,
        ledger: &LedgerId,
    ) -> Result<(), StoreError> {
        let expected = format!("{network} on ledger {ledger}");
        self.write(|txn| {
            let mut meta = txn.open_table(META).map_err(StoreError::database)?;
            let found = meta
                .get(OWNER_KEY)
                .map_err(StoreError::database)?
                .map(|value| String::from_utf8_lossy(value.value()).into_owned());
            match found {
                Some(found) if found == expected => Ok(()),
                Some(found) => Err(StoreError::OtherNode {
                    found,
                    expected: expected.clone(),
                }),
                None => {
                    meta.insert(OWNER_KEY, expected.as_bytes())
                        .map_err(StoreError::database)?;
                    Ok(())
                }
            }
        })
    }

    /// The digest of the sources that were last read in full.
    ///
    /// # Errors
    /// The database failed.
    pub fn ingested(&self) -> Result<Option<Hash>, StoreError> {
        let txn = self.read()?;
        let meta = txn.open_table(META).map_err(StoreError::database)?;
        let value = meta.get(INGESTED_KEY).map_err(StoreError::database)?;
        value
            .map(|v| Hash::try_from(v.value()).map_err(|_| StoreError::Damaged("a digest")))
            .transpose()
    }

    /// Remembers that sources of this digest were read in full, or that none are.
    ///
    /// # Errors
    /// The database failed.
    pub fn set_ingested(&self, sources: Option<Hash>) -> Result<(), StoreError> {
        self.write(|txn| {
            let mut meta = txn.open_table(META).map_err(StoreError::database)?;
            match sources {
                Some(digest) => meta
                    .insert(INGESTED_KEY, digest.0.as_slice())
                    .map_err(StoreError::database)?,
                None => meta.remove(INGESTED_KEY).map_err(StoreError::database)?,
            };
            Ok(())
        })
    }

    fn current(&self) -> Arc<Database> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.current().begin_read().map_err(StoreError::database)
    }

    /// One durable transaction; nothing of it is kept if `work` fails.
    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        write_to(&self.current(), work)
    }
}

fn create(path: &Path) -> Result<Database, StoreError> {
    Database::builder()
        .set_cache_size(STORE_CACHE_BYTES)
        .create(path)
        .map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.into()),
            other => StoreError::database(other),
        })
}

/// One durable transaction; nothing of it is kept if `work` fails.
fn write_to<T>(
    database: &Database,
    work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut txn = database.begin_write().map_err(StoreError::database)?;
    txn.set_durability(Durability::Immediate)
        .map_err(StoreError::database)?;
    let done = work(&txn)?;
    txn.commit().map_err(StoreError::database)?;
    Ok(done)
}

#[cfg(test)]
mod failing;
#[cfg(test)]
pub(crate) use failing::FailingDisk;
#[cfg(test)]
#[path = "store_test.rs"]
mod tests;
