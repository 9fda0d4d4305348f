//! One file: its bytes as they are seen, and as they are on the disk.

use super::media::Cut;
use crate::random::Random;
use std::collections::BTreeMap;

/// What a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;
/// States of a sector remembered between two syncs; the first is the durable one.
const VERSIONS_MAX: usize = 4;

#[derive(Debug, Default)]
pub(super) struct File {
    pub now: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors written since the last sync, in each state they have had before the present one.
    dirty: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    /// Lengths since the last sync, before the present one.
    lengths: Vec<usize>,
}

fn sector(bytes: &[u8], at: usize) -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    let from = bytes.get(at * SECTOR..).unwrap_or_default();
    let length = from.len().min(SECTOR);
    sector[..length].copy_from_slice(&from[..length]);
    sector
}

fn put(bytes: &mut [u8], at: usize, sector: &[u8; SECTOR]) {
    let to = bytes.get_mut(at * SECTOR..).unwrap_or_default();
    let length = to.len().min(SECTOR);
    to[..length].copy_from_slice(&sector[..length]);
}

impl File {
    /// A file whose bytes are durable.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self {
            now: bytes.clone(),
            durable: bytes,
            ..Self::default()
        }
    }

    pub fn set_len(&mut self, bytes: usize) {
        let had = self.now.len();
        self.lengths.push(had);
        // What is cut off and comes back reads as zeros, whether or not a sector was on the disk.
        for at in bytes / SECTOR..had.div_ceil(SECTOR) {
            self.keep(at);
        }
        self.now.resize(bytes, 0);
    }

    pub fn write(&mut self, at: usize, bytes: &[u8]) {
        let (had, end) = (self.now.len(), at + bytes.len());
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            self.keep(sector);
        }
        if end > had {
            self.lengths.push(had);
            self.now.resize(end, 0);
        }
        if let Some(to) = self.now.get_mut(at..end) {
            to.copy_from_slice(bytes);
        }
    }

    /// Makes it durable, or only believes so.
    pub fn sync(&mut self, really: bool) {
        if really {
            self.durable.resize(self.now.len(), 0);
            for &at in self.dirty.keys() {
                put(&mut self.durable, at, &sector(&self.now, at));
            }
        }
        self.dirty.clear();
        self.lengths.clear();
    }

    /// Remembers a sector as it is before it is changed.
    fn keep(&mut self, at: usize) {
        let before = self.dirty.entry(at).or_default();
        if before.len() < VERSIONS_MAX {
            before.push(sector(&self.now, at));
        }
    }

    pub fn cut(&mut self, cut: Cut, random: &mut Random) {
        let mut after = self.durable.clone();
        if cut == Cut::Some {
            self.lengths.push(self.now.len());
            self.lengths.push(self.durable.len());
            let length = random.pick(&self.lengths).copied();
            after.resize(length.unwrap_or_default(), 0);
            // How much of it got through differs from cut to cut.
            let kept = random.below(1001);
            for (&at, before) in &self.dirty {
                if random.chance(kept) {
                    let states = before.len() as u64 + 1;
                    let state = match before.get(random.below(states) as usize) {
                        Some(before) => *before,
                        None => sector(&self.now, at),
                    };
                    put(&mut after, at, &state);
                }
            }
        }
        *self = Self::of(after);
    }
}
