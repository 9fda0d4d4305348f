//! Results of queries as they were verified, kept for paging: the same documents in the same order on every page.
//!
//! Only in memory: what other networks answered is not stored here (P10). Bounded in number and bytes; what is there is
//! kept its whole time, so a full shelf takes no new result, and the query's summary says so.

use crate::NodeError;
use crate::verify::Ended;
use prost::Message;
use sekisho_domain::{EntryIndex, TimeMs};
use sekisho_proto::v1;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a result is kept: an hour, and the minutes it took to read its first page.
pub(crate) const KEPT_MS: u64 = 65 * 60 * 1000;
/// Results kept at once: one a practitioner who asks twelve times an hour, for eighty of them.
const RESULTS_MAX: usize = 1_024;
/// Bytes of document entries kept in all results.
const BYTES_MAX: usize = 256 << 20;
/// Documents on one page, at most: with entries of 1 KiB a page stays below gRPC's 4 MiB.
pub(crate) const PAGE_MAX: u32 = 1_000;
/// Where none is said.
const PAGE_USUAL: u32 = 100;

/// A result's name: nobody guesses it.
pub(crate) type ResultId = [u8; 16];

/// One verified answer.
struct Kept {
    practitioner: String,
    access: EntryIndex,
    documents: Vec<v1::FoundDocument>,
    ends: Vec<v1::NetworkEnd>,
    until: TimeMs,
    bytes: usize,
}

/// The results that are kept.
#[derive(Default)]
pub(crate) struct Frozen(Mutex<BTreeMap<ResultId, Arc<Kept>>>);

impl Frozen {
    /// Keeps a result; nothing, where as many are kept as may be.
    pub fn keep(
        &self,
        id: ResultId,
        practitioner: &str,
        access: EntryIndex,
        ended: Vec<Ended>,
        now: TimeMs,
    ) -> Option<v1::FrozenResult> {
        let ends = ended.iter().map(Ended::end).collect();
        let documents = merged(ended);
        let result = Kept {
            practitioner: practitioner.to_owned(),
            access,
            bytes: documents.iter().map(Message::encoded_len).sum(),
            ends,
            until: now.plus_ms(KEPT_MS),
            documents,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, result| now < result.until);
        let bytes: usize = kept.values().map(|result| result.bytes).sum();
        if kept.len() >= RESULTS_MAX || bytes.saturating_add(result.bytes) > BYTES_MAX {
            return None;
        }
        let told = v1::FrozenResult {
            id: id.to_vec(),
            until_ms: result.until.0,
            documents: u32::try_from(result.documents.len()).unwrap_or(u32::MAX),
        };
        kept.insert(id, Arc::new(result));
        Some(told)
    }

    /// A page of a result.
    ///
    /// # Errors
    /// [`NodeError::NoSuchResult`] where there is none for this practitioner any more; [`NodeError::Invalid`] for a page
    /// that it does not have.
    pub fn page(&self, request: &v1::PageRequest, now: TimeMs) -> Result<v1::PageReply, NodeError> {
        let id = ResultId::try_from(request.result.as_slice());
        let id = id.map_err(|_| NodeError::Invalid("a result's id is 16 bytes"))?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = kept.get(&id).cloned();
        drop(kept);
        let result = result
            .filter(|it| now < it.until && it.practitioner == request.practitioner)
            .ok_or(NodeError::NoSuchResult)?;
        let total = result.documents.len();
        let from = match request.after.as_slice() {
            [] => 0,
            bytes => <[u8; 4]>::try_from(bytes)
                .ok()
                .and_then(|place| usize::try_from(u32::from_be_bytes(place)).ok())
                .filter(|from| (1..total).contains(from))
                .ok_or(NodeError::Invalid("the result has no such page"))?,
        };
        let max = match request.max {
            0 => PAGE_USUAL,
            1..=PAGE_MAX => request.max,
            _ => return Err(NodeError::Invalid("a page has 1 to 1000 documents")),
        };
        let until = total.min(from.saturating_add(max as usize));
        let documents = result.documents.get(from..until).unwrap_or_default();
        Ok(v1::PageReply {
            documents: documents.to_vec(),
            next: match u32::try_from(until) {
                Ok(next) if until < total => next.to_be_bytes().to_vec(),
                _ => Vec::new(),
            },
            documents_total: u32::try_from(total).unwrap_or(u32::MAX),
            until_ms: result.until.0,
            access: result.access.0,
            ends: result.ends.clone(),
        })
    }
}

fn service(document: &v1::DocumentEntry) -> u64 {
    let start = document.service_start_ms;
    start.unwrap_or(document.creation_time_ms)
}

/// Documents with the same unique id and content are one, found by several networks. Other contents under a unique id
/// are its versions: the newest is shown, the others with it. Newest service first, then by unique id.
fn merged(ended: Vec<Ended>) -> Vec<v1::FoundDocument> {
    let mut same: BTreeMap<String, BTreeMap<Vec<u8>, v1::FoundDocument>> = BTreeMap::new();
    for of in ended {
        let network = of.network.to_string();
        for document in of.documents {
            let contents = same.entry(document.unique_id.clone()).or_default();
            let found = contents.entry(document.hash.clone()).or_default();
            // Of equals the first is shown.
            found.document.get_or_insert(document);
            if !found.networks.contains(&network) {
                found.networks.push(network.clone());
            }
        }
    }
    let newest = |contents: BTreeMap<Vec<u8>, v1::FoundDocument>| {
        let mut versions: Vec<_> = contents.into_values().collect();
        for version in &mut versions {
            version.networks.sort();
        }
        // Of equals, the one that is not superseded, then any, always the same.
        versions.sort_by_key(|version| {
            let document = version.document.as_ref();
            document.map(|d| {
                (
                    std::cmp::Reverse(d.creation_time_ms),
                    d.deprecated,
                    d.hash.clone(),
                )
            })
        });
        let mut versions = versions.into_iter();
        versions.next().map(|first| v1::FoundDocument {
            versions: versions.collect(),
            ..first
        })
    };
    let mut all: Vec<_> = same.into_values().filter_map(newest).collect();
    // Stable: they are in the order of their unique ids.
    all.sort_by_key(|found| std::cmp::Reverse(found.document.as_ref().map_or(0, service)));
    all
}

#[cfg(test)]
#[path = "frozen_test.rs"]
mod tests;
