//! Which folders of a tree are watched: a budget, spent from the top down and on the newest days first.
//!
//! A watch costs the kernel about a kilobyte and keeps a folder in its memory, and a storage of five million files has
//! two million folders. What is new in a storage begins, but for late corrections, with a new folder (a patient, a day
//! or a kind), so the upper levels come first, then the undated folders (demographics, allergies, diagnoses), then
//! days from the newest back. When the budget is spent, the watch that has been there longest at the lowest level makes
//! room for a new folder. What is not watched, the next whole walk sees.

use super::events::{Events, Watched};
use crate::folder::{Entry, EntryKind, Listing, list};
use crate::storage::Layout;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

/// Most folders watched in one storage: 128 MiB of the kernel's memory, and a hospital's patients of ten years.
pub(super) const WATCHES_MAX: usize = 131_072;
/// Levels that hold patients' folders and what is above them; the root is level 0.
const PATIENT_LEVEL: usize = 3;
const DAY_LEVEL: usize = 4;
const KIND_LEVEL: usize = 5;

/// The watched folders of one tree.
#[derive(Debug)]
pub(super) struct Watches {
    root: PathBuf,
    events: Events,
    budget: usize,
    deepest: usize,
    by_id: HashMap<i32, String>,
    by_path: BTreeMap<String, i32>,
    /// Folders of days and below, in the order in which they were watched.
    lower: VecDeque<String>,
    /// Folders that are not watched, though they should be.
    pub(super) unwatched: u64,
}

impl Watches {
    pub(super) fn new(root: PathBuf, layout: Layout, budget: usize) -> io::Result<Self> {
        Ok(Self {
            root,
            events: Events::new()?,
            budget,
            deepest: match layout {
                Layout::Standardised => KIND_LEVEL,
                // A content folder is made before what is in it.
                Layout::Extended => KIND_LEVEL + 1,
            },
            by_id: HashMap::new(),
            by_path: BTreeMap::new(),
            lower: VecDeque::new(),
            unwatched: 0,
        })
    }

    pub(super) fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    pub(super) fn len(&self) -> usize {
        self.by_path.len()
    }

    pub(super) fn has_root(&self) -> bool {
        self.by_path.contains_key("")
    }

    pub(super) fn path_of(&self, id: i32) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str)
    }

    /// Forgets a watch the kernel has given up: its folder is gone.
    pub(super) fn gone(&mut self, id: i32) {
        if let Some(path) = self.by_id.remove(&id) {
            self.by_path.remove(&path);
        }
    }

    /// Gives up what is watched at a path and below it: it has another name now, or none.
    pub(super) fn leave(&mut self, path: &str) {
        let below = format!("{path}/");
        let ids: Vec<i32> = self
            .by_path
            .range(path.to_owned()..)
            .take_while(|(p, _)| p.starts_with(path))
            .filter(|(p, _)| *p == path || p.starts_with(&below))
            .map(|(_, id)| *id)
            .collect();
        for id in ids {
            self.events.leave(id);
            self.gone(id);
        }
    }

    /// Watches the whole tree, as far as the budget goes.
    ///
    /// # Errors
    /// The root cannot be watched.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        self.unwatched = 0;
        match self.watch("", 0) {
            Watched::Yes => {}
            Watched::Gone => return Err(io::ErrorKind::NotFound.into()),
            Watched::NoRoom => return Err(io::ErrorKind::QuotaExceeded.into()),
        }
        let mut level = vec![String::new()];
        for depth in 1..=PATIENT_LEVEL {
            let mut next = Vec::new();
            for folder in &level {
                for path in self.folders(folder) {
                    if self.watch(&path, depth) == Watched::Yes {
                        next.push(path);
                    }
                }
            }
            level = next;
        }
        // Undated folders sort before all days here, and the newest day before the others.
        let mut days: Vec<(std::cmp::Reverse<String>, String)> = Vec::new();
        let room = self.budget.saturating_sub(self.len());
        for patient in &level {
            for path in self.folders(patient) {
                let name = path.rsplit('/').next().unwrap_or_default();
                let day = if name == "-" {
                    "9".repeat(8)
                } else {
                    name.to_owned()
                };
                days.push((std::cmp::Reverse(day), path));
            }
            if days.len() > room.saturating_mul(2) + 1024 {
                days.sort();
                self.unwatched += (days.len() - room.min(days.len())) as u64;
                days.truncate(room);
            }
        }
        days.sort();
        // The oldest first, so that they make room first; as many as there is room for, each with its kinds.
        let mut chosen = Vec::new();
        let mut left = room;
        for (_, day) in days {
            let kinds = if left > 0 {
                self.folders(&day)
            } else {
                Vec::new()
            };
            if left < 1 + kinds.len() {
                self.unwatched += 1;
                left = 0;
                continue;
            }
            left -= 1 + kinds.len();
            chosen.push((day, kinds));
        }
        for (day, kinds) in chosen.into_iter().rev() {
            self.watch(&day, DAY_LEVEL);
            for kind in kinds {
                self.watch(&kind, KIND_LEVEL);
            }
        }
        Ok(())
    }

    /// Watches a folder that appeared, and what is in it already.
    pub(super) fn appeared(&mut self, path: &str) {
        let level = path.split('/').count();
        if level > self.deepest {
            return;
        }
        self.make_room();
        if self.watch(path, level) != Watched::Yes {
            return;
        }
        for below in self.folders(path) {
            self.appeared(&below);
        }
    }

    /// Below its budget; the lowest and longest watched goes first.
    fn make_room(&mut self) {
        while self.len() >= self.budget {
            let Some(oldest) = self.lower.pop_front() else {
                return;
            };
            if let Some(id) = self.by_path.get(&oldest).copied() {
                self.events.leave(id);
                self.gone(id);
                self.unwatched += 1;
            }
        }
    }

    fn watch(&mut self, path: &str, level: usize) -> Watched {
        if self.by_path.contains_key(path) {
            return Watched::Yes;
        }
        if self.len() >= self.budget {
            self.unwatched += 1;
            return Watched::NoRoom;
        }
        let (watched, id) = self.events.watch(&self.full(path));
        match (watched, id) {
            (Watched::Yes, Some(id)) => {
                // The same folder under a new name.
                if let Some(before) = self.by_id.insert(id, path.to_owned()) {
                    self.by_path.remove(&before);
                }
                self.by_path.insert(path.to_owned(), id);
                if level >= DAY_LEVEL {
                    self.lower.push_back(path.to_owned());
                }
            }
            (Watched::NoRoom, _) => {
                // The machine's own limit: no use in trying the next.
                self.unwatched += 1;
                self.budget = self.len();
            }
            _ => {}
        }
        watched
    }

    fn full(&self, path: &str) -> PathBuf {
        if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        }
    }

    fn folders(&self, path: &str) -> Vec<String> {
        let Listing::Entries(entries) = list(&self.full(path)) else {
            return Vec::new();
        };
        let is_folder =
            |e: &Entry| e.kind == EntryKind::Folder && e.name_is_utf8 && !e.name.starts_with('.');
        let folders = entries.into_iter().filter(is_folder);
        folders
            .map(|e| {
                if path.is_empty() {
                    e.name
                } else {
                    format!("{path}/{}", e.name)
                }
            })
            .collect()
    }

    /// Whether a path is a folder now, through no link.
    pub(super) fn is_folder(&self, path: &str) -> bool {
        is_folder(&self.full(path))
    }
}

fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_dir())
}
