//! Bringing the directory of charts up to date with the document index, after the sources were read.
//!
//! A chart's demographics are those of one document in force that says them: one of the facility's register before one of
//! anything else, that before a claim; among alike ones the latest. One whose document is still the same is not read again, so a run over what is unchanged costs a look at the index and nothing more.

use super::persons::{Known, settle};
use crate::NodeError;
use crate::bounds::DIRECTORY_BATCH;
use crate::node::Inner;
use crate::store::ChartRecord;
use sekisho_documents::{
    Availability, DocumentEntry, FileOutcome, FileRecord, PAGE_ENTRIES_MAX, Patient, UniqueId,
};
use sekisho_domain::TimeMs;
use sekisho_ingest::{Says, Source, SsMix2Storage};
use std::collections::{BTreeMap, BTreeSet};

/// What a run changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renewed {
    /// Charts read anew.
    pub read: u64,
    /// Charts that are no longer there.
    pub gone: u64,
}

/// Which document a chart is told by: in the capacity that counts most, then the latest.
type Rank = (Says, TimeMs, UniqueId);

/// Reads what is new of the demographics in the index; forgets charts that have none any more. Blocks.
pub(crate) fn renew(inner: &Inner) -> Result<Renewed, NodeError> {
    let mut renewed = Renewed::default();
    // First which document each chart is told by, of all sources; then only those are read, if they are others than before.
    let mut current: BTreeMap<Patient, (Rank, usize)> = BTreeMap::new();
    for (place, source) in inner.sources.iter().enumerate() {
        each_entry(inner, source.as_ref(), &mut |entry, says| {
            let rank = (says, entry.creation, entry.unique_id);
            let told_by = current.entry(chart_of(entry)).or_insert((rank, place));
            *told_by = (*told_by).max((rank, place));
        })?;
    }
    let mut batch = Vec::new();
    for (chart, ((_, _, document), place)) in &current {
        let known = inner.directory.chart(chart)?;
        if known.is_some_and(|known| known.document == *document.as_bytes()) {
            continue;
        }
        let (Some(source), Some(entry)) = (inner.sources.get(*place), inner.index.get(document)?)
        else {
            continue;
        };
        if let Some(demographics) = said(inner, source.as_ref(), &entry) {
            renewed.read += 1;
            let document = *document.as_bytes();
            let record = ChartRecord {
                demographics,
                document,
            };
            batch.push((chart.clone(), Some(record)));
            if batch.len() == DIRECTORY_BATCH {
                put(inner, &mut batch)?;
            }
        }
    }
    put(inner, &mut batch)?;
    let mut after: Option<Patient> = None;
    loop {
        let charts = inner.directory.charts(after.as_ref(), DIRECTORY_BATCH)?;
        after = charts.last().cloned();
        let gone: Vec<_> = charts
            .into_iter()
            .filter(|chart| !current.contains_key(chart))
            .map(|chart| (chart, None))
            .collect();
        renewed.gone += gone.len() as u64;
        inner.directory.put(&gone)?;
        if after.is_none() {
            return Ok(renewed);
        }
    }
}

/// The same below some folders of a storage that were looked at. Blocks.
pub(crate) fn renew_below(
    inner: &Inner,
    storage: &SsMix2Storage,
    folders: &BTreeSet<String>,
) -> Result<(), NodeError> {
    let mut batch = Vec::new();
    for folder in folders {
        let prefix = format!("{folder}/");
        let page = inner
            .index
            .files(&storage.source_id, &prefix, None, PAGE_ENTRIES_MAX)?;
        let entries = page
            .iter()
            .filter_map(|record| demographic(storage, record));
        let latest = entries.max_by_key(|(entry, says)| (*says, entry.creation, entry.unique_id));
        let Some((entry, _)) = latest else {
            continue;
        };
        if let Some(demographics) = said(inner, storage, entry) {
            let record = ChartRecord {
                demographics,
                document: *entry.unique_id.as_bytes(),
            };
            batch.push((chart_of(entry), Some(record)));
        }
    }
    put(inner, &mut batch)
}

fn chart_of(entry: &DocumentEntry) -> Patient {
    Patient {
        facility: entry.facility.clone(),
        local_patient_id: entry.local_patient_id.clone(),
    }
}

/// A document in force that says who its patient is, and in what capacity.
fn demographic<'r>(
    source: &dyn Source,
    record: &'r FileRecord,
) -> Option<(&'r DocumentEntry, Says)> {
    match &record.outcome {
        FileOutcome::Document(entry) if entry.status == Availability::Approved => {
            Some((entry, source.says_who(entry)?))
        }
        _ => None,
    }
}

/// Every document of a source in force that says who its patient is.
fn each_entry(
    inner: &Inner,
    source: &dyn Source,
    take: &mut dyn FnMut(&DocumentEntry, Says),
) -> Result<(), NodeError> {
    let mut after: Option<String> = None;
    loop {
        let page = inner
            .index
            .files(source.id(), "", after.as_deref(), PAGE_ENTRIES_MAX)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.location.path.clone());
        for record in &page {
            if let Some((entry, says)) = demographic(source, record) {
                take(entry, says);
            }
            if matches!(record.outcome, FileOutcome::Divided { .. }) {
                each_part(inner, source, record, take)?;
            }
        }
    }
}

/// The same of a file that holds several documents.
fn each_part(
    inner: &Inner,
    source: &dyn Source,
    file: &FileRecord,
    take: &mut dyn FnMut(&DocumentEntry, Says),
) -> Result<(), NodeError> {
    let mut after = None;
    loop {
        let page = inner.index.parts(&file.location, after, PAGE_ENTRIES_MAX)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.location.part;
        for record in &page {
            if let Some((entry, says)) = demographic(source, record) {
                take(entry, says);
            }
        }
        if after.is_none() {
            return Ok(());
        }
    }
}

/// What a document says of its patient; nothing where it cannot be read or is not shown to be the patient's.
fn said(
    inner: &Inner,
    source: &dyn Source,
    entry: &DocumentEntry,
) -> Option<sekisho_identity::Demographics> {
    let opened = inner.contents.open(entry).ok()?;
    let (_, bytes) = opened.check_whole(0).ok()?;
    let demographics = source.demographics(entry, &bytes)?;
    demographics.check().is_ok().then_some(demographics)
}

fn put(inner: &Inner, batch: &mut Vec<(Patient, Option<ChartRecord>)>) -> Result<(), NodeError> {
    inner.directory.put(batch)?;
    let known = Known::read(&inner.store)?;
    for (chart, _) in batch.drain(..) {
        settle(&inner.store, &inner.directory, &known, &chart)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "renew_test.rs"]
mod tests;
