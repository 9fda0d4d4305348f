//! The disk: its nodes, its faults and its power.

use super::content::PAGE;
use super::node::{File, Folder};
use crate::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The folder everything is in.
pub(super) const ROOT: u64 = 1;

/// What a power cut leaves of what was written and not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Random parts.
    Parts,
}

/// Why an operation fails, as the kernel says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoEntry,
    Exists,
    NotEmpty,
    NotFolder,
    IsFolder,
    NoSpace,
    Failing,
    OtherDevice,
}

type Done<T> = Result<T, Fault>;

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(File),
    Folder(Folder),
}

/// What `stat` shows of a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) node: u64,
    pub(super) folder: bool,
    pub(super) len: u64,
    pub(super) pages: u64,
    pub(super) mode: u16,
}

#[derive(Debug)]
struct Inner {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    powered: bool,
    full: bool,
    syncs_fail: bool,
    lies: bool,
    delay: Duration,
    syncs: u64,
    fuse: Option<Fuse>,
}

/// A power cut to come.
#[derive(Debug)]
struct Fuse {
    changes: u64,
    keep: Keep,
    dice: Dice,
}

/// A disk. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<Inner>>);

impl Default for Disk {
    fn default() -> Self {
        let root = Folder::new(0o755);
        Self(Arc::new(Mutex::new(Inner {
            nodes: [(ROOT, Node::Folder(root))].into(),
            next: ROOT + 1,
            powered: true,
            full: false,
            syncs_fail: false,
            lies: false,
            delay: Duration::ZERO,
            syncs: 0,
            fuse: None,
        })))
    }
}

impl Disk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the power: what was not synced is lost, and everything fails until [`Disk::power_on`].
    pub fn cut(&self, keep: Keep, dice: &mut Dice) {
        self.inner().cut(keep, dice);
    }

    /// The same by itself, in the place of the change after so many more: a write, a sync, a name made or removed.
    pub fn cut_after(&self, changes: u64, keep: Keep, dice: &mut Dice) {
        let dice = dice.split();
        self.inner().fuse = Some(Fuse {
            changes,
            keep,
            dice,
        });
    }

    /// Whether the machine runs.
    pub fn has_power(&self) -> bool {
        self.inner().powered
    }

    /// Takes such a cut back; whether it was still to come.
    pub fn spare(&self) -> bool {
        self.inner().fuse.take().is_some()
    }

    /// The machine runs again.
    pub fn power_on(&self) {
        self.inner().powered = true;
    }

    /// Makes everything written so far durable, as an installer's `sync` would.
    pub fn sync_all(&self) {
        for node in self.inner().nodes.values_mut() {
            match node {
                Node::File(file) => file.sync(),
                Node::Folder(folder) => folder.sync(),
            }
        }
    }

    /// From now on there is no space: each write fails, to bytes written before as well, as where old bytes are
    /// never overwritten in place.
    pub fn fill(&self, full: bool) {
        self.inner().full = full;
    }

    /// From now on each fsync fails, and what it was for is not durable.
    pub fn fail_syncs(&self, fail: bool) {
        self.inner().syncs_fail = fail;
    }

    /// From now on fsync says yes and does nothing, as a drive that keeps its cache to itself.
    pub fn lie(&self, lie: bool) {
        self.inner().lies = lie;
    }

    /// Each fsync takes this long.
    pub fn slow_down(&self, delay: Duration) {
        self.inner().delay = delay;
    }

    /// How long an fsync takes now.
    pub(super) fn delay(&self) -> Duration {
        self.inner().delay
    }

    /// How often something was synced.
    pub fn syncs(&self) -> u64 {
        self.inner().syncs
    }

    /// Bytes its files take.
    pub fn bytes(&self) -> u64 {
        let pages = |node: &Node| match node {
            Node::File(file) => file.live.pages(),
            Node::Folder(_) => 0,
        };
        let inner = self.inner();
        inner.nodes.values().map(pages).sum::<u64>() * PAGE as u64
    }

    pub(super) fn lookup(&self, folder: u64, name: &OsStr) -> Done<Shown> {
        let mut inner = self.powered()?;
        let node = inner.child(folder, name)?;
        inner.shown(node)
    }

    pub(super) fn shown(&self, node: u64) -> Done<Shown> {
        self.powered()?.shown(node)
    }

    pub(super) fn create(&self, folder: u64, name: &OsStr, mode: u16, is: Is) -> Done<Shown> {
        let mut inner = self.changing()?;
        if inner.full {
            return Err(Fault::NoSpace);
        }
        if inner.folder(folder)?.live.contains_key(name) {
            return Err(Fault::Exists);
        }
        let node = inner.next;
        inner.next += 1;
        let new = match is {
            Is::Folder => Node::Folder(Folder::new(mode)),
            Is::File => Node::File(File::new(mode)),
        };
        inner.nodes.insert(node, new);
        inner
            .folder(folder)?
            .change(vec![(name.to_owned(), Some(node))]);
        inner.shown(node)
    }

    pub(super) fn remove(&self, folder: u64, name: &OsStr, is: Is) -> Done<()> {
        let mut inner = self.changing()?;
        let node = inner.child(folder, name)?;
        match (inner.nodes.get(&node), is) {
            (Some(Node::Folder(of)), Is::Folder) if !of.live.is_empty() => {
                return Err(Fault::NotEmpty);
            }
            (Some(Node::Folder(_)), Is::File) => return Err(Fault::IsFolder),
            (Some(Node::File(_)), Is::Folder) => return Err(Fault::NotFolder),
            _ => {}
        }
        inner.folder(folder)?.change(vec![(name.to_owned(), None)]);
        Ok(())
    }

    pub(super) fn rename(&self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Done<()> {
        let mut inner = self.changing()?;
        let node = inner.child(from.0, from.1)?;
        // One folder's journal holds both names, so that a cut keeps one of them.
        if from.0 != to.0 {
            return Err(Fault::OtherDevice);
        }
        if from.1 != to.1 {
            let names = vec![(from.1.to_owned(), None), (to.1.to_owned(), Some(node))];
            inner.folder(to.0)?.change(names);
        }
        Ok(())
    }

    pub(super) fn opened(&self, node: u64, more: bool) -> Done<()> {
        // Without power as well: the kernel closes what a killed process had open.
        let mut inner = self.inner();
        if more && !inner.powered {
            return Err(Fault::Failing);
        }
        if let Some(Node::File(file)) = inner.nodes.get_mut(&node) {
            file.opens = if more {
                file.opens + 1
            } else {
                file.opens.saturating_sub(1)
            };
        }
        Ok(())
    }

    pub(super) fn read(&self, node: u64, at: u64, len: usize) -> Done<Vec<u8>> {
        Ok(self.powered()?.file(node)?.live.read(at, len))
    }

    /// Writes at a place, or at the end.
    pub(super) fn write(&self, node: u64, at: Option<u64>, data: &[u8]) -> Done<()> {
        let mut inner = self.changing()?;
        let full = inner.full;
        let file = inner.file(node)?;
        if full {
            return Err(Fault::NoSpace);
        }
        let at = at.unwrap_or(file.live.len());
        file.write(at, data);
        Ok(())
    }

    pub(super) fn set_len(&self, node: u64, len: u64) -> Done<()> {
        let mut inner = self.changing()?;
        let full = inner.full;
        let file = inner.file(node)?;
        if full && len > file.live.len() {
            return Err(Fault::NoSpace);
        }
        file.set_len(len);
        Ok(())
    }

    pub(super) fn sync(&self, node: u64) -> Done<()> {
        let mut inner = self.changing()?;
        if inner.syncs_fail {
            return Err(Fault::Failing);
        }
        inner.syncs += 1;
        if inner.lies {
            return Ok(());
        }
        match inner.nodes.get_mut(&node).ok_or(Fault::NoEntry)? {
            Node::File(file) => file.sync(),
            Node::Folder(folder) => {
                folder.sync();
                inner.forget_unnamed();
            }
        }
        Ok(())
    }

    pub(super) fn names(&self, node: u64) -> Done<Vec<(OsString, Shown)>> {
        let mut inner = self.powered()?;
        let names: Vec<_> = inner.folder(node)?.live.clone().into_iter().collect();
        names
            .into_iter()
            .map(|(name, node)| Ok((name, inner.shown(node)?)))
            .collect()
    }

    /// For a change: the one in whose place the power is cut fails, as all after it.
    fn changing(&self) -> Done<MutexGuard<'_, Inner>> {
        let mut inner = self.powered()?;
        match &mut inner.fuse {
            Some(fuse) if fuse.changes > 0 => fuse.changes -= 1,
            Some(_) => {
                if let Some(Fuse { keep, mut dice, .. }) = inner.fuse.take() {
                    inner.cut(keep, &mut dice);
                }
                return Err(Fault::Failing);
            }
            None => {}
        }
        Ok(inner)
    }

    fn powered(&self) -> Done<MutexGuard<'_, Inner>> {
        let inner = self.inner();
        if inner.powered {
            Ok(inner)
        } else {
            Err(Fault::Failing)
        }
    }
}

/// What is made or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    File,
    Folder,
}

impl Inner {
    fn cut(&mut self, keep: Keep, dice: &mut Dice) {
        self.powered = false;
        for node in self.nodes.values_mut() {
            match node {
                Node::File(file) => file.cut(keep, dice),
                Node::Folder(folder) => folder.cut(keep, dice),
            }
        }
        self.forget_unnamed();
    }

    fn folder(&mut self, node: u64) -> Done<&mut Folder> {
        match self.nodes.get_mut(&node).ok_or(Fault::NoEntry)? {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(Fault::NotFolder),
        }
    }

    fn file(&mut self, node: u64) -> Done<&mut File> {
        match self.nodes.get_mut(&node).ok_or(Fault::NoEntry)? {
            Node::File(file) => Ok(file),
            Node::Folder(_) => Err(Fault::IsFolder),
        }
    }

    fn child(&mut self, folder: u64, name: &OsStr) -> Done<u64> {
        self.folder(folder)?
            .live
            .get(name)
            .copied()
            .ok_or(Fault::NoEntry)
    }

    fn shown(&mut self, node: u64) -> Done<Shown> {
        Ok(match self.nodes.get(&node).ok_or(Fault::NoEntry)? {
            Node::File(file) => Shown {
                node,
                folder: false,
                len: file.live.len(),
                pages: file.live.pages(),
                mode: file.mode,
            },
            Node::Folder(folder) => Shown {
                node,
                folder: true,
                len: 0,
                pages: 0,
                mode: folder.mode,
            },
        })
    }

    /// Frees what has no name, neither now nor after a cut, and is not open.
    fn forget_unnamed(&mut self) {
        let mut named = BTreeSet::from([ROOT]);
        for node in self.nodes.values() {
            if let Node::Folder(folder) = node {
                named.extend(folder.live.values().chain(folder.durable.values()));
            }
        }
        self.nodes.retain(|id, node| {
            named.contains(id) || matches!(node, Node::File(file) if file.opens > 0)
        });
    }
}
