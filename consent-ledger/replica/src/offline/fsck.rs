//! Checking a replica's data directory byte by byte.
//!
//! One walk over the leaves, in order. Of each leaf there are up to four statements: its bytes in the store and in
//! the sealed bundle, its hash in the store's tree and in the sealed tile. What two of them agree on is taken, the
//! others are findings. From what is taken grow, anew, the tree (compared with every stored hash, every sealed
//! file and every root that was cosigned) and, in a scratch store, the state (each entry's signatures checked and
//! its rules run again; in the end compared row by row).
//!
//! Nothing in the data directory is written. A database whose pages are damaged is read as far as it goes: what
//! cannot be read is a finding, and its leaves are taken from the sealed bundles.

use super::PROGRESS_EVERY;
use super::finding::{Finding, FindingKind, FsckReport};
use super::rows::Rows;
use crate::checkpoint::{Cosigned, read_published};
use crate::store::{Again, ReadState, Scratch, StateTxn, Stopped, apply_again};
use crate::tiles::{BESIDE, CHECKPOINT, FOLDER, Tiles, first_difference};
use crate::{ReplicaError, state_error};
use sekisho_domain::{EntryIndex, Genesis, Hash, TimeMs};
use sekisho_ledger::merkle::{NodeStore, Subtree, leaf_hash, node_hash};
use sekisho_ledger::store::{StateRead, Table};
use sekisho_ledger::tlog::{Content, TILE_WIDTH, TilePath, entries_parsed};
use sekisho_ledger::{Leaf, Nodes, View};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Leaves applied again in one transaction of the scratch store.
const LEAVES_AT_ONCE: u64 = 256;
/// Rows of the state compared at a time.
const ROWS_AT_ONCE: usize = 512;

/// Checks everything in a data directory. `scratch` is an empty folder with as much room as the state takes;
/// `progress` hears of how many of how many leaves are done.
///
/// # Errors
/// [`ReplicaError::InUse`] while a replica runs there; there is no store; or the scratch folder cannot be used.
/// What is wrong with the data is no error but a finding.
pub fn fsck(
    data_dir: &Path,
    genesis: &Genesis,
    scratch: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<FsckReport, ReplicaError> {
    let mut report = FsckReport::default();
    let stopped = open(data_dir, &mut report)?;
    let tiles = Tiles::of(data_dir);
    let published = match read_published(&tiles, genesis) {
        Ok(published) => published,
        Err(error) => {
            report.add(Finding {
                kind: FindingKind::Checkpoint,
                place: format!("{FOLDER}/{CHECKPOINT}"),
                bundle: None,
                offset: None,
                detail: error.chain(),
            });
            None
        }
    };
    report.published = published.as_ref().map(|p| p.checkpoint.size());
    let mut fsck = Fsck {
        state: stopped.as_ref().and_then(|s| s.read_state().ok()),
        cosigned: None,
        latest: None,
        stopped,
        tiles,
        published,
        copy: Copy::default(),
        rows: Rows::new(),
        replaying: true,
        report,
    };
    fsck.consensus();
    fsck.strays();
    let size = fsck.size();
    let scratch = Scratch::found(scratch, genesis)?;
    fsck.leaves(&scratch, size, progress)?;
    if fsck.replaying && fsck.rows.size() == size {
        fsck.state(&scratch)?;
    }
    progress(fsck.rows.size(), size);
    fsck.report.leaves = fsck.rows.size();
    fsck.report.root = Some(fsck.rows.root());
    Ok(fsck.report)
}

/// Opens the store, as damaged where it is; nothing if not even that is possible.
fn open(data_dir: &Path, report: &mut FsckReport) -> Result<Option<Stopped>, ReplicaError> {
    let opened = guarded(|| match Stopped::open(data_dir) {
        Err(error @ (ReplicaError::InUse(_) | ReplicaError::File { .. })) => Ok(Err(error)),
        other => other.map(Ok),
    });
    let damaged = match opened {
        Ok(Err(error)) => return Err(error),
        Ok(Ok(mut stopped)) => match guarded(|| Ok(stopped.is_whole())) {
            Ok(true) => return Ok(Some(stopped)),
            Ok(false) => "pages do not have their checksums".to_owned(),
            Err(why) => why,
        },
        Err(why) => why,
    };
    report.add(Finding {
        kind: FindingKind::Database,
        place: database_name(),
        bundle: None,
        offset: None,
        detail: damaged,
    });
    // A checked database is repaired in memory; what is wanted is what is there.
    Ok(guarded(|| Stopped::open_damaged(data_dir)).ok())
}

fn database_name() -> String {
    Stopped::path(Path::new("")).display().to_string()
}

/// Reads what may be damaged: the database library refuses a damaged page with an error, or gives up on it.
fn guarded<T>(read: impl FnOnce() -> Result<T, ReplicaError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.chain()),
        Err(_) => Err("its pages make no sense".to_owned()),
    }
}

/// The sealed files of the bundle being looked at.
#[derive(Default)]
struct Copy {
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

struct Fsck {
    stopped: Option<Stopped>,
    state: Option<ReadState>,
    cosigned: Option<(u64, Vec<u8>)>,
    /// The latest time of an applied batch that is still in the Raft log.
    latest: Option<TimeMs>,
    tiles: Tiles,
    published: Option<Cosigned>,
    copy: Copy,
    rows: Rows,
    /// Whether the scratch state is still what the leaves so far lead to.
    replaying: bool,
    report: FsckReport,
}

impl Fsck {
    fn published_size(&self) -> u64 {
        self.published.as_ref().map_or(0, |p| p.checkpoint.size())
    }

    fn find(&mut self, kind: FindingKind, place: String, offset: Option<u64>, detail: String) {
        let bundle = None;
        self.report.add(Finding {
            kind,
            place,
            bundle,
            offset,
            detail,
        });
    }

    /// Reads the store's state; nothing where there is no store.
    fn read<T>(
        &self,
        read: impl FnOnce(&ReadState) -> Result<T, ReplicaError>,
    ) -> Result<Option<T>, String> {
        let (Some(stopped), Some(state)) = (&self.stopped, &self.state) else {
            return Ok(None);
        };
        stopped.allow();
        guarded(|| read(state)).map(Some)
    }

    fn consensus(&mut self) {
        let Some(stopped) = &self.stopped else {
            return;
        };
        let identity = guarded(|| stopped.identity());
        let cosigned = guarded(|| stopped.cosigned());
        let consensus = guarded(|| stopped.check_consensus());
        let faults = [
            identity.as_ref().err(),
            cosigned.as_ref().err(),
            consensus.as_ref().err(),
        ];
        let faults: Vec<String> = faults.into_iter().flatten().cloned().collect();
        self.report.store = identity.ok();
        self.latest = consensus.ok().flatten();
        self.cosigned = cosigned.ok().flatten().map(|c| (c.size, c.root));
        for fault in faults {
            self.find(FindingKind::Consensus, database_name(), None, fault);
        }
    }

    /// How many leaves there should be.
    fn size(&mut self) -> u64 {
        let meta = self.read(|state| View(state).meta().map_err(state_error));
        let fault = match meta {
            Ok(Some(Some(meta))) => {
                if let Some((size, _)) = self.cosigned
                    && size > meta.size
                {
                    let detail = format!("{} leaves, but {size} were cosigned", meta.size);
                    self.find(FindingKind::Consensus, database_name(), None, detail);
                }
                return meta.size;
            }
            Ok(Some(None)) => "there is none".to_owned(),
            Ok(None) => return self.published_size(),
            Err(why) => why,
        };
        let place = format!("{}: Meta", database_name());
        self.find(FindingKind::State, place, None, fault);
        self.published_size()
    }

    /// Walks over the leaves.
    fn leaves(
        &mut self,
        scratch: &Scratch,
        size: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), ReplicaError> {
        self.roots();
        let mut going = true;
        while going && self.rows.size() < size {
            going = scratch.write(|again| {
                for _ in 0..LEAVES_AT_ONCE {
                    if self.rows.size() >= size {
                        break;
                    }
                    if !self.leaf(again)? {
                        return Ok(false);
                    }
                    if self.rows.size().is_multiple_of(PROGRESS_EVERY) {
                        progress(self.rows.size(), size);
                    }
                }
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// The next leaf. `false`: nothing says what it is, and no tree grows beyond it.
    fn leaf(&mut self, again: &mut StateTxn<'_>) -> Result<bool, ReplicaError> {
        let index = self.rows.size();
        let bundle = index / u64::from(TILE_WIDTH);
        let begin = self.rows.offset();
        let leaf_finding = |kind, offset, detail| Finding {
            kind,
            place: format!("{}: leaf {index}", database_name()),
            bundle: Some(bundle),
            offset: Some(offset),
            detail,
        };
        let (said, unreadable) = self.said(index, bundle);
        let (stored, copy) = (said.stored.as_ref(), said.copy.as_ref());
        let agreed = [(stored, copy), (copy, stored)]
            .into_iter()
            .find_map(|(one, other)| one.filter(|bytes| said.agrees(bytes, other)));
        let Some(bytes) = agreed.or(stored).or(copy).cloned() else {
            let detail = unreadable.unwrap_or_else(|| "it is not there".to_owned());
            self.report
                .add(leaf_finding(FindingKind::Leaf, begin, detail));
            return Ok(false);
        };
        let differs = |bytes: &[u8], from: &[u8]| {
            first_difference(bytes, from).map(|at| begin + 2 + at as u64)
        };

        let mut right = bytes;
        let mut reported = false;
        if self.replaying {
            match Leaf::decode(&right).map(|leaf| apply_again(again, &leaf)) {
                Ok(Ok(Again::Leaf(computed))) => {
                    if let Some(offset) = differs(&right, &computed) {
                        let detail = "applying its entry leads to another leaf".to_owned();
                        self.report
                            .add(leaf_finding(FindingKind::Outcome, offset, detail));
                        reported = true;
                        // Where nothing agreed with what is stored, what is computed is as good.
                        if agreed.is_none() {
                            right = computed;
                        }
                    }
                }
                Ok(Err(error)) => return Err(error),
                other => {
                    self.replaying = false;
                    let detail = match other {
                        Ok(Ok(Again::Duplicate(earlier))) => {
                            format!("leaf {earlier} has the same entry")
                        }
                        Ok(Ok(Again::Invalid(fault))) => fault.to_string(),
                        Err(fault) => fault.to_string(),
                        Ok(_) => String::new(),
                    };
                    self.report
                        .add(leaf_finding(FindingKind::Outcome, begin, detail));
                    reported = true;
                }
            }
            self.report.replayed += u64::from(self.replaying);
        }
        match (&said.stored, unreadable) {
            _ if reported => {}
            (_, Some(why)) => self.report.add(leaf_finding(FindingKind::Leaf, begin, why)),
            (None, None) if self.state.is_some() => {
                let detail = "it is not in the store".to_owned();
                self.report
                    .add(leaf_finding(FindingKind::Leaf, begin, detail));
            }
            (Some(stored), None) => {
                if let Some(offset) = differs(stored, &right) {
                    let detail = "the sealed bundle and the tree say otherwise".to_owned();
                    self.report
                        .add(leaf_finding(FindingKind::Leaf, offset, detail));
                }
            }
            (None, None) => {}
        }
        // Where nothing agreed, the tree's word is the last one left, if the tree agrees with itself.
        let hash = match said.hashes {
            [Some(node), _]
                if agreed.is_none()
                    && node != leaf_hash(&right)
                    && self.is_vouched_for(index, &node) =>
            {
                self.replaying = false;
                if !reported {
                    let detail = "its hash in the tree says otherwise".to_owned();
                    self.report
                        .add(leaf_finding(FindingKind::Leaf, begin, detail));
                }
                node
            }
            _ => leaf_hash(&right),
        };
        let grown = self.rows.push(&right, hash)?;
        for (subtree, hash) in grown.subtrees {
            self.node(subtree, &hash);
        }
        for (path, bytes) in grown.tiles {
            self.file(path, &bytes)?;
        }
        self.roots();
        Ok(true)
    }

    /// Everything that is said of a leaf, and why the store says nothing if it cannot be read.
    fn said(&mut self, index: u64, bundle: u64) -> (Said, Option<String>) {
        if self.copy.bundle != Some(bundle) {
            self.copy = self.load(bundle);
        }
        let place = (index % u64::from(TILE_WIDTH)) as usize;
        let stored = self.read(|state| View(state).leaf(EntryIndex(index)).map_err(state_error));
        let (stored, unreadable) = match stored {
            Ok(stored) => (stored.flatten(), None),
            Err(why) => (None, Some(why)),
        };
        let leaf = Subtree { level: 0, index };
        let node = self.read(|state| Nodes(state).hash_of(leaf).map_err(state_error));
        let (tile, _) = self.copy.hashes.as_chunks::<{ Hash::LEN }>();
        let said = Said {
            stored,
            copy: self.copy.entries.get(place).cloned(),
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
    fn load(&self, bundle: u64) -> Copy {
        let file = |content| {
            let path = TilePath::new(content, bundle, TILE_WIDTH).ok()?;
            self.tiles.read(path).ok().flatten()
        };
        let entries = file(Content::Entries).unwrap_or_default();
        let (entries, _) = entries_parsed(&entries, TILE_WIDTH);
        Copy {
            bundle: Some(bundle),
            entries: entries.into_iter().map(<[u8]>::to_vec).collect(),
            hashes: file(Content::Hashes { level: 0 }).unwrap_or_default(),
        }
    }

    /// Compares a stored hash of the tree.
    fn node(&mut self, subtree: Subtree, computed: &Hash) {
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
    fn file(&mut self, path: TilePath, computed: &[u8]) -> Result<(), ReplicaError> {
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
    fn roots(&mut self) {
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
    fn state(&mut self, scratch: &Scratch) -> Result<(), ReplicaError> {
        let computed = scratch.read()?;
        for table in Table::ALL {
            let walked = matches!(table, Table::Leaf | Table::TreeNode);
            let mut from = Vec::new();
            while !walked {
                let rows = computed.scan(table, b"", &from, ROWS_AT_ONCE)?;
                for (key, value) in &rows {
                    self.row(table, key, value, &computed);
                }
                match rows.last() {
                    Some((key, _)) if rows.len() == ROWS_AT_ONCE => from = after(key),
                    _ => break,
                }
            }
            self.too_many(table, &computed)?;
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
    fn strays(&mut self) {
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
