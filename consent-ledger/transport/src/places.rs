//! How much may be under way at once, for all networks and for one of them (P12).

use sekisho_domain::NetworkId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A number of places, of which one network alone can take a part: it does not keep the rest from being served.
#[derive(Debug)]
pub struct Places {
    of_all: usize,
    of_one: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: BTreeMap<NetworkId, usize>,
}

/// A network's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    by: NetworkId,
    taken: Arc<Mutex<Taken>>,
}

/// All places are taken, or as many as one network may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many are.
    pub max: usize,
}

impl Places {
    /// So many places in all, and at most so many for one network.
    pub fn new(of_all: usize, of_one: usize) -> Self {
        Self {
            of_all,
            of_one,
            taken: Arc::default(),
        }
    }

    /// A place for a network.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(&self, by: &NetworkId) -> Result<Place, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.of_all {
            return Err(Full { max: self.of_all });
        }
        let of_this = taken.by.get(by).copied().unwrap_or(0);
        if of_this >= self.of_one {
            return Err(Full { max: self.of_one });
        }
        taken.all += 1;
        taken.by.insert(by.clone(), of_this + 1);
        Ok(Place {
            by: by.clone(),
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        match taken.by.get_mut(&self.by) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.by.remove(&self.by)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn one_network_leaves_room_for_the_others() {
        let places = Places::new(3, 2);
        let (one, other) = ("kurume".parse().unwrap(), "tottori".parse().unwrap());
        let first = places.take(&one).unwrap();
        let _second = places.take(&one).unwrap();
        assert_eq!(places.take(&one).err(), Some(Full { max: 2 }));
        let third = places.take(&other).unwrap();
        assert_eq!(places.take(&other).err(), Some(Full { max: 3 }));
        drop(third);
        drop(first);
        assert!(places.take(&one).is_ok() && places.take(&other).is_ok());
        let taken = places.taken.lock().unwrap();
        assert_eq!(
            (taken.all, taken.by.len()),
            (1, 1),
            "who has none is forgotten"
        );
    }
}
