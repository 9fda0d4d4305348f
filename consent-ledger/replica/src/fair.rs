//! Shares of what all networks use: no network can keep another one waiting by asking for much.
//!
//! [`Fair`] is a queue that serves those who wait in turn, one each, and whose room goes to whoever has least in it.
//! [`Shares`] counts places that are held for a while. Neither knows the time, and both do the same for the same calls.

use std::collections::{BTreeMap, VecDeque};

/// A queue of queues, one for each key, served in turn.
///
/// Promises: nothing is lost (each item comes out, or is given back to who pushed it, or is displaced), items of one
/// key stay in order, there are never more than `max`, in each round every key that waits is served once, and a key
/// is refused only while no other has more waiting than it has.
#[derive(Debug)]
pub(crate) struct Fair<K, T> {
    queues: BTreeMap<K, VecDeque<T>>,
    /// Those that wait, in the order in which they will be served.
    turns: VecDeque<K>,
    len: usize,
    max: usize,
}

/// What became of an item that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    /// It waits.
    Queued,
    /// It waits, in the place of the newest item of the key that had most.
    Displaced(T),
    /// There is no room for it; here it is again.
    Refused(T),
}

impl<K: Ord + Clone, T> Fair<K, T> {
    /// An empty queue for so many items.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
            len: 0,
            max,
        }
    }

    /// Items that wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts an item at the end of its key's queue.
    pub(crate) fn push(&mut self, key: K, item: T) -> Pushed<T> {
        if self.len < self.max {
            self.add(key, item);
            return Pushed::Queued;
        }
        let own = self.queues.get(&key).map_or(0, VecDeque::len);
        match self.longest() {
            Some((most, longest)) if most > own + 1 => match self.take_newest(&longest) {
                Some(displaced) => {
                    self.add(key, item);
                    Pushed::Displaced(displaced)
                }
                None => Pushed::Refused(item),
            },
            _ => Pushed::Refused(item),
        }
    }

    /// The next item, if it is wanted; otherwise it stays the next.
    pub(crate) fn pop_if(&mut self, wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let key = self.turns.front()?;
        let queue = self.queues.get_mut(key)?;
        if !wanted(queue.front()?) {
            return None;
        }
        let item = queue.pop_front()?;
        self.len -= 1;
        let emptied = queue.is_empty();
        if let Some(key) = self.turns.pop_front() {
            if emptied {
                self.queues.remove(&key);
            } else {
                self.turns.push_back(key);
            }
        }
        Some(item)
    }

    fn add(&mut self, key: K, item: T) {
        let queue = self.queues.entry(key.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(key);
        }
        queue.push_back(item);
        self.len += 1;
    }

    /// The key that has most, and how much.
    fn longest(&self) -> Option<(usize, K)> {
        let lengths = self.queues.iter().map(|(key, queue)| (queue.len(), key));
        lengths.max().map(|(most, key)| (most, key.clone()))
    }

    fn take_newest(&mut self, key: &K) -> Option<T> {
        let queue = self.queues.get_mut(key)?;
        let newest = queue.pop_back()?;
        self.len -= 1;
        if queue.is_empty() {
            self.queues.remove(key);
            self.turns.retain(|other| other != key);
        }
        Some(newest)
    }
}

/// Places that are held for a while. A key may take one while it holds fewer than are free, so whoever takes all it
/// can leaves as many for the next; and always the first few, whatever others hold.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    held: BTreeMap<K, usize>,
    total: usize,
    max: usize,
    always: usize,
}

impl<K: Ord + Clone> Shares<K> {
    /// So many places, the first `always` of each key apart.
    pub(crate) fn new(max: usize, always: usize) -> Self {
        Self {
            held: BTreeMap::new(),
            total: 0,
            max,
            always,
        }
    }

    /// Takes a place, if the key may.
    pub(crate) fn take(&mut self, key: &K) -> bool {
        let own = self.held.get(key).copied().unwrap_or_default();
        let free = self.max.saturating_sub(self.total);
        if own >= self.always && own >= free {
            return false;
        }
        self.held.insert(key.clone(), own + 1);
        self.total += 1;
        true
    }

    /// Gives a place back.
    pub(crate) fn give_back(&mut self, key: &K) {
        let Some(own) = self.held.get_mut(key) else {
            return;
        };
        *own -= 1;
        if *own == 0 {
            self.held.remove(key);
        }
        self.total -= 1;
    }
}

#[cfg(test)]
#[path = "fair_test.rs"]
mod tests;
