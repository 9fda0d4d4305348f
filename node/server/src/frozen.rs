//! Results of queries as they were verified, kept for paging: the same documents in the same order on every page.
//!
//! Only in memory: what other networks answered is not stored here (P10). Bounded in number and bytes; what is there is
//! kept its whole time, so a full shelf takes no new result, and the query's summary says so.

use crate::NodeError;
use crate::verify::Ended;
use prost::Message;
use sekisho_domain::{EntryIndex, TimeMs};
use sekisho_proto::v1;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a result is kept: an hour, and the minutes it took to read its first page.
pub(crate) const KEPT_MS: u64 = 65 * 60 * 1000;
/// Results kept at once: one a practitioner who asks twelve times an hour, for eighty of them.
const RESULTS_MAX: usize = 1_024;
/// Bytes of memory for the documents of all results, about.
const BYTES_MAX: usize = 256 << 20;
/// Of either, what one practitioner's results may take: nobody's asking takes paging from the others.
const SHARE: usize = 8;
/// Documents on one page, at most: with entries of 1 KiB a page stays below gRPC's 4 MiB.
pub(crate) const PAGE_MAX: u32 = 1_000;
/// Where none is said.
const PAGE_USUAL: u32 = 100;

/// A result's name: nobody guesses it.
pub(crate) type ResultId = [u8; 16];

/// What one network answered, as it is kept.
pub(crate) struct Answered {
    network: String,
    end: v1::NetworkEnd,
    documents: Vec<Version>,
}

/// One content of a document, and what it is told apart and put in order by.
#[derive(Debug, Clone, PartialEq)]
struct Version {
    unique_id: String,
    hash: Vec<u8>,
    created_ms: u64,
    service_ms: u64,
    deprecated: bool,
    /// The document's entry, encoded: decoded it lies in two dozen pieces of memory, for a page that few ask for.
    entry: Vec<u8>,
    /// Who answered with it.
    networks: Vec<String>,
}

impl Answered {
    pub fn of(ended: &Ended) -> Self {
        Self {
            network: ended.network.to_string(),
            end: ended.end(),
            documents: ended.documents.iter().map(Version::of).collect(),
        }
    }
}

impl Version {
    fn of(entry: &v1::DocumentEntry) -> Self {
        Self {
            unique_id: entry.unique_id.clone(),
            hash: entry.hash.clone(),
            created_ms: entry.creation_time_ms,
            service_ms: entry.service_start_ms.unwrap_or(entry.creation_time_ms),
            deprecated: entry.deprecated,
            entry: entry.encode_to_vec(),
            networks: Vec::new(),
        }
    }

    fn bytes(&self) -> usize {
        let networks = self.networks.iter().map(|it| size_of_val(it) + it.len());
        let own = self.unique_id.len() + self.hash.len() + self.entry.len();
        size_of::<Self>() + own + networks.sum::<usize>()
    }

    fn shown(&self) -> Result<v1::FoundDocument, NodeError> {
        let entry = v1::DocumentEntry::decode(self.entry.as_slice());
        Ok(v1::FoundDocument {
            // Encoded here, so it decodes; if not, it is as good as gone.
            document: Some(entry.map_err(|_| NodeError::NoSuchResult)?),
            networks: self.networks.clone(),
            versions: Vec::new(),
        })
    }
}

/// A document: the version that is shown, then the others.
type Versions = Vec<Version>;

fn shown(versions: &Versions) -> Result<v1::FoundDocument, NodeError> {
    let mut all = versions.iter().map(Version::shown);
    let first = all.next().transpose()?.unwrap_or_default();
    Ok(v1::FoundDocument {
        versions: all.collect::<Result<_, _>>()?,
        ..first
    })
}

/// One verified answer.
struct Kept {
    practitioner: String,
    access: EntryIndex,
    documents: Vec<Versions>,
    ends: Vec<v1::NetworkEnd>,
    bytes: usize,
}

impl Kept {
    /// Whether both say the same of the same request, however long each answer took.
    fn says_as(&self, other: &Self) -> bool {
        let ends = |of: &Self| -> BTreeMap<_, _> {
            let ends = of.ends.iter();
            ends.map(|end| (end.network.clone(), end.outcome)).collect()
        };
        self.practitioner == other.practitioner
            && self.access == other.access
            && self.documents == other.documents
            && ends(self) == ends(other)
    }
}

/// The results that are kept, each with until when.
#[derive(Default)]
pub(crate) struct Frozen(Mutex<BTreeMap<ResultId, (TimeMs, Arc<Kept>)>>);

impl Frozen {
    /// Keeps a result. One that is kept already, of the same request, is only kept longer, under its own id. Nothing, where
    /// as many are kept as may be, of all or of one practitioner.
    pub fn keep(
        &self,
        id: ResultId,
        practitioner: &str,
        access: EntryIndex,
        mut answers: Vec<Answered>,
        now: TimeMs,
    ) -> Option<v1::FrozenResult> {
        let ends = answers.iter_mut().map(|it| std::mem::take(&mut it.end));
        let ends = ends.collect();
        let documents = merged(answers);
        let result = Kept {
            practitioner: practitioner.to_owned(),
            access,
            bytes: documents.iter().flatten().map(Version::bytes).sum(),
            ends,
            documents,
        };
        let until = now.plus_ms(KEPT_MS);
        let told = |id: &ResultId| v1::FrozenResult {
            id: id.to_vec(),
            until_ms: until.0,
            documents: u32::try_from(result.documents.len()).unwrap_or(u32::MAX),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (until, _)| now < *until);
        let same = kept.iter_mut().find(|(_, (_, it))| it.says_as(&result));
        if let Some((id, (kept_until, _))) = same {
            *kept_until = until;
            return Some(told(id));
        }
        let has_room = |others: &dyn Fn(&Kept) -> bool, share: usize| {
            let others = kept.values().filter(|(_, it)| others(it));
            let (count, bytes) = others.fold((0, result.bytes), |(count, bytes), (_, it)| {
                (count + 1, bytes.saturating_add(it.bytes))
            });
            count < RESULTS_MAX / share && bytes <= BYTES_MAX / share
        };
        let own = |it: &Kept| it.practitioner == practitioner;
        if !has_room(&|_| true, 1) || !has_room(&own, SHARE) {
            return None;
        }
        let told = told(&id);
        kept.insert(id, (until, Arc::new(result)));
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
        let (until_ms, result) = result
            .filter(|(until, it)| now < *until && it.practitioner == request.practitioner)
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
            documents: documents.iter().map(shown).collect::<Result<_, _>>()?,
            next: match u32::try_from(until) {
                Ok(next) if until < total => next.to_be_bytes().to_vec(),
                _ => Vec::new(),
            },
            documents_total: u32::try_from(total).unwrap_or(u32::MAX),
            until_ms: until_ms.0,
            access: result.access.0,
            ends: result.ends.clone(),
        })
    }
}

/// Documents with the same unique id and content are one, found by several networks. Other contents under a unique id
/// are its versions: the newest is shown, the others with it. Newest service first, then by unique id.
fn merged(answers: Vec<Answered>) -> Vec<Versions> {
    let mut same: BTreeMap<String, BTreeMap<Vec<u8>, Version>> = BTreeMap::new();
    for of in answers {
        for document in of.documents {
            let contents = same.entry(document.unique_id.clone()).or_default();
            // Of equals the first is shown.
            let version = contents.entry(document.hash.clone()).or_insert(document);
            if !version.networks.contains(&of.network) {
                version.networks.push(of.network.clone());
            }
        }
    }
    let newest_first = |contents: BTreeMap<Vec<u8>, Version>| {
        let mut versions: Versions = contents.into_values().collect();
        for version in &mut versions {
            version.networks.sort();
        }
        // Of equals, the one that is not superseded, then by their contents, always the same: they are in that order.
        versions.sort_by_key(|version| (Reverse(version.created_ms), version.deprecated));
        versions
    };
    let mut all: Vec<Versions> = same.into_values().map(newest_first).collect();
    // Stable: they are in the order of their unique ids.
    all.sort_by_key(|versions| Reverse(versions.first().map_or(0, |shown| shown.service_ms)));
    all
}

#[cfg(test)]
#[path = "frozen_test.rs"]
mod tests;
