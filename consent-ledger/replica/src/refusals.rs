//! What this replica turned away, counted by kind: what an operator looks at when callers complain, or somebody tries.

use sekisho_ledger::EntryFault;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why something was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Bytes that are no entry, or over a bound.
    Malformed,
    /// An entry of another ledger, or of a lineage that has ended.
    OtherLedger,
    /// An entry before or after its time.
    OutsideWindow,
    /// An entry by a key that is unknown or revoked, or without its author's signature.
    UnknownKey,
    /// A signature that does not hold.
    BadSignature,
    /// Another entry under a request id that was used.
    RequestIdReused,
    /// No place for one more.
    Overloaded,
    /// A place given to a network that had fewer.
    Displaced,
    /// A change of the replicas that could not be followed.
    NotNow,
    /// A message of consensus by whoever does not run the replica it speaks for.
    NotAReplica,
    /// A message of consensus for another replica.
    OtherReplica,
    /// A leader whose clock is far off.
    LeaderClock,
    /// A leader that sent an entry nobody signed.
    LeaderForged,
    /// A snapshot that ends before what this replica cosigned or was filled with.
    SnapshotBehind,
    /// Bytes that are no snapshot, or not those announced.
    SnapshotBroken,
}

impl Refusal {
    const ALL: [Self; 15] = [
        Self::Malformed,
        Self::OtherLedger,
        Self::OutsideWindow,
        Self::UnknownKey,
        Self::BadSignature,
        Self::RequestIdReused,
        Self::Overloaded,
        Self::Displaced,
        Self::NotNow,
        Self::NotAReplica,
        Self::OtherReplica,
        Self::LeaderClock,
        Self::LeaderForged,
        Self::SnapshotBehind,
        Self::SnapshotBroken,
    ];

    /// Its name for machines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::OtherLedger => "other-ledger",
            Self::OutsideWindow => "outside-window",
            Self::UnknownKey => "unknown-key",
            Self::BadSignature => "bad-signature",
            Self::RequestIdReused => "request-id-reused",
            Self::Overloaded => "overloaded",
            Self::Displaced => "displaced",
            Self::NotNow => "not-now",
            Self::NotAReplica => "not-a-replica",
            Self::OtherReplica => "other-replica",
            Self::LeaderClock => "leader-clock",
            Self::LeaderForged => "leader-forged",
            Self::SnapshotBehind => "snapshot-behind",
            Self::SnapshotBroken => "snapshot-broken",
        }
    }
}

impl From<&EntryFault> for Refusal {
    fn from(fault: &EntryFault) -> Self {
        match fault {
            EntryFault::PayloadType(_)
            | EntryFault::TooLarge { .. }
            | EntryFault::SignatureCount { .. }
            | EntryFault::Protobuf(_)
            | EntryFault::NotCanonical
            | EntryFault::Domain(_) => Self::Malformed,
            EntryFault::WrongLedger { .. }
            | EntryFault::WrongLineage { .. }
            | EntryFault::NotFounded => Self::OtherLedger,
            EntryFault::OutsideWindow { .. } => Self::OutsideWindow,
            EntryFault::UnknownKey(_)
            | EntryFault::RevokedKey(_)
            | EntryFault::AuthorSignatureMissing(_) => Self::UnknownKey,
            EntryFault::BadSignature(_) => Self::BadSignature,
            EntryFault::RequestIdReused => Self::RequestIdReused,
        }
    }
}

/// The counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Refusals([AtomicU64; Refusal::ALL.len()]);

impl Refusals {
    /// Counts one.
    pub(crate) fn count(&self, refusal: Refusal) {
        if let Some(count) = self.0.get(refusal as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each kind there was, with how many.
    pub(crate) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = Refusal::ALL.iter().zip(&self.0);
        counts
            .map(|(kind, count)| (kind.name(), count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_its_own_count_and_name() {
        let refusals = Refusals::default();
        assert_eq!(refusals.counts(), []);
        for (n, kind) in Refusal::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, n, "{kind:?} is counted as another");
            for _ in 0..=n {
                refusals.count(kind);
            }
        }
        let counts = refusals.counts();
        assert_eq!(counts.len(), Refusal::ALL.len());
        let names: BTreeSet<_> = counts.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), counts.len());
        assert!(counts.iter().zip(1..).all(|((_, count), n)| *count == n));
    }

    #[test]
    fn the_handbook_explains_each_kind() {
        let handbook = include_str!("../../../docs/operate/refusals.md");
        for kind in Refusal::ALL {
            let row = format!("| `{}` |", kind.name());
            assert!(handbook.contains(&row), "{row}");
        }
    }
}
