//! What is heard of one storage.

use super::filesystem::has_events;
use crate::name::FOLDERS;
use crate::storage::{Layout, SsMix2Storage};
use crate::transactions::{Feed, Position};
use sekisho_documents::LocalPatientId;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use super::events::Event;
#[cfg(target_os = "linux")]
use super::watches::{WATCHES_MAX, Watches};

/// How long events are gathered once there is one: a writer renames and writes within milliseconds.
const GATHER: Duration = Duration::from_millis(100);
/// Longest gathering: a burst must not keep the first of it from being seen in time.
const GATHER_MAX: Duration = Duration::from_millis(400);
/// When a folder the feed named is looked at again: the record may be written before the file.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_millis(1_000), Duration::from_secs(10)];
/// How often the feed is asked.
const FEED_EVERY: Duration = Duration::from_millis(500);
/// Most folders remembered one by one; beyond, a whole walk is quicker.
const FOLDERS_MAX: usize = 20_000;
/// Shortest time between two whole walks asked for by what was missed: a storm is over before.
const RECONCILE_PAUSE: Duration = Duration::from_secs(10);

/// How a storage is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    /// Time between two whole walks where changes are told of.
    pub reconcile_every: Duration,
    /// The same where the file system tells of nothing.
    pub poll_every: Duration,
    /// Most folders watched.
    pub watches_max: usize,
}

impl Default for Follow {
    fn default() -> Self {
        Self {
            // What events miss (a clock, permissions, a file linked in) is rare; a walk of millions takes minutes.
            reconcile_every: Duration::from_secs(60 * 60),
            // From the end of one walk to the next: small storages within a minute or two, large ones all the time.
            poll_every: Duration::from_secs(60),
            #[cfg(target_os = "linux")]
            watches_max: WATCHES_MAX,
            #[cfg(not(target_os = "linux"))]
            watches_max: 0,
        }
    }
}

/// How well a storage is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Every folder is watched.
    Watched {
        /// Folders.
        folders: usize,
    },
    /// Some are; the machine's limit or ours is reached. The others are seen by whole walks.
    Partly {
        /// Folders watched.
        folders: usize,
        /// Folders, or days of a patient, that are not.
        unwatched: u64,
    },
    /// None: the file system has no events, or cannot be asked for them.
    Polled,
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Folders to look at, by their path below the root.
    pub folders: BTreeSet<String>,
    /// Whether the whole tree is to be walked through.
    pub reconcile: bool,
    /// How far the feed was read, if it was; to be remembered once what it named has been looked at.
    pub position: Option<Position>,
}

/// Follows one storage. Blocks; has its own thread.
#[derive(Debug)]
pub struct Follower {
    root: PathBuf,
    layout: Layout,
    follow: Follow,
    feed: Option<Feed>,
    feed_asked: Instant,
    #[cfg(target_os = "linux")]
    watches: Option<Watches>,
    /// Folders to be looked at again, and when.
    again: BTreeMap<Instant, BTreeSet<String>>,
    reconciled: Instant,
    /// Something was missed.
    missed: bool,
}

impl Follower {
    /// Begins to follow a storage, from where its feed was read to if that is remembered. A walk through the tree that
    /// begins after this has returned, and what is heard from then on, leave nothing out.
    ///
    /// # Errors
    /// The root is not there.
    pub fn begin(
        storage: &SsMix2Storage,
        follow: Follow,
        position: Option<Position>,
    ) -> io::Result<Self> {
        let root = storage.root.canonicalize()?;
        let now = Instant::now();
        let feed = storage.transactions.as_ref().and_then(|feed| {
            let begun = match position {
                Some(position) => Ok(Feed::from(feed, position)),
                None => Feed::from_end(feed),
            };
            begun
                .inspect_err(|error| {
                    tracing::warn!(kind = ?error.kind(), source = %storage.source_id, "the transaction storage cannot be read");
                })
                .ok()
        });
        let mut follower = Self {
            layout: storage.layout,
            follow,
            feed,
            feed_asked: now.checked_sub(FEED_EVERY).unwrap_or(now),
            #[cfg(target_os = "linux")]
            watches: None,
            again: BTreeMap::new(),
            reconciled: now,
            missed: false,
            root,
        };
        follower.watch();
        Ok(follower)
    }

    /// How well it is seen.
    pub fn sight(&self) -> Sight {
        #[cfg(target_os = "linux")]
        if let Some(watches) = &self.watches {
            let folders = watches.len();
            return match watches.unwatched {
                0 => Sight::Watched { folders },
                unwatched => Sight::Partly { folders, unwatched },
            };
        }
        Sight::Polled
    }

    /// How far the feed was read, if there is one.
    pub fn position(&self) -> Option<&Position> {
        self.feed.as_ref().map(Feed::position)
    }

    /// A whole walk has been done: the next is due so much later.
    pub fn walked(&mut self) {
        self.reconciled = Instant::now();
    }

    /// Waits for something to look at, at most so long.
    ///
    /// # Errors
    /// The events cannot be read; follow it anew.
    pub fn next(&mut self, patience: Duration) -> io::Result<Heard> {
        let mut heard = Heard::default();
        self.hear_events(patience.min(FEED_EVERY), &mut heard)?;
        self.hear_feed(&mut heard);
        self.hear_again(&mut heard);
        if heard.folders.len() > FOLDERS_MAX {
            heard.folders.clear();
            self.missed = true;
        }
        let every = match self.sight() {
            Sight::Polled if self.feed.is_none() => self.follow.poll_every,
            _ => self.follow.reconcile_every,
        };
        let since = self.reconciled.elapsed();
        if since >= every || (self.missed && since >= RECONCILE_PAUSE.min(every)) {
            if self.missed {
                self.watch();
            }
            heard.reconcile = true;
            self.missed = false;
            self.reconciled = Instant::now();
        }
        Ok(heard)
    }

    fn hear_feed(&mut self, heard: &mut Heard) {
        if self.feed_asked.elapsed() < FEED_EVERY {
            return;
        }
        self.feed_asked = Instant::now();
        let Some(feed) = &mut self.feed else {
            return;
        };
        let before = feed.position().clone();
        let (mut patients, mut unnamed) = (BTreeSet::new(), 0);
        loop {
            match feed.read() {
                Ok(said) => {
                    patients.extend(said.patients);
                    unnamed += said.unnamed;
                    if !said.more || patients.len() > FOLDERS_MAX {
                        break;
                    }
                }
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "a transaction storage cannot be read; trying again");
                    break;
                }
            }
        }
        if *feed.position() != before {
            heard.position = Some(feed.position().clone());
        }
        // Where every folder is watched, the events tell of these too.
        if unnamed > 0 && !matches!(self.sight(), Sight::Watched { .. }) {
            tracing::info!(
                unnamed,
                "transactions that name no patient: the whole storage is walked through"
            );
            self.missed = true;
        }
        let mut folders = BTreeSet::new();
        for patient in &patients {
            match patient_folder(patient) {
                Some(folder) => drop(folders.insert(folder)),
                // Where the upper folders of a short id are, the specification does not say.
                None => self.missed = true,
            }
        }
        if folders.is_empty() {
            return;
        }
        for after in AGAIN_AFTER {
            let due = self.again.entry(Instant::now() + after).or_default();
            due.extend(folders.iter().cloned());
        }
        heard.folders.extend(folders);
    }

    fn hear_again(&mut self, heard: &mut Heard) {
        let later = self.again.split_off(&Instant::now());
        let due = std::mem::replace(&mut self.again, later);
        heard.folders.extend(due.into_values().flatten());
    }
}

#[cfg(target_os = "linux")]
impl Follower {
    /// Watches the tree, or gives up watching it until the next whole walk.
    fn watch(&mut self) {
        self.watches = None;
        if !has_events(&self.root) || self.follow.watches_max == 0 {
            tracing::info!(
                "a storage's file system tells of no changes: it is walked through every so often"
            );
            return;
        }
        let made = Watches::new(self.root.clone(), self.layout, self.follow.watches_max);
        let filled = made.and_then(|mut watches| watches.fill().map(|()| watches));
        match filled {
            Ok(watches) => {
                if watches.unwatched > 0 {
                    tracing::warn!(
                        folders = watches.len(),
                        unwatched = watches.unwatched,
                        "not every folder can be watched (fs.inotify.max_user_watches): whole walks see the others"
                    );
                }
                self.watches = Some(watches);
            }
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "a storage cannot be watched: it is walked through every so often");
            }
        }
    }

    fn hear_events(&mut self, patience: Duration, heard: &mut Heard) -> io::Result<()> {
        let Some(watches) = &mut self.watches else {
            std::thread::park_timeout(patience);
            return Ok(());
        };
        if !watches.events().wait(patience)? {
            return Ok(());
        }
        let began = Instant::now();
        loop {
            for event in watches.events().take()? {
                self.missed |= told(watches, event, &mut heard.folders);
            }
            let left = GATHER_MAX.saturating_sub(began.elapsed());
            if left.is_zero()
                || heard.folders.len() > FOLDERS_MAX
                || !watches.events().wait(left.min(GATHER))?
            {
                break;
            }
        }
        // A root that was moved away or unmounted is looked for again.
        self.missed |= !watches.has_root();
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
impl Follower {
    fn watch(&mut self) {}

    fn hear_events(&mut self, patience: Duration, _: &mut Heard) -> io::Result<()> {
        std::thread::park_timeout(patience);
        Ok(())
    }
}

/// Where one event says to look; true if something was missed.
#[cfg(target_os = "linux")]
fn told(watches: &mut Watches, event: Event, folders: &mut BTreeSet<String>) -> bool {
    match event {
        Event::Overflow => true,
        Event::Ended(id) => {
            watches.gone(id);
            false
        }
        Event::In {
            id,
            name,
            is_folder,
            came,
        } => {
            let Some(folder) = watches.path_of(id).map(str::to_owned) else {
                return false;
            };
            let Ok(name) = String::from_utf8(name) else {
                // Its path is no path of a document; a walk lists it.
                return true;
            };
            if name.starts_with('.') {
                return false;
            }
            let level = if folder.is_empty() {
                0
            } else {
                folder.split('/').count()
            };
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if is_folder {
                watches.leave(&path);
                if came && watches.is_folder(&path) {
                    watches.appeared(&path);
                }
            }
            // A file above the patients' folders is no document: the next walk tells of it.
            let at = if is_folder && level < FOLDERS {
                path
            } else {
                folder
            };
            if is_folder || level >= FOLDERS - 2 {
                folders.insert(at);
            }
            false
        }
    }
}

/// The folder of a patient whose id is long enough to say where it is.
fn patient_folder(patient: &LocalPatientId) -> Option<String> {
    let id = patient.as_str();
    let (first, second) = (id.get(..3)?, id.get(3..6)?);
    Some(format!("{first}/{second}/{id}"))
}

#[cfg(test)]
#[path = "../follow_test.rs"]
mod tests;
