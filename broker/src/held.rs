//! What is held of one network's answers, for all requests together.
//!
//! An answer is held page by page until its statement fits, and until its caller has taken it. Two things must not come
//! of that. A caller that takes nothing must not use up the room of the others: no caller has more than half of it. And
//! answers that grow side by side must not all wait for each other's room: each caller has the room of one whole answer
//! beside, for whichever of its answers finds the rest taken first.

use sekisho_domain::NetworkId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for one network's answers, in bytes.
pub(crate) struct Account {
    max: usize,
    shared: Arc<Semaphore>,
    /// By caller: a ledger's members.
    parts: Mutex<BTreeMap<NetworkId, Part>>,
}

/// What one caller may have of it.
#[derive(Clone)]
struct Part {
    of_shared: Arc<Semaphore>,
    /// Leave to take the rest of one answer beside it.
    beside: Arc<Semaphore>,
}

impl Account {
    /// Room for so many bytes, and one answer for each caller beside.
    pub(crate) fn of(max: usize) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self {
            max,
            shared: Arc::new(Semaphore::new(max)),
            parts: Mutex::default(),
        }
    }

    /// The room of an answer for this caller that is about to be read: nothing yet.
    pub(crate) fn answer(&self, caller: &NetworkId) -> Held {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let part = parts.entry(caller.clone()).or_insert_with(|| Part {
            of_shared: Arc::new(Semaphore::new(self.max / 2)),
            beside: Arc::new(Semaphore::new(1)),
        });
        Held {
            shared: Arc::clone(&self.shared),
            part: part.clone(),
            places: None,
            beside: None,
        }
    }
}

/// What one answer takes of an account; given back when it is dropped.
pub(crate) struct Held {
    shared: Arc<Semaphore>,
    part: Part,
    /// Of the caller's part, and of the shared room.
    places: Option<[OwnedSemaphorePermit; 2]>,
    beside: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Waits until this much more of the answer may be held.
    pub(crate) async fn more(&mut self, bytes: usize) {
        if self.beside.is_some() {
            return;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let (of_shared, shared) = (&self.part.of_shared, &self.shared);
        // None is ever closed.
        let places = async {
            let one = Arc::clone(of_shared).acquire_many_owned(bytes).await.ok()?;
            let other = Arc::clone(shared).acquire_many_owned(bytes).await.ok()?;
            Some([one, other])
        };
        tokio::select! {
            biased;
            places = places => match (&mut self.places, places) {
                (Some([one, other]), Some([more, still_more])) => {
                    one.merge(more);
                    other.merge(still_more);
                }
                (held, places) => *held = places,
            },
            beside = Arc::clone(&self.part.beside).acquire_owned() => self.beside = beside.ok(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::time::Duration;
    use tokio::time::timeout;

    const PATIENCE: Duration = Duration::from_secs(20);
    const AT_ONCE: Duration = Duration::from_millis(20);

    fn caller(name: &str) -> NetworkId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn answers_that_grow_side_by_side_all_end() {
        for room in [0, 60, 130] {
            let account = Account::of(room);
            let answers = (0..12).map(|n| {
                let mut held = account.answer(&caller(["saga", "kurume", "tottori"][n % 3]));
                async move {
                    for _ in 0..4 {
                        held.more(10).await;
                        tokio::task::yield_now().await;
                    }
                }
            });
            timeout(PATIENCE, join_all(answers)).await.unwrap();
            assert_eq!(account.shared.available_permits(), room);
            for part in account.parts.lock().unwrap().values() {
                assert_eq!(part.of_shared.available_permits(), room / 2);
                assert_eq!(part.beside.available_permits(), 1);
            }
        }
    }

    #[tokio::test]
    async fn a_caller_that_takes_nothing_waits_itself_and_nobody_else_does() {
        let account = Account::of(100);
        let (one, other) = (caller("saga"), caller("kurume"));
        let mut unread: Vec<_> = (0..3).map(|_| account.answer(&one)).collect();
        unread[0].more(50).await;
        unread[1].more(30).await;
        let early = timeout(AT_ONCE, unread[2].more(1)).await;
        assert!(early.is_err(), "its half, and one answer beside");
        let mut read = account.answer(&other);
        timeout(PATIENCE, read.more(50)).await.unwrap();
        unread.remove(0);
        timeout(PATIENCE, unread[1].more(1)).await.unwrap();
    }
}
