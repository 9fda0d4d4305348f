//! What is held of one network's answers, for all requests together.
//!
//! An answer is held page by page until its statement fits. Where many grow at once, each could wait for the others'
//! room, and none would end: so the room of one whole answer is set aside, for whichever finds the rest taken first.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for one network's answers. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Account {
    /// Bytes of all but what is set aside.
    shared: Arc<Semaphore>,
    /// Leave to take the rest of one answer from what is set aside.
    aside: Arc<Semaphore>,
}

impl Account {
    /// Room for so many bytes, of which one answer takes so many at most.
    pub(crate) fn of(bytes_max: usize, answer_bytes_max: usize) -> Self {
        let shared = bytes_max.saturating_sub(answer_bytes_max);
        Self {
            shared: Arc::new(Semaphore::new(shared.min(Semaphore::MAX_PERMITS))),
            aside: Arc::new(Semaphore::new(1)),
        }
    }

    /// The part of an answer that is about to be read: nothing yet.
    pub(crate) fn part(&self) -> Held {
        Held {
            of: self.clone(),
            place: None,
            aside: None,
        }
    }
}

/// What one answer takes of an account; given back when it is dropped.
pub(crate) struct Held {
    of: Account,
    place: Option<OwnedSemaphorePermit>,
    aside: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Waits until this much more of the answer may be held.
    pub(crate) async fn more(&mut self, bytes: usize) {
        if self.aside.is_some() {
            return;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // Neither is ever closed.
        tokio::select! {
            biased;
            place = Arc::clone(&self.of.shared).acquire_many_owned(bytes) => {
                match (&mut self.place, place.ok()) {
                    (Some(held), Some(more)) => held.merge(more),
                    (held, more) => *held = more,
                }
            }
            aside = Arc::clone(&self.of.aside).acquire_owned() => self.aside = aside.ok(),
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

    #[tokio::test]
    async fn answers_that_grow_side_by_side_all_end() {
        // Room for one and a half beside the one that is set aside.
        let account = Account::of(100, 40);
        let answers = (0..5).map(|_| async {
            let mut held = account.part();
            for _ in 0..4 {
                held.more(10).await;
                tokio::task::yield_now().await;
            }
        });
        timeout(PATIENCE, join_all(answers)).await.unwrap();
        assert_eq!(account.shared.available_permits(), 60);
        assert_eq!(account.aside.available_permits(), 1);
    }

    #[tokio::test]
    async fn beyond_the_room_there_is_none_until_one_is_gone() {
        let account = Account::of(100, 40);
        let mut held: Vec<_> = (0..2).map(|_| account.part()).collect();
        held[0].more(60).await;
        held[1].more(40).await;
        let mut third = account.part();
        let early = timeout(Duration::from_millis(20), third.more(1)).await;
        assert!(early.is_err());
        held.remove(1);
        timeout(PATIENCE, third.more(1)).await.unwrap();
    }
}
