//! How many things of one kind may be under way at once (P12).

use crate::NodeError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bound on what is under way; beyond it newcomers are refused at once.
pub(crate) struct Slots {
    what: &'static str,
    max: usize,
    free: Arc<Semaphore>,
}

impl Slots {
    pub fn new(what: &'static str, max: usize) -> Self {
        Self {
            what,
            max,
            free: Arc::new(Semaphore::new(max)),
        }
    }

    /// A slot, held until dropped.
    ///
    /// # Errors
    /// [`NodeError::Overloaded`] if all are taken.
    pub fn slot(&self) -> Result<OwnedSemaphorePermit, NodeError> {
        Arc::clone(&self.free)
            .try_acquire_owned()
            .map_err(|_| NodeError::Overloaded {
                what: self.what,
                max: self.max,
            })
    }

    /// A slot, as soon as there is one.
    ///
    /// # Errors
    /// [`NodeError::ShutDown`]; slots are never closed before.
    pub async fn next(&self) -> Result<OwnedSemaphorePermit, NodeError> {
        let slot = Arc::clone(&self.free).acquire_owned().await;
        slot.map_err(|_| NodeError::ShutDown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_newcomers_are_refused_until_one_leaves() {
        let slots = Slots::new("answers", 2);
        let (first, _second) = (slots.slot().unwrap(), slots.slot().unwrap());
        let refused = slots.slot().unwrap_err();
        assert_eq!(refused.to_string(), "2 answers are under way; try again");
        drop(first);
        assert!(slots.slot().is_ok());
    }
}
