//! Opening a store: whose it is, and whether it may be the memory of a replica that has run before.

use super::flush::Now;
use super::format::{FORMAT_NUMBER, Format, Identity, Record};
use super::import::Imported;
use super::wal::{Opened, Wal};
use super::{COSIGNED, FORMAT, IDENTITY, IMPORTED, Inner, META, STATE, StateTxn, Store, snapshot};
use crate::ReplicaError;
use crate::config::{Config, STORE_CACHE_BYTES};
use crate::disk::{Disk, Folder, sync_directory};
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, TableHandle};
use sekisho_domain::{Genesis, LedgerId, ReplicaId};
use sekisho_ledger::ledger_id;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::watch;

/// The database's file in the data directory.
pub(super) const FILE: &str = "ledger.redb";
/// Its name while it is being made.
const NEW_FILE: &str = "ledger.redb.new";

impl Store {
    /// Opens the store of a replica, or founds it at the replica's first start. Blocks.
    ///
    /// The order at the first start: the founded store is durable, then the marker, and only then may
    /// the caller let the replica vote. A crash before the marker leaves a store that has not been used;
    /// the marker is made up at the next start. A marker without a store means that votes may have been
    /// forgotten, and such a replica is refused (R8).
    ///
    /// # Errors
    /// [`ReplicaError::OtherLedger`], [`ReplicaError::OtherReplica`], [`ReplicaError::StoreLost`],
    /// [`ReplicaError::InUse`], or whatever the disk says.
    pub(crate) fn open(
        config: &Config,
        genesis: &Genesis,
        ledger: LedgerId,
    ) -> Result<Self, ReplicaError> {
        let file = |action| {
            move |source| ReplicaError::File {
                path: config.data_dir.clone(),
                action,
                source,
            }
        };
        let disk: Arc<dyn Disk> = match &config.disk {
            Some(disk) => Arc::clone(disk),
            None => Arc::new(Folder::create(&config.data_dir).map_err(file("created"))?),
        };
        snapshot::remove_leftovers(&config.data_dir).map_err(file("read"))?;
        let has_run = config.marker.try_exists().map_err(file("read"))?;
        if has_run && disk.open(FILE).map_err(file("read"))?.is_none() {
            return Err(lost(config));
        }
        let database = database(&*disk, config, genesis, None)?;
        match identity(&database)? {
            Some(found) if found.ledger != ledger.0 => {
                let found = LedgerId::try_from(found.ledger.as_slice());
                return Err(match found {
                    Ok(found) => ReplicaError::OtherLedger {
                        found,
                        expected: ledger,
                    },
                    Err(_) => ReplicaError::Damaged("the store's identity"),
                });
            }
            Some(found) if found.replica != config.replica.0 => {
                let (found, expected) = (ReplicaId(found.replica), config.replica);
                return Err(ReplicaError::OtherReplica { found, expected });
            }
            Some(_) => check_import(&database, config)?,
            None => return Err(lost(config)),
        }
        let wal = match Opened::read(Arc::clone(&disk), &config.data_dir)? {
            Some(log) if log.identity()? != (ledger, config.replica) => {
                return Err(ReplicaError::Damaged(
                    "the write-ahead log, which is another's,",
                ));
            }
            Some(log) => log.resume(config.log_file_bytes)?,
            None if has_run => return Err(lost(config)),
            None => {
                let imported = Record::get(&begin_read(&database)?, COSIGNED)?;
                let bytes = config.log_file_bytes;
                Wal::found(
                    disk,
                    &config.data_dir,
                    ledger,
                    config.replica,
                    imported,
                    bytes,
                )?
            }
        };
        if !has_run {
            write_marker(&config.marker, ledger, config.replica)?;
        }
        #[cfg(feature = "simulation")]
        crate::simulation::forget_requests(&database, STATE)?;
        let now = Now::of(&begin_read(&database)?)?;
        // Nothing is purged that the database does not hold: else what lies between is nowhere.
        let (_, purged) = wal.ends();
        if purged.map(|purged| purged.index) > now.flushed.map(|flushed| flushed.index) {
            return Err(ReplicaError::Damaged(
                "the write-ahead log, which begins behind what the database holds,",
            ));
        }
        let store = Self(Arc::new(Inner {
            database: RwLock::new(Some(database)),
            wal,
            now: RwLock::new(now),
            applying: Mutex::default(),
            flushing: Mutex::default(),
            cosigning: Mutex::default(),
            directory: config.data_dir.clone(),
            ledger,
            replica: config.replica,
            poison: watch::Sender::new(None),
            size: watch::Sender::new(0),
            installing: watch::Sender::new(false),
        }));
        store.publish_size()?;
        Ok(store)
    }
}

/// The database of a replica; a new one is founded. It has its name only once that is durable: what a power cut leaves
/// of a database being made is not one.
pub(super) fn database(
    disk: &dyn Disk,
    config: &Config,
    genesis: &Genesis,
    imported: Option<&Imported>,
) -> Result<Database, ReplicaError> {
    let failed = |action| {
        move |source| ReplicaError::File {
            path: config.data_dir.join(FILE),
            action,
            source,
        }
    };
    let open = |name| {
        let opened = disk.database(name, Database::builder().set_cache_size(STORE_CACHE_BYTES));
        opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => ReplicaError::InUse(config.data_dir.join(FILE)),
            other => ReplicaError::database(other),
        })
    };
    if disk.open(FILE).map_err(failed("read"))?.is_some() {
        return open(FILE);
    }
    let database = match open(NEW_FILE) {
        Err(ReplicaError::Database(_)) => {
            disk.remove(NEW_FILE).map_err(failed("removed"))?;
            open(NEW_FILE)?
        }
        opened => opened?,
    };
    if identity(&database)?.is_none() {
        found(
            &database,
            genesis,
            ledger_id(genesis),
            config.replica,
            imported,
        )?;
    }
    let named = disk.rename(NEW_FILE, FILE);
    named
        .and_then(|()| disk.sync())
        .map_err(failed("written"))?;
    Ok(database)
}

fn begin_read(database: &Database) -> Result<ReadTransaction, ReplicaError> {
    database.begin_read().map_err(ReplicaError::database)
}

fn lost(config: &Config) -> ReplicaError {
    ReplicaError::StoreLost {
        replica: config.replica,
        marker: config.marker.clone(),
    }
}

/// An import that was interrupted has left a state of nothing in particular.
fn check_import(database: &Database, config: &Config) -> Result<(), ReplicaError> {
    let txn = begin_read(database)?;
    match Record::get::<Imported>(&txn, IMPORTED)? {
        Some(imported) if !imported.complete => {
            Err(ReplicaError::ImportUnfinished(config.data_dir.clone()))
        }
        _ => Ok(()),
    }
}

pub(super) fn identity(database: &Database) -> Result<Option<Identity>, ReplicaError> {
    let txn = begin_read(database)?;
    let mut tables = txn.list_tables().map_err(ReplicaError::database)?;
    if !tables.any(|table| table.name() == META.name()) {
        return Ok(None);
    }
    let identity = Record::get(&txn, IDENTITY)?;
    let format: Option<Format> = Record::get(&txn, FORMAT)?;
    match (&identity, format.map_or(1, |format| format.number)) {
        (Some(_), got) if got != FORMAT_NUMBER => Err(ReplicaError::Format {
            what: "the store",
            got: u8::try_from(got).unwrap_or(u8::MAX),
            expected: FORMAT_NUMBER as u8,
        }),
        _ => Ok(identity),
    }
}

fn found(
    database: &Database,
    genesis: &Genesis,
    ledger: LedgerId,
    replica: ReplicaId,
    imported: Option<&Imported>,
) -> Result<(), ReplicaError> {
    let txn = super::durable(database)?;
    txn.open_table(STATE).map_err(ReplicaError::database)?;
    sekisho_ledger::found(&mut StateTxn::open(&txn)?, genesis).map_err(crate::state_error)?;
    Record::put(
        &txn,
        IDENTITY,
        &Identity {
            ledger: ledger.0.to_vec(),
            replica: replica.0,
        },
    )?;
    let number = FORMAT_NUMBER;
    Record::put(&txn, FORMAT, &Format { number })?;
    if let Some(imported) = imported {
        Record::put(&txn, IMPORTED, imported)?;
    }
    txn.commit().map_err(ReplicaError::database)
}

fn write_marker(path: &Path, ledger: LedgerId, replica: ReplicaId) -> Result<(), ReplicaError> {
    let write = || {
        let mut file = File::create(path)?;
        writeln!(
            file,
            "replica {replica} of ledger {ledger} has run; without its store it must not run again"
        )?;
        file.sync_all()?;
        sync_directory(path.parent().unwrap_or(Path::new("")))
    };
    write().map_err(|source| ReplicaError::File {
        path: path.to_owned(),
        action: "written",
        source,
    })
}
