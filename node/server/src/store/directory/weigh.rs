//! All pairs of charts at once: counted, to learn weights from, and judged again, when other weights come into force.

use super::{
    BLOCKS, CHART, CHARTS, ChartRecord, Directory, EDGE, EDGES, META, StoreError, Table, UNSETTLED,
    WEIGHTS, chart_of, format, key_of,
};
use redb::ReadableTable;
use sekisho_documents::Patient;
use sekisho_identity::{
    BLOCK_CHARTS_MAX, BLOCK_KEY_BYTES, Band, BlockKey, Folded, Levels, Model, STRANGERS_CHARTS_MAX,
    Tally, band_of, block_keys_folded, compare, strangers,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

/// How the charts agree: counts, and nothing of anybody.
pub struct Counted {
    /// Pairs that share a block key.
    pub near: Tally,
    /// Random pairs.
    pub strangers: Tally,
    /// Charts there are.
    pub charts: u64,
}

/// What other weights did to pairs that were linked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weighed {
    /// Whether all pairs were judged again.
    pub again: bool,
    /// Pairs the new weights take apart that share a pseudonym: they stay together and wait for somebody.
    pub waiting: u64,
}

/// A chart of a block: its row's key, what it says, and its own block keys.
type Member = (Vec<u8>, Folded, BTreeSet<BlockKey>);

/// Takes a pair of charts by the keys of their rows, and how they agree.
type Take<'a> = dyn FnMut(&[u8], &[u8], &Levels) -> Result<(), StoreError> + 'a;

impl Directory {
    /// Counts how all pairs agree, but those in `leave_out`.
    ///
    /// # Errors
    /// The database failed.
    pub fn counted(&self, leave_out: &BTreeSet<(Patient, Patient)>) -> Result<Counted, StoreError> {
        let rows = leave_out.iter().flat_map(|(a, b)| {
            let (a, b) = (key_of(a), key_of(b));
            [[a.as_slice(), &b].concat(), [b, a].concat()]
        });
        let leave_out: BTreeSet<Vec<u8>> = rows.collect();
        let txn = self.read()?;
        let open = |table: Table| txn.open_table(table).map_err(StoreError::database);
        let (blocks, charts) = (open(BLOCKS)?, open(CHARTS)?);
        let mut near = Tally::new();
        each_pair(&blocks, &charts, &mut |a, b, levels| {
            if leave_out.is_empty() || !leave_out.contains(&[a, b].concat()) {
                *near.entry(*levels).or_default() += 1;
            }
            Ok(())
        })?;
        let total = self.charts_total()?;
        // Every so-manieth chart: of all facilities alike.
        let step = usize::try_from(total).unwrap_or(usize::MAX) / STRANGERS_CHARTS_MAX + 1;
        let mut drawn = Vec::new();
        for row in charts.iter().map_err(StoreError::database)?.step_by(step) {
            let (_, value) = row.map_err(StoreError::database)?;
            let record: ChartRecord = format::decode(CHART, value.value())?;
            drawn.push(Folded::of(&record.demographics));
        }
        Ok(Counted {
            near,
            strangers: strangers(&drawn.iter().collect::<Vec<_>>()),
            charts: total,
        })
    }

    /// Has charts compared with these weights from now on, and judges all pairs again where others were in force. Pairs
    /// that `together` says share a pseudonym do not silently lose what linked them: they wait for somebody. All of it or
    /// nothing.
    ///
    /// # Errors
    /// The database failed.
    pub fn weigh_with(
        &self,
        model: &Model,
        together: &dyn Fn(&Patient, &Patient) -> Result<bool, StoreError>,
    ) -> Result<Weighed, StoreError> {
        let digest = digest_of(model)?;
        let before = self.model();
        let mut weighed = Weighed::default();
        let done = self.write(|txn| {
            let known = {
                let mut meta = txn.open_table(META).map_err(StoreError::database)?;
                let standard = digest_of(&Model::standard())?;
                let found = meta.get(WEIGHTS).map_err(StoreError::database)?;
                let found = found.map_or(standard.to_vec(), |found| found.value().to_vec());
                let inserted = meta.insert(WEIGHTS, digest.as_slice());
                inserted.map_err(StoreError::database)?;
                if found != digest {
                    let inserted = meta.insert(UNSETTLED, [].as_slice());
                    inserted.map_err(StoreError::database)?;
                }
                found == digest
            };
            if !known {
                weighed.again = true;
                let open = |table: Table| txn.open_table(table).map_err(StoreError::database);
                let (blocks, charts, mut edges) = (open(BLOCKS)?, open(CHARTS)?, open(EDGES)?);
                each_pair(&blocks, &charts, &mut |a, b, levels| {
                    let rows = [[a, b].concat(), [b, a].concat()];
                    let mut band = band_of(levels, model).0;
                    let there = rows.first().map_or(a, Vec::as_slice);
                    let known = edges.get(there).map_err(StoreError::database)?.is_some();
                    if band == Band::Apart {
                        if !known {
                            return Ok(());
                        }
                        if together(&chart_of(a)?.0, &chart_of(b)?.0)? {
                            band = Band::Review;
                            weighed.waiting += 1;
                        }
                    }
                    let value = format::encode(EDGE, &band)?;
                    for row in &rows {
                        match band {
                            Band::Apart => edges.remove(row.as_slice()),
                            _ => edges.insert(row.as_slice(), value.as_slice()),
                        }
                        .map_err(StoreError::database)?;
                    }
                    Ok(())
                })?;
            }
            // While nobody else can write: a chart put from here on is judged by what is in force.
            self.set_model(Arc::new(model.clone()));
            Ok(())
        });
        if done.is_err() {
            self.set_model(before);
        }
        done.map(|()| weighed)
    }

    /// Whether pseudonyms have still to follow pairs that were judged again.
    ///
    /// # Errors
    /// The database failed.
    pub fn unsettled(&self) -> Result<bool, StoreError> {
        let meta = self
            .read()?
            .open_table(META)
            .map_err(StoreError::database)?;
        let found = meta.get(UNSETTLED).map_err(StoreError::database)?;
        Ok(found.is_some())
    }

    /// They have.
    ///
    /// # Errors
    /// The database failed.
    pub fn settled(&self) -> Result<(), StoreError> {
        self.write(|txn| {
            let mut meta = txn.open_table(META).map_err(StoreError::database)?;
            meta.remove(UNSETTLED).map_err(StoreError::database)?;
            Ok(())
        })
    }

    fn set_model(&self, model: Arc<Model>) {
        *self.model.write().unwrap_or_else(PoisonError::into_inner) = model;
    }

    /// How two charts agree; none where one of them is not known.
    ///
    /// # Errors
    /// The database failed.
    pub fn levels(&self, a: &Patient, b: &Patient) -> Result<Option<Levels>, StoreError> {
        Ok(match (self.chart(a)?, self.chart(b)?) {
            (Some(a), Some(b)) => Some(compare(
                &Folded::of(&a.demographics),
                &Folded::of(&b.demographics),
            )),
            _ => None,
        })
    }
}

fn digest_of(model: &Model) -> Result<[u8; 32], StoreError> {
    Ok(Sha256::digest(format::encode("weights", model)?).into())
}

/// Every pair of charts that share a block key, once: at the first key that they share and that is not too large.
fn each_pair(
    blocks: &impl ReadableTable<&'static [u8], &'static [u8]>,
    charts: &impl ReadableTable<&'static [u8], &'static [u8]>,
    take: &mut Take<'_>,
) -> Result<(), StoreError> {
    let mut large = BTreeSet::new();
    let mut block: Option<BlockKey> = None;
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for row in blocks.iter().map_err(StoreError::database)? {
        let (key, _) = row.map_err(StoreError::database)?;
        let (at, chart) = key
            .value()
            .split_first_chunk::<BLOCK_KEY_BYTES>()
            .ok_or(StoreError::Damaged("a block key"))?;
        let at = BlockKey::from_bytes(*at);
        if block != Some(at) {
            if let Some(block) = block.replace(at) {
                each_within(block, &rows, charts, &mut large, take)?;
            }
            rows.clear();
        }
        if rows.len() <= BLOCK_CHARTS_MAX {
            rows.push(chart.to_vec());
        }
    }
    match block {
        Some(block) => each_within(block, &rows, charts, &mut large, take),
        None => Ok(()),
    }
}

fn each_within(
    block: BlockKey,
    rows: &[Vec<u8>],
    charts: &impl ReadableTable<&'static [u8], &'static [u8]>,
    large: &mut BTreeSet<BlockKey>,
    take: &mut Take<'_>,
) -> Result<(), StoreError> {
    if rows.len() > BLOCK_CHARTS_MAX {
        large.insert(block);
    }
    if rows.len() < 2 || rows.len() > BLOCK_CHARTS_MAX {
        return Ok(());
    }
    let mut members: Vec<Member> = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(record) = format::find::<ChartRecord>(charts, CHART, row)? {
            let folded = Folded::of(&record.demographics);
            let keys = block_keys_folded(&folded);
            members.push((row.clone(), folded, keys));
        }
    }
    for (n, (a, x, keys)) in members.iter().enumerate() {
        for (b, y, others) in members.iter().skip(n + 1) {
            let first = keys.intersection(others).find(|key| !large.contains(key));
            if first == Some(&block) {
                take(a, b, &compare(x, y))?;
            }
        }
    }
    Ok(())
}
