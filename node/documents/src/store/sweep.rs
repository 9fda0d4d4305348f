//! Objects that no entry names any more, removed (P11).
//!
//! Names are compared some at a time, so that memory is bounded; the index is gone through once for each such lot.

use super::{Inner, ObjectContents, StoreError, digest};
use crate::{DocumentIndex, Error, FileOutcome, PAGE_ENTRIES_MAX, SourceLocation};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use object_store::path::Path as Key;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// Names compared with the index at a time: some 150 MB at most.
const LOT_MAX: usize = 1 << 20;
/// Objects listed or removed in one request, as S3 has it.
const AT_ONCE: usize = 1000;

/// Objects by what their names are made of.
type Lot = BTreeMap<[u8; 32], Key>;

/// What a sweep came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that an entry names.
    pub kept: u64,
    /// Objects removed.
    pub removed: u64,
}

impl ObjectContents {
    /// Removes the objects that no document of the index names. Nothing is stored meanwhile.
    ///
    /// # Errors
    /// The store or the index failed; what was removed is removed.
    pub fn sweep(&self, index: &dyn DocumentIndex) -> Result<Swept, Error> {
        let _alone = self
            .0
            .sweeping
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let (mut swept, mut after) = (Swept::default(), None);
        loop {
            let (mut lot, last) = self.listed(after.take())?;
            let listed = lot.len() as u64;
            unname(&mut lot, index)?;
            let removed = lot.len() as u64;
            self.remove(lot.into_values().collect())?;
            swept.removed += removed;
            swept.kept += listed - removed;
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        tracing::info!(
            kept = swept.kept,
            removed = swept.removed,
            "contents nobody names are removed"
        );
        Ok(swept)
    }

    /// Objects behind a key by what their names are made of, and the last of them if there may be more. Anything else
    /// below the prefix is not ours.
    fn listed(&self, after: Option<Key>) -> Result<(Lot, Option<Key>), StoreError> {
        let (mut lot, mut at) = (Lot::new(), after);
        loop {
            let (inner, from) = (Arc::clone(&self.0), at.clone());
            let prefix = self.prefix();
            let page: Vec<Key> = self.call(async move {
                let Inner { store, .. } = inner.as_ref();
                let listing = match &from {
                    Some(from) => store.list_with_offset(prefix.as_ref(), from),
                    None => store.list(prefix.as_ref()),
                };
                let keys = listing.take(AT_ONCE).map_ok(|meta| meta.location);
                keys.try_collect().await
            })?;
            let ended = page.len() < AT_ONCE;
            at = page.last().cloned().or(at);
            lot.extend(
                page.into_iter()
                    .filter_map(|key| Some((self.named(&key)?, key))),
            );
            if ended {
                return Ok((lot, None));
            }
            if lot.len() >= LOT_MAX {
                return Ok((lot, at));
            }
        }
    }

    /// What an object's name is made of, if it is one of ours.
    fn named(&self, key: &Key) -> Option<[u8; 32]> {
        let inside = match self.0.prefix.as_str() {
            "" => key.as_ref(),
            prefix => key.as_ref().strip_prefix(prefix)?.strip_prefix('/')?,
        };
        let mut parts = inside.split('/');
        let (_, two, digits) = (parts.next()?, parts.next()?, parts.next()?);
        let mut name = [0; 32];
        hex::decode_to_slice(digits, &mut name).ok()?;
        (parts.next().is_none() && digits.starts_with(two) && two.len() == 2).then_some(name)
    }

    fn remove(&self, keys: Vec<Key>) -> Result<(), StoreError> {
        for some in keys.chunks(AT_ONCE) {
            let (inner, some) = (Arc::clone(&self.0), some.to_vec());
            self.call(async move {
                let gone = futures::stream::iter(some).map(Ok).boxed();
                let each = inner.store.delete_stream(gone);
                each.try_for_each(|_| std::future::ready(Ok(()))).await
            })?;
        }
        Ok(())
    }
}

/// Takes out what the index names.
fn unname(lot: &mut Lot, index: &dyn DocumentIndex) -> Result<(), Error> {
    let mut after: Option<SourceLocation> = None;
    while !lot.is_empty() {
        let page = index.records(after.as_ref(), PAGE_ENTRIES_MAX)?;
        for record in &page {
            if let FileOutcome::Document(entry) = &record.outcome {
                lot.remove(&digest(&entry.location.source_id, &entry.hash));
            }
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last.location),
            None => break,
        }
    }
    Ok(())
}
