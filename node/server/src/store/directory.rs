//! Whose charts there are, and which of them may be one person's: everything that can be read from the sources again, in
//! a file of its own beside the node's memory.
//!
//! ```text
//! charts   chart                -> what it says of its patient, by which document     chart = facility (10), local id, NUL
//! blocks   block key (17), chart -> nothing: whom to compare with whom
//! edges    chart, chart          -> link or review; each pair both ways round
//! meta     "format"              -> version of this layout and of the block keys
//!          "weights"             -> digest of the weights the edges were judged by; none: the standard ones
//!          "unsettled"           -> there while pseudonyms have still to follow other weights
//! ```
//! An older layout is emptied and read again. Local ids and demographics stand here and in the sources, nowhere else
//! (P10). Calls block on the disk.

mod weigh;

use super::{StoreError, format};
use crate::bounds::{CHARTS_MAX, DIRECTORY_CACHE_BYTES};
use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, WriteTransaction,
};
use sekisho_documents::{LocalPatientId, Patient};
use sekisho_domain::FacilityId;
use sekisho_identity::{
    BLOCK_CHARTS_MAX, BLOCK_VERSION, Band, BlockKey, Demographics, Folded, Model,
    block_keys_folded, judge_folded,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

const CHARTS: Table = TableDefinition::new("charts");
const BLOCKS: Table = TableDefinition::new("blocks");
const EDGES: Table = TableDefinition::new("edges");
const META: Table = TableDefinition::new("meta");
const FORMAT: &[u8] = b"format";
const WEIGHTS: &[u8] = b"weights";
const UNSETTLED: &[u8] = b"unsettled";
/// Raise the first with this layout.
const VERSION: [u8; 2] = [1, BLOCK_VERSION];

const CHART: &str = "a chart's demographics";
const EDGE: &str = "how two charts compare";
/// Behind a chart's local id, which holds printable characters only.
const END: u8 = 0;
/// A facility's code has a fixed length.
const FACILITY_BYTES: usize = 10;

/// What a chart says of its patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChartRecord {
    /// What is said.
    pub demographics: Demographics,
    /// The unique id of the document that says it.
    pub document: [u8; 16],
}

/// A pair of charts a person should look at.
pub type Review = (Patient, Patient);

/// The charts of a network's sources.
#[derive(Debug)]
pub struct Directory {
    database: Database,
    /// What the edges were judged by.
    model: RwLock<Arc<Model>>,
}

fn key_of(chart: &Patient) -> Vec<u8> {
    let (facility, id) = (chart.facility.as_str(), chart.local_patient_id.as_str());
    [facility.as_bytes(), id.as_bytes(), &[END]].concat()
}

/// The chart a key begins with, and what is behind it.
fn chart_of(key: &[u8]) -> Result<(Patient, &[u8]), StoreError> {
    let parse = || {
        let end = key.iter().position(|byte| *byte == END)?;
        let text = std::str::from_utf8(key.get(..end)?).ok()?;
        let (facility, id) = text.split_at_checked(FACILITY_BYTES)?;
        let chart = Patient {
            facility: facility.parse::<FacilityId>().ok()?,
            local_patient_id: id.parse::<LocalPatientId>().ok()?,
        };
        Some((chart, key.get(end + 1..)?))
    };
    parse().ok_or(StoreError::Damaged(CHART))
}

impl Directory {
    /// Opens the directory's file, making it where there is none. One of another layout is emptied.
    ///
    /// # Errors
    /// [`StoreError::InUse`], or the database failed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(DIRECTORY_CACHE_BYTES)
            .create(path)
            .map_err(|error| match error {
                redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(path.into()),
                other => StoreError::database(other),
            })?;
        Self::over(database)
    }

    /// One that is forgotten with the process.
    #[cfg(any(test, feature = "testing"))]
    #[allow(clippy::unwrap_used, reason = "test support fails by panicking")]
    pub fn in_memory() -> Self {
        let backend = redb::backends::InMemoryBackend::new();
        Self::over(Database::builder().create_with_backend(backend).unwrap()).unwrap()
    }

    fn over(database: Database) -> Result<Self, StoreError> {
        let directory = Self {
            database,
            model: RwLock::new(Arc::new(Model::standard())),
        };
        directory.write(|txn| {
            let known = {
                let meta = txn.open_table(META).map_err(StoreError::database)?;
                let found = meta.get(FORMAT).map_err(StoreError::database)?;
                found.is_some_and(|found| found.value() == VERSION.as_slice())
            };
            if !known {
                for table in [CHARTS, BLOCKS, EDGES] {
                    txn.delete_table(table).map_err(StoreError::database)?;
                }
                let mut meta = txn.open_table(META).map_err(StoreError::database)?;
                meta.insert(FORMAT, VERSION.as_slice())
                    .map_err(StoreError::database)?;
                meta.remove(WEIGHTS).map_err(StoreError::database)?;
            }
            for table in [CHARTS, BLOCKS, EDGES] {
                txn.open_table(table).map_err(StoreError::database)?;
            }
            Ok(())
        })?;
        Ok(directory)
    }

    /// The weights charts are compared with.
    pub fn model(&self) -> Arc<Model> {
        let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&model)
    }

    /// What a chart says of its patient, if it is known.
    ///
    /// # Errors
    /// The database failed.
    pub fn chart(&self, chart: &Patient) -> Result<Option<ChartRecord>, StoreError> {
        format::get(&self.read()?, CHARTS, CHART, &key_of(chart))
    }

    /// How many charts there are.
    ///
    /// # Errors
    /// The database failed.
    pub fn charts_total(&self) -> Result<u64, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(CHARTS).map_err(StoreError::database)?;
        table.len().map_err(StoreError::database)
    }

    /// Up to `max` charts behind one, in their order.
    ///
    /// # Errors
    /// The database failed.
    pub fn charts(&self, after: Option<&Patient>, max: usize) -> Result<Vec<Patient>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(CHARTS).map_err(StoreError::database)?;
        let mut from = after.map(key_of).unwrap_or_default();
        // Behind a key is the key with anything more.
        from.extend(after.map(|_| 0));
        let rows = table
            .range(from.as_slice()..)
            .map_err(StoreError::database)?;
        rows.take(max)
            .map(|row| {
                let (key, _) = row.map_err(StoreError::database)?;
                Ok(chart_of(key.value())?.0)
            })
            .collect()
    }

    /// Puts charts in, or takes them out, and compares each with whoever it may be one person with. All of it or nothing.
    ///
    /// # Errors
    /// The database failed.
    pub fn put(&self, charts: &[(Patient, Option<ChartRecord>)]) -> Result<(), StoreError> {
        self.write(|txn| {
            for (chart, record) in charts {
                self.put_one(txn, chart, record.as_ref())?;
            }
            Ok(())
        })
    }

    fn put_one(
        &self,
        txn: &WriteTransaction,
        chart: &Patient,
        record: Option<&ChartRecord>,
    ) -> Result<(), StoreError> {
        let key = key_of(chart);
        let table = |of| txn.open_table(of).map_err(StoreError::database);
        if let Some(before) = format::get_in::<ChartRecord>(txn, CHARTS, CHART, &key)? {
            let mut blocks = table(BLOCKS)?;
            for block in block_keys_folded(&Folded::of(&before.demographics)) {
                let row = [block.as_bytes().as_slice(), &key].concat();
                blocks
                    .remove(row.as_slice())
                    .map_err(StoreError::database)?;
            }
            let mut edges = table(EDGES)?;
            for row in format::keys_under(&edges, &key, usize::MAX)? {
                let other = row.get(key.len()..).unwrap_or_default();
                let back = [other, &key].concat();
                for row in [row.as_slice(), back.as_slice()] {
                    edges.remove(row).map_err(StoreError::database)?;
                }
            }
        }
        let Some(record) = record else {
            let mut charts = table(CHARTS)?;
            charts
                .remove(key.as_slice())
                .map_err(StoreError::database)?;
            return Ok(());
        };
        let folded = Folded::of(&record.demographics);
        let keys = block_keys_folded(&folded);
        let (blocks, known) = (table(BLOCKS)?, table(CHARTS)?);
        let others = sharing(&blocks, &known, &keys)?;
        drop((blocks, known));
        format::put(txn, CHARTS, CHART, &key, record)?;
        let mut blocks = table(BLOCKS)?;
        for block in &keys {
            let row = [block.as_bytes().as_slice(), &key].concat();
            let inserted = blocks.insert(row.as_slice(), [].as_slice());
            inserted.map_err(StoreError::database)?;
        }
        drop(blocks);
        // Whoever changes it waits until this is written.
        let model = self.model();
        for (other, demographics) in others {
            let other = key_of(&other);
            if other == key {
                continue;
            }
            let band = judge_folded(&folded, &Folded::of(&demographics), &model).band;
            if band != Band::Apart {
                let there = [key.as_slice(), &other].concat();
                let back = [other.as_slice(), &key].concat();
                format::put(txn, EDGES, EDGE, &there, &band)?;
                format::put(txn, EDGES, EDGE, &back, &band)?;
            }
        }
        Ok(())
    }

    /// The charts one may be one person with, and in which band.
    ///
    /// # Errors
    /// The database failed.
    pub fn edges(&self, chart: &Patient) -> Result<Vec<(Patient, Band)>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(EDGES).map_err(StoreError::database)?;
        let key = key_of(chart);
        let mut edges = Vec::new();
        for row in table
            .range(key.as_slice()..)
            .map_err(StoreError::database)?
        {
            let (at, value) = row.map_err(StoreError::database)?;
            let Some(other) = at.value().strip_prefix(key.as_slice()) else {
                break;
            };
            edges.push((chart_of(other)?.0, format::decode(EDGE, value.value())?));
        }
        Ok(edges)
    }

    /// Charts of whoever may be somebody, with what they say.
    ///
    /// # Errors
    /// The database failed.
    pub fn candidates(
        &self,
        sought: &Demographics,
    ) -> Result<BTreeMap<Patient, Demographics>, StoreError> {
        let txn = self.read()?;
        let blocks = txn.open_table(BLOCKS).map_err(StoreError::database)?;
        let charts = txn.open_table(CHARTS).map_err(StoreError::database)?;
        let keys = block_keys_folded(&Folded::of(sought));
        sharing(&blocks, &charts, &keys)
    }

    /// Up to `max` pairs to be looked at behind one, in their order.
    ///
    /// # Errors
    /// The database failed.
    pub fn reviews(&self, after: Option<&Review>, max: usize) -> Result<Vec<Review>, StoreError> {
        let txn = self.read()?;
        let mut from = after.map_or(Vec::new(), |(a, b)| [key_of(a), key_of(b)].concat());
        from.extend(after.map(|_| 0));
        let mut reviews = Vec::new();
        self.each_review(&txn, &from, &mut |review| {
            reviews.push(review);
            reviews.len() < max
        })?;
        Ok(reviews)
    }

    /// Pairs that wait in the review band, each once, those behind a key; until `take` has enough.
    fn each_review(
        &self,
        txn: &ReadTransaction,
        from: &[u8],
        take: &mut dyn FnMut(Review) -> bool,
    ) -> Result<(), StoreError> {
        let table = txn.open_table(EDGES).map_err(StoreError::database)?;
        for row in table.range(from..).map_err(StoreError::database)? {
            let (key, value) = row.map_err(StoreError::database)?;
            let band: Band = format::decode(EDGE, value.value())?;
            let (a, rest) = chart_of(key.value())?;
            let (b, _) = chart_of(rest)?;
            if band == Band::Review && a < b && !take((a, b)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Every chart that may be one person's with this one, over others too, at most [`CHARTS_MAX`]; with the bands between.
    ///
    /// # Errors
    /// The database failed.
    pub fn around(
        &self,
        chart: &Patient,
        also: &dyn Fn(&Patient) -> Vec<Patient>,
    ) -> Result<BTreeSet<Patient>, StoreError> {
        let mut found: BTreeSet<Patient> = [chart.clone()].into();
        let mut next = vec![chart.clone()];
        while let Some(one) = next.pop() {
            let linked = self.edges(&one)?.into_iter();
            let linked = linked.filter(|(_, band)| *band == Band::Link);
            let others = linked.map(|(other, _)| other).chain(also(&one));
            for other in others {
                if found.len() < CHARTS_MAX && found.insert(other.clone()) {
                    next.push(other);
                }
            }
        }
        Ok(found)
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        self.database.begin_read().map_err(StoreError::database)
    }

    fn write(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut txn = self.database.begin_write().map_err(StoreError::database)?;
        txn.set_durability(Durability::Immediate)
            .map_err(StoreError::database)?;
        work(&txn)?;
        txn.commit().map_err(StoreError::database)
    }
}

/// The charts that share a key, those of keys that say nothing (a nursing home's telephone) left out.
fn sharing(
    blocks: &impl ReadableTable<&'static [u8], &'static [u8]>,
    charts: &impl ReadableTable<&'static [u8], &'static [u8]>,
    keys: &BTreeSet<BlockKey>,
) -> Result<BTreeMap<Patient, Demographics>, StoreError> {
    let mut found = BTreeMap::new();
    for key in keys {
        let rows = format::keys_under(blocks, key.as_bytes(), BLOCK_CHARTS_MAX + 1)?;
        if rows.len() > BLOCK_CHARTS_MAX {
            continue;
        }
        for row in rows {
            let chart = row.get(key.as_bytes().len()..).unwrap_or_default();
            let (patient, _) = chart_of(chart)?;
            if found.contains_key(&patient) {
                continue;
            }
            if let Some(record) = format::find::<ChartRecord>(charts, CHART, chart)? {
                found.insert(patient, record.demographics);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "directory_test.rs"]
mod tests;
