//! One leaf: what is said of it, and what of that is taken.

use super::{Fsck, database_name};
use crate::offline::finding::{Finding, FindingKind};
use crate::store::{Again, Change, apply_again};
use crate::tiles::first_difference;
use crate::{ReplicaError, state_error};
use sekisho_domain::{EntryIndex, Hash};
use sekisho_ledger::merkle::{NodeStore, Subtree, leaf_hash, node_hash};
use sekisho_ledger::tlog::{Content, TILE_WIDTH, TilePath, entries_parsed};
use sekisho_ledger::{Leaf, Nodes, View};

/// The sealed files of the bundle being looked at.
#[derive(Default)]
pub(super) struct Sealed {
    bundle: Option<u64>,
    entries: Vec<Vec<u8>>,
    hashes: Vec<u8>,
}

/// What the sources say of one leaf.
struct Said {
    stored: Option<Vec<u8>>,
    copy: Option<Vec<u8>>,
    /// Hashes in the store's tree and in the sealed tile.
    hashes: [Option<Hash>; 2],
}

impl Said {
    /// Whether anything else says the same as these bytes.
    fn agrees(&self, bytes: &[u8], other: Option<&Vec<u8>>) -> bool {
        other.is_some_and(|other| other == bytes) || self.hashes.contains(&Some(leaf_hash(bytes)))
    }
}

/// Where a leaf stands.
struct At {
    index: u64,
    bundle: u64,
    /// Its first byte in the bundle: that of its length.
    begin: u64,
}

impl At {
    fn finding(&self, kind: FindingKind, offset: u64, detail: impl Into<String>) -> Finding {
        Finding {
            kind,
            place: format!("{}: leaf {}", database_name(), self.index),
            bundle: Some(self.bundle),
            offset: Some(offset),
            detail: detail.into(),
        }
    }

    /// The first byte of the bundle at which two versions of the leaf differ.
    fn difference(&self, a: &[u8], b: &[u8]) -> Option<u64> {
        first_difference(a, b).map(|at| self.begin + 2 + at as u64)
    }
}

impl Fsck {
    /// The next leaf. `false`: nothing says what it is, and no tree grows beyond it.
    pub(super) fn leaf(&mut self, again: &mut Change) -> Result<bool, ReplicaError> {
        let index = self.rows.size();
        let at = At {
            index,
            bundle: index / u64::from(TILE_WIDTH),
            begin: self.rows.offset(),
        };
        let (said, unreadable) = self.said(&at);
        let (stored, copy) = (said.stored.as_ref(), said.copy.as_ref());
        let agreed = [(stored, copy), (copy, stored)]
            .into_iter()
            .find_map(|(one, other)| one.filter(|bytes| said.agrees(bytes, other)));
        let Some(mut right) = agreed.or(stored).or(copy).cloned() else {
            let detail = unreadable.unwrap_or_else(|| "it is not there".to_owned());
            self.report
                .add(at.finding(FindingKind::Leaf, at.begin, detail));
            return Ok(false);
        };
        let mut reported = false;
        if self.replaying {
            let applied = self.apply(again, &at, &right)?;
            reported = applied != Some(right.clone());
            // Where nothing agreed with what is stored, what is computed is as good.
            if let Some(computed) = applied.filter(|_| agreed.is_none()) {
                right = computed;
            }
        }
        if !reported && let Some(finding) = self.compare(&at, &said, unreadable, &right) {
            self.report.add(finding);
            reported = true;
        }
        // Where nothing agreed, the tree's word is the last one left, if the tree agrees with itself.
        let own = leaf_hash(&right);
        let node = said.hashes[0].filter(|node| agreed.is_none() && *node != own);
        let node = node.filter(|node| self.is_vouched_for(index, node));
        if node.is_some() {
            self.replaying = false;
            if !reported {
                let detail = "its hash in the tree says otherwise";
                self.report
                    .add(at.finding(FindingKind::Leaf, at.begin, detail));
            }
        }
        let grown = self.rows.push(&right, node.unwrap_or(own))?;
        for (subtree, hash) in grown.subtrees {
            self.node(subtree, &hash);
        }
        for (path, bytes) in grown.tiles {
            self.file(path, &bytes)?;
        }
        self.roots();
        Ok(true)
    }

    /// Applies a leaf's entry again. Gives the leaf that comes out, if one does, and reports what does not fit.
    fn apply(
        &mut self,
        again: &mut Change,
        at: &At,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, ReplicaError> {
        let why = match Leaf::decode(bytes) {
            Err(fault) => fault.to_string(),
            Ok(leaf) => match apply_again(again, &leaf)? {
                Again::Leaf(computed) => {
                    self.report.replayed += 1;
                    if let Some(offset) = at.difference(bytes, &computed) {
                        let detail = "applying its entry leads to another leaf";
                        self.report
                            .add(at.finding(FindingKind::Outcome, offset, detail));
                    }
                    return Ok(Some(computed));
                }
                Again::Duplicate(earlier) => format!("leaf {earlier} has the same entry"),
                Again::Invalid(fault) => fault.to_string(),
            },
        };
        self.replaying = false;
        self.report
            .add(at.finding(FindingKind::Outcome, at.begin, why));
        Ok(None)
    }

    /// What is wrong with the stored bytes, where these are the right ones.
    fn compare(
        &self,
        at: &At,
        said: &Said,
        unreadable: Option<String>,
        right: &[u8],
    ) -> Option<Finding> {
        let (offset, detail) = match (&said.stored, unreadable) {
            (_, Some(why)) => (at.begin, why),
            (None, None) if self.state.is_none() => return None,
            (None, None) => (at.begin, "it is not in the store".to_owned()),
            (Some(stored), None) => (
                at.difference(stored, right)?,
                "the sealed bundle and the tree say otherwise".to_owned(),
            ),
        };
        Some(at.finding(FindingKind::Leaf, offset, detail))
    }

    /// Everything that is said of a leaf, and why the store says nothing if it cannot be read.
    fn said(&mut self, at: &At) -> (Said, Option<String>) {
        let &At { index, bundle, .. } = at;
        if self.sealed.bundle != Some(bundle) {
            self.sealed = self.load(bundle);
        }
        let place = (index % u64::from(TILE_WIDTH)) as usize;
        let stored = self.read(|state| View(state).leaf(EntryIndex(index)).map_err(state_error));
        let (stored, unreadable) = match stored {
            Ok(stored) => (stored.flatten(), None),
            Err(why) => (None, Some(why)),
        };
        let leaf = Subtree { level: 0, index };
        let node = self.read(|state| Nodes(state).hash_of(leaf).map_err(state_error));
        let (tile, _) = self.sealed.hashes.as_chunks::<{ Hash::LEN }>();
        let said = Said {
            stored,
            copy: self.sealed.entries.get(place).cloned(),
            hashes: [
                node.ok().flatten().flatten(),
                tile.get(place).map(|hash| Hash(*hash)),
            ],
        };
        (said, unreadable)
    }

    /// Whether the stored hash over a leaf and its neighbour is the one this leaf's hash leads to.
    fn is_vouched_for(&self, index: u64, node: &Hash) -> bool {
        let stored = |level, index| {
            let subtree = Subtree { level, index };
            let read = self.read(|state| Nodes(state).hash_of(subtree).map_err(state_error));
            read.ok().flatten().flatten()
        };
        let Some((neighbour, parent)) = stored(0, index ^ 1).zip(stored(1, index >> 1)) else {
            return false;
        };
        let (left, right) = if index.is_multiple_of(2) {
            (node, &neighbour)
        } else {
            (&neighbour, node)
        };
        node_hash(left, right) == parent
    }

    /// The sealed files of a bundle, as far as they can be read; they are compared when the bundle is full.
    fn load(&self, bundle: u64) -> Sealed {
        let file = |content| {
            let path = TilePath::new(content, bundle, TILE_WIDTH).ok()?;
            self.tiles.read(path).ok().flatten()
        };
        let entries = file(Content::Entries).unwrap_or_default();
        let (entries, _) = entries_parsed(&entries, TILE_WIDTH);
        Sealed {
            bundle: Some(bundle),
            entries: entries.into_iter().map(<[u8]>::to_vec).collect(),
            hashes: file(Content::Hashes { level: 0 }).unwrap_or_default(),
        }
    }
}
