//! The table of outcomes: one row for each asked network, filled once, summed up when full (P8).
//!
//! The rules hold by construction: a [`Slot`] cannot be copied or made elsewhere, filling a row takes it, and
//! only a table without open rows gives a summary, whose `asked` is then the sum of its outcomes.

use sekisho_domain::{NetworkId, NetworkOutcome};
use sekisho_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The right to say, once, what an asked network ended in.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot {
    network: NetworkId,
}

impl Slot {
    /// The asked network.
    pub fn network(&self) -> &NetworkId {
        &self.network
    }
}

/// The outcomes of one request.
#[derive(Debug)]
pub struct Outcomes {
    open: BTreeSet<NetworkId>,
    ended: BTreeMap<NetworkId, &'static str>,
}

/// A row that is not there to fill: of another request's table, which only a fault of ours mixes up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not open in this request's table of outcomes")]
pub struct NotOpen(pub NetworkId);

/// Networks whose outcome is still missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} networks have not ended", .0.len())]
pub struct StillOpen(pub BTreeSet<NetworkId>);

impl Outcomes {
    /// A table for these networks, and the one slot of each.
    pub fn of(asked: &BTreeSet<NetworkId>) -> (Self, BTreeMap<NetworkId, Slot>) {
        let slot = |network: &NetworkId| {
            let own = network.clone();
            (network.clone(), Slot { network: own })
        };
        let table = Self {
            open: asked.clone(),
            ended: BTreeMap::new(),
        };
        (table, asked.iter().map(slot).collect())
    }

    /// Fills a network's row.
    ///
    /// # Errors
    /// [`NotOpen`] for a slot of another table.
    pub fn end(&mut self, slot: Slot, outcome: &NetworkOutcome) -> Result<(), NotOpen> {
        if !self.open.remove(&slot.network) {
            return Err(NotOpen(slot.network));
        }
        self.ended.insert(slot.network, outcome.code());
        Ok(())
    }

    /// Sums up: how many networks were asked, and how many ended in each outcome, by its code.
    ///
    /// # Errors
    /// [`StillOpen`] if some have not ended.
    pub fn summary(self, elapsed: Duration) -> Result<v1::Summary, StillOpen> {
        if !self.open.is_empty() {
            return Err(StillOpen(self.open));
        }
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for code in self.ended.values() {
            *counts.entry(code).or_default() += 1;
        }
        let count = |(code, networks): (&str, u32)| v1::OutcomeCount {
            outcome: code.to_owned(),
            networks,
        };
        Ok(v1::Summary {
            asked: counts.values().sum(),
            outcomes: counts.into_iter().map(count).collect(),
            elapsed_ms: millis(elapsed),
            // What a broker hands on is not verified yet.
            result: None,
        })
    }
}

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use sekisho_domain::DenyReason;

    fn outcome() -> impl Strategy<Value = NetworkOutcome> {
        prop_oneof![
            any::<u64>().prop_map(|count| NetworkOutcome::Answered { count }),
            proptest::sample::select(DenyReason::ALL)
                .prop_map(|reason| NetworkOutcome::Denied { reason }),
            Just(NetworkOutcome::PatientUnknown),
            any::<u64>().prop_map(|waited_ms| NetworkOutcome::TimedOut { waited_ms }),
            Just(NetworkOutcome::Unreachable),
            Just(NetworkOutcome::Malformed),
            Just(NetworkOutcome::Suspended),
            Just(NetworkOutcome::Stale),
        ]
    }

    proptest! {
        #[test]
        fn asked_is_the_sum_of_outcomes(
            ends in btree_map("[a-z]{1,6}", outcome(), 0..64),
            order in any::<u64>(),
        ) {
            let ends: BTreeMap<NetworkId, NetworkOutcome> =
                ends.into_iter().map(|(n, o)| (n.parse().unwrap(), o)).collect();
            let asked: BTreeSet<_> = ends.keys().cloned().collect();
            let (mut table, slots) = Outcomes::of(&asked);
            let mut slots: Vec<_> = slots.into_values().collect();
            let turn = usize::try_from(order).unwrap_or(0) % slots.len().max(1);
            slots.rotate_left(turn);
            for slot in slots {
                let outcome = ends[slot.network()].clone();
                table.end(slot, &outcome).unwrap();
            }
            let summary = table.summary(Duration::ZERO).unwrap();
            prop_assert_eq!(summary.asked as usize, ends.len());
            prop_assert_eq!(summary.outcomes.iter().map(|c| c.networks).sum::<u32>(), summary.asked);
            for count in &summary.outcomes {
                let expected = ends.values().filter(|o| o.code() == count.outcome).count();
                prop_assert_eq!(count.networks as usize, expected);
            }
        }

        #[test]
        fn a_table_with_an_open_row_has_no_summary(names in proptest::collection::btree_set("[a-z]{1,6}", 1..16)) {
            let asked: BTreeSet<NetworkId> = names.iter().map(|n| n.parse().unwrap()).collect();
            let (mut table, mut slots) = Outcomes::of(&asked);
            let (last, _kept) = slots.pop_last().unwrap();
            for slot in slots.into_values() {
                table.end(slot, &NetworkOutcome::Stale).unwrap();
            }
            prop_assert_eq!(table.summary(Duration::ZERO), Err(StillOpen(BTreeSet::from([last]))));
        }
    }

    #[test]
    fn a_slot_of_another_request_fills_nothing() {
        let network: NetworkId = "saga".parse().unwrap();
        let (_, mut others) = Outcomes::of(&BTreeSet::from([network.clone()]));
        let (mut table, _) = Outcomes::of(&BTreeSet::new());
        let foreign = others.remove(&network).unwrap();
        assert_eq!(
            table.end(foreign, &NetworkOutcome::Stale),
            Err(NotOpen(network))
        );
    }
}
