//! Files and folders: what is live, what is pending, what is durable.

use super::Keep;
use super::content::Content;
use crate::Dice;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// What a drive writes whole or not at all.
const SECTOR: u64 = 512;

/// A change of a file since its last fsync.
#[derive(Debug, Clone)]
enum Change {
    Write { at: u64, data: Vec<u8> },
    Len(u64),
}

/// A file.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) live: Content,
    durable: Content,
    pending: Vec<Change>,
    pub(super) mode: u16,
    /// Open handles.
    pub(super) opens: u64,
}

impl File {
    pub(super) fn new(mode: u16) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    pub(super) fn write(&mut self, at: u64, data: &[u8]) {
        self.live.write(at, data);
        self.pending.push(Change::Write {
            at,
            data: data.to_vec(),
        });
    }

    pub(super) fn set_len(&mut self, len: u64) {
        self.live.set_len(len);
        self.pending.push(Change::Len(len));
    }

    pub(super) fn sync(&mut self) {
        let shrinks = |change: &Change| matches!(change, Change::Len(_));
        if self.pending.iter().any(shrinks) {
            self.durable = self.live.clone();
        }
        for change in self.pending.drain(..) {
            if let Change::Write { at, data } = change {
                self.durable.copy(&self.live, at, data.len());
            }
        }
        self.durable.move_end(self.live.len());
    }

    /// What the cut leaves; then live and durable are the same.
    pub(super) fn cut(&mut self, keep: Keep, dice: &mut Dice) {
        let pending = std::mem::take(&mut self.pending);
        if keep == Keep::Parts {
            self.keep_parts(&pending, dice);
        }
        self.live = self.durable.clone();
        self.opens = 0;
    }

    fn keep_parts(&mut self, pending: &[Change], dice: &mut Dice) {
        // How many of the changes, from the first on, reached a sector; and how many the file's length.
        let mut sectors: BTreeMap<u64, usize> = BTreeMap::new();
        let mut reached = || first_so_many(pending.len(), dice);
        let reached_len = reached();
        for (n, change) in pending.iter().enumerate() {
            match change {
                Change::Len(len) if n < reached_len => self.durable.set_len(*len),
                Change::Len(_) => {}
                Change::Write { at, data } => {
                    let mut done = 0;
                    while done < data.len() {
                        let position = at + done as u64;
                        let left = (SECTOR - position % SECTOR) as usize;
                        let piece = &data[done..data.len().min(done + left)];
                        let sector = sectors
                            .entry(position / SECTOR)
                            .or_insert_with(&mut reached);
                        if n < *sector {
                            self.durable.put(position, piece);
                        }
                        done += piece.len();
                    }
                    if n < reached_len {
                        let end = at + data.len() as u64;
                        self.durable.move_end(self.durable.len().max(end));
                    }
                }
            }
        }
        self.durable.trim();
    }
}

/// A folder. Each pending change is one system call's: a rename sets one name and ends another, or neither.
#[derive(Debug, Clone, Default)]
pub(super) struct Folder {
    pub(super) live: BTreeMap<OsString, u64>,
    pub(super) durable: BTreeMap<OsString, u64>,
    pending: Vec<Vec<(OsString, Option<u64>)>>,
    pub(super) mode: u16,
}

impl Folder {
    pub(super) fn new(mode: u16) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    pub(super) fn change(&mut self, names: Vec<(OsString, Option<u64>)>) {
        apply(&mut self.live, &names);
        self.pending.push(names);
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.live.clone();
        self.pending.clear();
    }

    pub(super) fn cut(&mut self, keep: Keep, dice: &mut Dice) {
        let pending = std::mem::take(&mut self.pending);
        if keep == Keep::Parts {
            // A folder's changes reach a journal in order.
            let reached = first_so_many(pending.len(), dice);
            for names in &pending[..reached] {
                apply(&mut self.durable, names);
            }
        }
        self.live = self.durable.clone();
    }
}

fn apply(to: &mut BTreeMap<OsString, u64>, names: &[(OsString, Option<u64>)]) {
    for (name, node) in names {
        match node {
            Some(node) => to.insert(name.clone(), *node),
            None => to.remove(name),
        };
    }
}

/// None, all, or any number between: each a third of the time.
fn first_so_many(all: usize, dice: &mut Dice) -> usize {
    match dice.below(3) {
        0 => 0,
        1 => all,
        _ => dice.below(all as u64 + 1) as usize,
    }
}
