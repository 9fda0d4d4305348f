//! Connections that did not become a member's, or that were closed on it, counted by kind.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a connection was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Not our TLS, or nobody the ledger knows.
    Handshake,
    /// The handshake, or the first words after it, took too long.
    Slow,
    /// Gave way to a newer one.
    GaveWay,
    /// Over the bound of all.
    TooMany,
    /// Over the bound of one key.
    TooManyOfOne,
    /// An answer on it was not read.
    Unread,
}

/// Counts since the start, for operators.
#[derive(Debug, Default)]
pub struct TurnedAway([AtomicU64; 6]);

impl TurnedAway {
    const NAMES: [(Why, &'static str); 6] = [
        (Why::Handshake, "connection-handshake"),
        (Why::Slow, "connection-slow"),
        (Why::GaveWay, "connection-gave-way"),
        (Why::TooMany, "connection-too-many"),
        (Why::TooManyOfOne, "connection-too-many-of-one"),
        (Why::Unread, "connection-unread"),
    ];

    pub(crate) fn count(&self, why: Why) {
        if let Some(count) = self.0.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each kind there was, with how many.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = Self::NAMES.iter().filter_map(|(why, name)| {
            let count = self.0.get(*why as usize)?.load(Ordering::Relaxed);
            (count > 0).then_some((*name, count))
        });
        counts.collect()
    }
}
