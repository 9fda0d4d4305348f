//! Keeping up with the sources while the node runs.
//!
//! ```text
//! one thread a source: Follower ──heard──▶ Waiting ──▶ look (one task, one ingest at a time) ──▶ index
//!                                             └──▶ taken in between by a whole run under way
//! ```
//! What was heard waits in one place, so that a run through millions of files does not keep what is new from being
//! seen: it takes it itself, between two patients. Only once it has been looked at and is on the disk is a feed's
//! position remembered.

use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::{INGEST_PAUSE, LOOK_PAUSE};
use crate::error::chain;
use crate::ingestion::IngestReport;
use crate::node::Inner;
use crate::people;
use sekisho_documents::{SourceId, SourceLocation};
use sekisho_ingest::follow::{Follower, Heard, Sight};
use sekisho_ingest::transactions::Position;
use sekisho_ingest::{Source, SsMix2Storage, ingest_between, look};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// How long a follower waits for something before it sees whether the node stops.
const PATIENCE: Duration = Duration::from_millis(250);
/// Folders that wait to be looked at again because a document in them was found changed; beyond it the next whole run
/// finds them.
const AGAIN_MAX: usize = 10_000;

/// What was heard of the sources and not looked at yet.
#[derive(Default)]
pub(crate) struct Following {
    waiting: Mutex<BTreeMap<SourceId, Waiting>>,
    sights: Mutex<BTreeMap<SourceId, Sight>>,
    something: Notify,
    /// Whole runs done.
    runs: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    folders: BTreeSet<String>,
    reconcile: bool,
    position: Option<Position>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Following {
    /// How well each followed source is seen.
    pub fn sights(&self) -> BTreeMap<SourceId, Sight> {
        locked(&self.sights).clone()
    }

    fn hear(&self, source: &SourceId, heard: Heard) {
        if heard.folders.is_empty() && !heard.reconcile && heard.position.is_none() {
            return;
        }
        let mut all = locked(&self.waiting);
        let waiting = all.entry(source.clone()).or_default();
        waiting.folders.extend(heard.folders);
        waiting.reconcile |= heard.reconcile;
        // The later one: what both named is waiting now.
        waiting.position = heard.position.or(waiting.position.take());
        drop(all);
        self.something.notify_one();
    }

    /// Has the folder of a document looked at again: it is not what was indexed.
    pub fn look_again(&self, location: &SourceLocation) {
        let Some((folder, _)) = location.path.rsplit_once('/') else {
            return;
        };
        let mut all = locked(&self.waiting);
        let waiting = all.entry(location.source_id.clone()).or_default();
        if waiting.folders.len() < AGAIN_MAX {
            waiting.folders.insert(folder.to_owned());
            drop(all);
            self.something.notify_one();
        }
    }

    fn take(&self, source: &SourceId) -> Waiting {
        locked(&self.waiting).remove(source).unwrap_or_default()
    }

    /// What waits of one source, for a whole run of it under way.
    pub fn between<'f>(&'f self, source: &SourceId) -> Between<'f> {
        Between {
            following: self,
            source: source.clone(),
            taken: Waiting::default(),
        }
    }

    /// A whole run of every source has ended.
    pub fn has_run(&self) {
        self.runs.fetch_add(1, Ordering::SeqCst);
    }
}

/// What a whole run takes in between.
pub(crate) struct Between<'f> {
    following: &'f Following,
    source: SourceId,
    taken: Waiting,
}

impl Between<'_> {
    /// The folders heard of since it was last asked.
    pub fn folders(&mut self) -> BTreeSet<String> {
        let Waiting {
            folders,
            reconcile,
            position,
        } = self.following.take(&self.source);
        self.taken.folders.extend(folders.iter().cloned());
        self.taken.reconcile |= reconcile;
        self.taken.position = position.or(self.taken.position.take());
        folders
    }

    /// How far the feed has been looked at, once the index is on the disk.
    pub fn done(mut self) -> Option<Position> {
        // A walk asked for while it was under way comes after it: what was missed may lie behind it.
        let reconcile = std::mem::take(&mut self.taken.reconcile);
        self.taken.folders.clear();
        let position = self.taken.position.take();
        self.following.hear(
            &self.source.clone(),
            Heard {
                reconcile,
                ..Heard::default()
            },
        );
        position
    }
}

impl Drop for Between<'_> {
    /// A run that failed has not looked at what it took.
    fn drop(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        self.following.hear(
            &self.source,
            Heard {
                folders: taken.folders,
                reconcile: taken.reconcile,
                position: taken.position,
            },
        );
    }
}

/// Begins to follow every source that is to be followed; returns when each is, or cannot be yet.
pub(crate) async fn begin(inner: &Arc<Inner>) -> Result<(), NodeError> {
    let mut beginning = Vec::new();
    for n in 0..inner.sources.len() {
        let (began, begun) = oneshot::channel();
        let task = Arc::clone(inner);
        inner.spawn(async move {
            let hearing = blocking(move || {
                if let Some(source) = task.sources.get(n) {
                    match source.storage() {
                        Some(storage) => hear(&task, storage, began),
                        None => look_now_and_then(&task, source.as_ref(), began),
                    }
                }
                Ok(())
            });
            // It ends with the node.
            let _ = hearing.await;
        })?;
        beginning.push(begun);
    }
    let task = Arc::clone(inner);
    inner.spawn(async move { act(task).await })?;
    for begun in beginning {
        // One that gave up has said so.
        let _ = begun.await;
    }
    Ok(())
}

/// A source whose changes nobody tells of is walked whole, again and again.
fn look_now_and_then(inner: &Inner, source: &dyn Source, began: oneshot::Sender<()>) {
    let _ = began.send(());
    while !inner.stop.is_cancelled() {
        pause(inner, source.pause());
        let heard = Heard {
            reconcile: true,
            ..Heard::default()
        };
        inner.following.hear(source.id(), heard);
    }
}

/// Hears one source until the node stops.
fn hear(inner: &Inner, source: &SsMix2Storage, began: oneshot::Sender<()>) {
    let Some(follow) = source.follow else {
        return;
    };
    let mut began = Some(began);
    let mut again = false;
    while !inner.stop.is_cancelled() {
        let position = inner
            .store
            .feed_position(&source.source_id)
            .unwrap_or_default();
        let follower = Follower::begin(source, follow, position);
        match follower {
            Ok(follower) => {
                tracing::info!(source = %source.source_id, sight = ?follower.sight(), "following");
                if again {
                    // What happened before is not known.
                    inner.following.hear(
                        &source.source_id,
                        Heard {
                            reconcile: true,
                            ..Heard::default()
                        },
                    );
                }
                began.take().map(|began| began.send(()));
                keep_hearing(inner, source, follower);
                again = true;
            }
            Err(error) => {
                tracing::warn!(source = %source.source_id, kind = ?error.kind(), "a source cannot be followed yet");
                began.take();
                again = true;
            }
        }
        pause(inner, INGEST_PAUSE);
    }
}

/// Until the node stops or the source has to be followed anew.
fn keep_hearing(inner: &Inner, source: &SsMix2Storage, mut follower: Follower) {
    let mut runs = inner.following.runs.load(Ordering::SeqCst);
    while !inner.stop.is_cancelled() {
        let now = inner.following.runs.load(Ordering::SeqCst);
        if now != runs {
            (runs, _) = (now, follower.walked());
        }
        match follower.next(PATIENCE) {
            Ok(heard) => {
                locked(&inner.following.sights).insert(source.source_id.clone(), follower.sight());
                inner.following.hear(&source.source_id, heard);
            }
            Err(error) => {
                tracing::warn!(source = %source.source_id, kind = ?error.kind(), "a source is followed anew");
                return;
            }
        }
    }
}

fn pause(inner: &Inner, time: Duration) {
    let mut left = time;
    while !inner.stop.is_cancelled() && !left.is_zero() {
        let step = left.min(PATIENCE);
        std::thread::park_timeout(step);
        left -= step;
    }
}

/// Looks at what was heard, one ingest at a time.
async fn act(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = inner.following.something.notified() => {}
            () = inner.stop.cancelled() => return,
        }
        let Ok(slot) = inner.ingests.next().await else {
            return;
        };
        let task = Arc::clone(&inner);
        let acted = blocking(move || {
            let _slot = slot;
            let mut all_seen = true;
            for source in &task.sources {
                if let Err(error) = look_at(&task, source.as_ref()) {
                    tracing::warn!(source = %source.id(), error = chain(&error), "a source cannot be looked at");
                    all_seen = false;
                }
            }
            Ok(all_seen)
        });
        match acted.await {
            Ok(true) => {}
            Ok(false) => tokio::select! {
                () = tokio::time::sleep(LOOK_PAUSE) => {}
                () = inner.stop.cancelled() => return,
            },
            Err(_) => return,
        }
    }
}

/// What waits of one source. Where that fails, it waits again, and what is next heard of has it tried again; at the
/// latest the next whole run finds it.
fn look_at(inner: &Inner, source: &dyn Source) -> Result<(), NodeError> {
    let mut between = inner.following.between(source.id());
    let folders = between.folders();
    let index = inner.index.as_ref();
    // Where nothing smaller can be looked at, all of it is.
    let whole = source.storage().is_none() && !folders.is_empty();
    if between.taken.reconcile || whole {
        between.taken.reconcile = false;
        let report = match source.storage() {
            Some(storage) => {
                ingest_between(storage, index, &mut |_| {}, &mut || between.folders())?
            }
            None => source.ingest(index, &mut |_| {})?,
        };
        people::renew(inner)?;
        inner.observer.ingested(&IngestReport {
            sources: vec![report],
            resumed: None,
        });
    } else if let Some(storage) = source.storage().filter(|_| !folders.is_empty()) {
        let report = look(storage, index, &folders)?;
        people::renew_below(inner, storage, &folders)?;
        tracing::debug!(
            source = %source.id(),
            folders = folders.len(),
            changed = report.changed,
            forgotten = report.forgotten,
            duration_ms = report.duration_ms,
            "looked"
        );
    }
    if let Some(position) = between.done() {
        inner.store.set_feed_position(source.id(), &position)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "following_test.rs"]
mod tests;
