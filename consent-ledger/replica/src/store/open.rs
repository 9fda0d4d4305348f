//! Opening a store: whose it is, and whether it may be the memory of a replica that has run before.

use super::format::{Identity, Record};
use super::import::Imported;
use super::{IDENTITY, IMPORTED, Inner, LOG, META, STATE, StateTxn, Store, snapshot};
use crate::ReplicaError;
use crate::config::{Config, STORE_CACHE_BYTES};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, TableHandle};
use sekisho_domain::{Genesis, LedgerId, ReplicaId};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use tokio::sync::watch;

/// The database's file in the data directory.
pub(super) const FILE: &str = "ledger.redb";

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
        fs::create_dir_all(&config.data_dir).map_err(file("created"))?;
        snapshot::remove_leftovers(&config.data_dir).map_err(file("read"))?;
        #[cfg(feature = "simulation")]
        if let Some(world) = &config.world {
            let mut builder = Database::builder();
            let database = world
                .disk
                .database(FILE, builder.set_cache_size(STORE_CACHE_BYTES));
            let database = database.map_err(ReplicaError::database)?;
            world.disk.sync().map_err(file("written"))?;
            let has_run = config.marker.try_exists().map_err(file("read"))?;
            return Self::with(database, config, genesis, ledger, has_run);
        }
        let path = config.data_dir.join(FILE);
        let has_run = config.marker.try_exists().map_err(file("read"))?;
        if has_run && !path.try_exists().map_err(file("read"))? {
            return Err(lost(config));
        }
        let database = Database::builder()
            .set_cache_size(STORE_CACHE_BYTES)
            .create(&path)
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => ReplicaError::InUse(path.clone()),
                other => ReplicaError::database(other),
            })?;
        sync_directory(&config.data_dir).map_err(file("written"))?;
        sync_directory(config.data_dir.parent().unwrap_or(Path::new("")))
            .map_err(file("written"))?;
        Self::with(database, config, genesis, ledger, has_run)
    }

    /// Takes a database over, wherever its bytes are.
    pub(super) fn with(
        database: Database,
        config: &Config,
        genesis: &Genesis,
        ledger: LedgerId,
        has_run: bool,
    ) -> Result<Self, ReplicaError> {
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
            None if has_run => return Err(lost(config)),
            None => found(&database, genesis, ledger, config.replica, None)?,
        }
        if !has_run {
            write_marker(&config.marker, ledger, config.replica)?;
        }
        let store = Self(Arc::new(Inner {
            database: RwLock::new(Some(database)),
            directory: config.data_dir.clone(),
            ledger,
            replica: config.replica,
            committed: Mutex::new(None),
            poison: watch::Sender::new(None),
            size: watch::Sender::new(0),
            installing: watch::Sender::new(false),
        }));
        store.publish_size()?;
        Ok(store)
    }
}

fn lost(config: &Config) -> ReplicaError {
    ReplicaError::StoreLost {
        replica: config.replica,
        marker: config.marker.clone(),
    }
}

/// An import that was interrupted has left a state of nothing in particular.
fn check_import(database: &Database, config: &Config) -> Result<(), ReplicaError> {
    let txn = database.begin_read().map_err(ReplicaError::database)?;
    match Record::get::<Imported>(&txn, IMPORTED)? {
        Some(imported) if !imported.complete => {
            Err(ReplicaError::ImportUnfinished(config.data_dir.clone()))
        }
        _ => Ok(()),
    }
}

pub(super) fn identity(database: &Database) -> Result<Option<Identity>, ReplicaError> {
    let txn = database.begin_read().map_err(ReplicaError::database)?;
    let mut tables = txn.list_tables().map_err(ReplicaError::database)?;
    if tables.any(|table| table.name() == META.name()) {
        Record::get(&txn, IDENTITY)
    } else {
        Ok(None)
    }
}

pub(super) fn found(
    database: &Database,
    genesis: &Genesis,
    ledger: LedgerId,
    replica: ReplicaId,
    imported: Option<&Imported>,
) -> Result<(), ReplicaError> {
    let mut txn = database.begin_write().map_err(ReplicaError::database)?;
    txn.set_durability(Durability::Immediate)
        .map_err(ReplicaError::database)?;
    txn.open_table(LOG).map_err(ReplicaError::database)?;
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

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    })?
    .sync_all()
}
