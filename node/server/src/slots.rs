//! How many things of one kind may be under way at once (P12).

use crate::NodeError;
use sekisho_domain::NetworkId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Slots for other networks, of which one alone can take a part: it does not keep the rest from being answered.
pub(crate) struct SharedSlots {
    all: Slots,
    of_one: usize,
    held: Arc<Mutex<BTreeMap<NetworkId, usize>>>,
}

/// A slot of a network, until dropped.
pub(crate) struct Held {
    _slot: OwnedSemaphorePermit,
    by: NetworkId,
    held: Arc<Mutex<BTreeMap<NetworkId, usize>>>,
}

impl SharedSlots {
    pub fn new(what: &'static str, max: usize, of_one: usize) -> Self {
        Self {
            all: Slots::new(what, max),
            of_one,
            held: Arc::default(),
        }
    }

    /// A slot for a network.
    ///
    /// # Errors
    /// [`NodeError::Overloaded`] if all are taken, or as many as one network may have.
    pub fn slot(&self, by: &NetworkId) -> Result<Held, NodeError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(by).copied().unwrap_or(0);
        if count >= self.of_one {
            return Err(NodeError::Overloaded {
                what: self.all.what,
                max: self.of_one,
            });
        }
        let slot = self.all.slot()?;
        held.insert(by.clone(), count + 1);
        Ok(Held {
            _slot: slot,
            by: by.clone(),
            held: Arc::clone(&self.held),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get_mut(&self.by) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(held.remove(&self.by)),
        }
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

    #[test]
    fn one_network_leaves_room_for_the_others() {
        let slots = SharedSlots::new("answers", 3, 2);
        let (one, other) = ("kurume".parse().unwrap(), "tottori".parse().unwrap());
        let first = slots.slot(&one).unwrap();
        let _second = slots.slot(&one).unwrap();
        assert!(slots.slot(&one).is_err());
        let third = slots.slot(&other).unwrap();
        assert!(slots.slot(&other).is_err(), "all are taken");
        drop(third);
        drop(first);
        assert!(slots.slot(&one).is_ok() && slots.slot(&other).is_ok());
        assert_eq!(
            slots.held.lock().unwrap().len(),
            1,
            "who holds none is forgotten"
        );
    }
}
