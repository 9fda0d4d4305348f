//! What is kept, compared with what was computed.

use super::{Fsck, ROWS_AT_ONCE, database_name};
use crate::offline::finding::{Finding, FindingKind};
use crate::store::{ReadState, Scratch};
use crate::tiles::{BESIDE, CHECKPOINT, FOLDER, first_difference};
use crate::{ReplicaError, state_error};
use sekisho_domain::Hash;
use sekisho_ledger::merkle::{NodeStore, Subtree};
use sekisho_ledger::store::{StateRead, Table};
use sekisho_ledger::tlog::{TILE_WIDTH, TilePath};
use sekisho_ledger::{Nodes, View};
use std::fs;

impl Fsck {
    /// Compares a stored hash of the tree.
    pub(super) fn node(&mut self, subtree: Subtree, computed: &Hash) {
        let stored = self.read(|state| Nodes(state).hash_of(subtree).map_err(state_error));
        let (offset, detail) = match stored {
            Ok(None) => return,
            Ok(Some(Some(stored))) => match first_difference(&stored.0, &computed.0) {
                None => return,
                Some(at) => (at, format!("it is {stored}, the leaves lead to {computed}")),
            },
            Ok(Some(None)) => (0, "it is not there".to_owned()),
            Err(why) => (0, why),
        };
        self.report.add(Finding {
            kind: FindingKind::TreeNode,
            place: format!("{}: TreeNode {subtree}", database_name()),
            bundle: Some((subtree.index << subtree.level) / u64::from(TILE_WIDTH)),
            offset: Some(offset as u64),
            detail,
        });
    }

    /// Compares a sealed file.
    pub(super) fn file(&mut self, path: TilePath, computed: &[u8]) -> Result<(), ReplicaError> {
        let bundle = Some((path.tree_size() - 1) / u64::from(TILE_WIDTH));
        let finding = |kind, offset, detail| Finding {
            kind,
            place: format!("{FOLDER}/{path}"),
            bundle,
            offset,
            detail,
        };
        match self.tiles.read(path)? {
            None if path.tree_size() > self.published_size() => return Ok(()),
            None => self
                .report
                .add(finding(FindingKind::Missing, None, String::new())),
            Some(there) => {
                if let Some(offset) = first_difference(&there, computed) {
                    let (got, expected) = (there.len(), computed.len());
                    let detail = if got == expected {
                        String::new()
                    } else {
                        format!("{got} bytes, {expected} are expected")
                    };
                    let offset = Some(offset as u64);
                    self.report.add(finding(FindingKind::File, offset, detail));
                }
            }
        }
        self.report.files += 1;
        Ok(())
    }

    /// Compares the root, where there is a word on the tree of this size.
    pub(super) fn roots(&mut self) {
        let (size, root) = (self.rows.size(), self.rows.root());
        let said = self.published.as_ref().map(|p| &p.checkpoint);
        let published = said
            .filter(|p| p.size() == size)
            .map(|p| p.root().0.to_vec());
        let cosigned = self.cosigned.as_ref().filter(|(at, _)| *at == size);
        let words = [
            (format!("{FOLDER}/{CHECKPOINT}"), published),
            (
                format!("{}: cosigned", database_name()),
                cosigned.map(|(_, root)| root.clone()),
            ),
        ];
        for (place, said) in words {
            if said.is_some_and(|said| said != root.0) {
                let detail = format!("the {size} leaves lead to root {root}");
                self.find(FindingKind::Checkpoint, place, None, detail);
            }
        }
    }

    /// Compares every row of the state with those the leaves lead to. Leaves and hashes of the tree were compared
    /// on the way: of them only what is too many is still to be found.
    pub(super) fn state(&mut self, scratch: &Scratch) -> Result<(), ReplicaError> {
        let computed = scratch.read()?;
        for table in Table::ALL {
            self.too_many(table, &computed)?;
            if matches!(table, Table::Leaf | Table::TreeNode) {
                continue;
            }
            let mut from = Vec::new();
            loop {
                let rows = computed.scan(table, b"", &from, ROWS_AT_ONCE)?;
                for (key, value) in &rows {
                    self.row(table, key, value, &computed);
                }
                match rows.last() {
                    Some((key, _)) if rows.len() == ROWS_AT_ONCE => from = after(key),
                    _ => break,
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, table: Table, key: &[u8], computed: &[u8], scratch: &ReadState) {
        self.report.rows += 1;
        let stored = self.read(|state| state.get(table, key));
        let (offset, detail) = match stored {
            Ok(None) => return,
            Ok(Some(Some(stored))) => match first_difference(&stored, computed) {
                None => return,
                // Batches that left no leaf have moved the clock on.
                Some(_) if table == Table::Meta && self.is_later(scratch) => return,
                Some(offset) => (offset, String::new()),
            },
            Ok(Some(None)) => (0, "it is not there".to_owned()),
            Err(why) => (0, why),
        };
        let place = row_name(table, key);
        self.find(FindingKind::State, place, Some(offset as u64), detail);
    }

    /// Whether where the ledger stands differs in nothing but a clock that a later batch without leaves moved.
    fn is_later(&self, computed: &ReadState) -> bool {
        let meta = |state: &ReadState| View(state).meta().map_err(state_error);
        let stored = self.read(meta).ok().flatten().flatten();
        let computed = meta(computed).ok().flatten();
        stored.zip(computed).is_some_and(|(stored, mut computed)| {
            let later = stored.time > computed.time
                && self.latest.is_none_or(|latest| stored.time == latest);
            computed.time = stored.time;
            later && stored == computed
        })
    }

    /// Rows of the store that no leaf made.
    fn too_many(&mut self, table: Table, computed: &ReadState) -> Result<(), ReplicaError> {
        let mut from = Vec::new();
        loop {
            let at = from.clone();
            let rows = self.read(|state| state.scan(table, b"", &at, ROWS_AT_ONCE));
            // What cannot be read was told with the rows that should be there.
            let Ok(Some(rows)) = rows else {
                return Ok(());
            };
            for (key, _) in &rows {
                if computed.get(table, key)?.is_none() {
                    let detail = "no leaf made it".to_owned();
                    self.find(FindingKind::State, row_name(table, key), Some(0), detail);
                }
            }
            match rows.last() {
                Some((key, _)) if rows.len() == ROWS_AT_ONCE => from = after(key),
                _ => return Ok(()),
            }
        }
    }

    /// Files in the folder that nobody should have put there.
    pub(super) fn strays(&mut self) {
        let mut folders = vec![self.tiles.folder().to_owned()];
        let mut strays = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(self.tiles.folder()).unwrap_or(&path);
                let name = name.display().to_string();
                // What a crash left while it was being written is overwritten at the next start.
                let expected = match name.strip_suffix(BESIDE).unwrap_or(&name) {
                    CHECKPOINT => true,
                    tile => tile.parse::<TilePath>().is_ok_and(|path| {
                        path.is_full() && path.tree_size() <= self.published_size()
                    }),
                };
                if !expected {
                    strays.push(name);
                }
            }
        }
        strays.sort();
        for name in strays {
            self.find(
                FindingKind::Stray,
                format!("{FOLDER}/{name}"),
                None,
                String::new(),
            );
        }
    }
}

/// The smallest key after this one.
fn after(key: &[u8]) -> Vec<u8> {
    [key, b"\0"].concat()
}

fn row_name(table: Table, key: &[u8]) -> String {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}: {table:?} {key}", database_name())
}
