//! A file's bytes, in pages shared between what is live and what is durable.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of a page.
pub(super) const PAGE: usize = 4096;

type Page = [u8; PAGE];

/// Bytes and length of a file. A page that was never written holds zeros and takes no space.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pages: BTreeMap<u64, Arc<Page>>,
    len: u64,
}

/// The pieces of a range, each within one page: page, offset in it, and range of the given bytes.
fn pieces(at: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let position = at + done as u64;
        let offset = (position % PAGE as u64) as usize;
        let piece = (PAGE - offset).min(len - done);
        let range = done..done + piece;
        done += piece;
        (piece > 0).then_some((position / PAGE as u64, offset, range))
    })
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Pages that take space.
    pub(super) fn pages(&self) -> u64 {
        self.pages.len() as u64
    }

    pub(super) fn read(&self, at: u64, len: usize) -> Vec<u8> {
        let end = self.len.min(at.saturating_add(len as u64));
        let mut bytes = vec![0; end.saturating_sub(at) as usize];
        for (page, offset, range) in pieces(at, bytes.len()) {
            if let Some(page) = self.pages.get(&page) {
                let from = &page[offset..offset + range.len()];
                bytes[range].copy_from_slice(from);
            }
        }
        bytes
    }

    /// Writes without moving the end.
    pub(super) fn put(&mut self, at: u64, data: &[u8]) {
        for (page, offset, range) in pieces(at, data.len()) {
            let page = self
                .pages
                .entry(page)
                .or_insert_with(|| Arc::new([0; PAGE]));
            Arc::make_mut(page)[offset..offset + range.len()].copy_from_slice(&data[range]);
        }
    }

    pub(super) fn write(&mut self, at: u64, data: &[u8]) {
        self.put(at, data);
        self.len = self.len.max(at + data.len() as u64);
    }

    /// Cuts off or extends with zeros.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let last = len / PAGE as u64;
            self.pages.retain(|page, _| *page <= last);
            let within = (len % PAGE as u64) as usize;
            if within == 0 {
                self.pages.remove(&last);
            } else if let Some(page) = self.pages.get_mut(&last) {
                Arc::make_mut(page)[within..].fill(0);
            }
        }
        self.len = len;
    }

    /// Moves the end without touching bytes: what lies behind it is cut off later.
    pub(super) fn move_end(&mut self, len: u64) {
        self.len = len;
    }

    /// Takes over what a range of another's pages holds, and its end.
    pub(super) fn copy(&mut self, from: &Self, at: u64, len: usize) {
        for (page, _, _) in pieces(at, len) {
            match from.pages.get(&page) {
                Some(bytes) => self.pages.insert(page, Arc::clone(bytes)),
                None => self.pages.remove(&page),
            };
        }
    }

    /// Cuts off everything behind the end.
    pub(super) fn trim(&mut self) {
        let len = self.len;
        self.len = u64::MAX;
        self.set_len(len);
    }
}
