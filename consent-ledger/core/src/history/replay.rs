//! The ledger applied again, leaf by leaf, each compared with what was recorded.

use crate::apply::apply_batch;
use crate::envelope::Strict;
use crate::genesis::found;
use crate::leaf::{Leaf, LeafError};
use crate::record::CoreError;
use crate::store::MemoryState;
use crate::tree;
use crate::view::View;
use sekisho_domain::{EntryIndex, Genesis, Hash};
use sekisho_proto::v1;
use std::convert::Infallible;

/// Why leaves are not those of this ledger.
#[derive(Debug, thiserror::Error)]
pub enum ReplayFault {
    /// It cannot be read.
    #[error("leaf {index} does not verify: {source}")]
    Leaf {
        /// Where it stands.
        index: EntryIndex,
        /// Why.
        source: LeafError,
    },
    /// It stands elsewhere than it says.
    #[error("leaf {index} does not verify: it says of itself that it is {says}")]
    Place {
        /// Where it stands.
        index: EntryIndex,
        /// What it says.
        says: EntryIndex,
    },
    /// Its entry leads to something else: another outcome, another state, or none.
    #[error("leaf {0} does not verify: applying its entry leads to another leaf")]
    Differs(EntryIndex),
    /// The state derived so far contradicts itself.
    #[error(transparent)]
    Core(#[from] CoreError<Infallible>),
}

/// A state derived from the founding file and the leaves so far, in memory.
///
/// ```text
/// begin ─▶ next (decoded, not yet applied: the state is the one it meets) ─▶ apply ─▶ next ─▶ …
/// ```
#[derive(Debug)]
pub struct Replay {
    state: MemoryState,
    size: u64,
}

impl Replay {
    /// Before the first leaf.
    ///
    /// # Errors
    /// [`ReplayFault::Core`]: the founding file contradicts itself.
    pub fn begin(genesis: &Genesis) -> Result<Self, ReplayFault> {
        let mut state = MemoryState::default();
        found(&mut state, genesis)?;
        Ok(Self { state, size: 0 })
    }

    /// Leaves applied so far: the index of the next one.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The state after them.
    pub fn view(&self) -> View<'_, MemoryState> {
        View(&self.state)
    }

    /// The state and the root of the tree after them.
    ///
    /// # Errors
    /// [`ReplayFault::Core`].
    pub fn end(self) -> Result<(MemoryState, Hash), ReplayFault> {
        let root = tree::root(&self.state, self.size)?;
        Ok((self.state, root))
    }

    /// Reads the next leaf; applies nothing.
    ///
    /// # Errors
    /// [`ReplayFault::Leaf`], [`ReplayFault::Place`].
    pub fn next(&self, bytes: &[u8]) -> Result<Leaf, ReplayFault> {
        leaf_at(EntryIndex(self.size), bytes)
    }

    /// Applies the entry of the next leaf, its signature checked, and compares what came out with the leaf.
    ///
    /// # Errors
    /// [`ReplayFault::Differs`], [`ReplayFault::Core`].
    pub fn apply(&mut self, leaf: Leaf, bytes: &[u8]) -> Result<(), ReplayFault> {
        let index = leaf.index;
        let batch = v1::Batch {
            time_ms: leaf.time.0,
            envelopes: vec![leaf.envelope],
        };
        apply_batch(&mut self.state, &batch, &Strict)?;
        match View(&self.state).leaf(index)? {
            Some(applied) if applied == bytes => {
                self.size = index.0 + 1;
                Ok(())
            }
            _ => Err(ReplayFault::Differs(index)),
        }
    }
}

/// Reads the leaf that stands at an index.
///
/// # Errors
/// [`ReplayFault::Leaf`], [`ReplayFault::Place`].
pub fn leaf_at(index: EntryIndex, bytes: &[u8]) -> Result<Leaf, ReplayFault> {
    let leaf = Leaf::decode(bytes).map_err(|source| ReplayFault::Leaf { index, source })?;
    match leaf.index == index {
        true => Ok(leaf),
        false => Err(ReplayFault::Place {
            index,
            says: leaf.index,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn leaves_lead_to_the_same_state_and_no_other_leaf_is_taken() {
        let mut world = World::of(&["saga", "kurume"]);
        world.hospital("saga", "4111234567");
        world.time = world.time.plus_ms(5);
        world.hospital("kurume", "4011234567");
        let leaves = View(&world.state)
            .leaves(EntryIndex(0), usize::MAX)
            .unwrap();
        let mut replay = Replay::begin(&world.genesis).unwrap();
        for bytes in &leaves {
            let leaf = replay.next(bytes).unwrap();
            replay.apply(leaf, bytes).unwrap();
        }
        assert_eq!(
            replay.view().meta().unwrap(),
            View(&world.state).meta().unwrap()
        );
        let size = replay.size();
        assert_eq!(
            replay.end().unwrap().1,
            tree::root(&world.state, size).unwrap()
        );

        let mut replay = Replay::begin(&world.genesis).unwrap();
        let skipped = replay.next(&leaves[1]);
        assert!(
            matches!(skipped, Err(ReplayFault::Place { .. })),
            "{skipped:?}"
        );
        let cut = replay.next(&leaves[0][..9]);
        assert!(matches!(cut, Err(ReplayFault::Leaf { .. })), "{cut:?}");
        let mut moved = replay.next(&leaves[0]).unwrap();
        moved.time = moved.time.plus_ms(1);
        let changed = replay.apply(moved, &leaves[0]);
        assert!(
            matches!(changed, Err(ReplayFault::Differs(_))),
            "{changed:?}"
        );
    }
}
