//! The ledger as it was: leaves checked one by one up to a moment, and looked at before each takes effect.

use super::Session;
use super::replay::{Replayed, leaves, refused, replayed};
use crate::ui::Failure;
use sekisho_domain::{EntryIndex, TimeMs};
use sekisho_ledger::Leaf;
use sekisho_ledger::history::Replay;
use sekisho_ledger::store::MemoryState;

/// Leaves asked for at a time: what is past the moment is not read.
const LEAVES_AT_ONCE: u64 = 10_000;

/// How far a replay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the last leaf stamped at or before this time.
    Time(TimeMs),
    /// As far as this network's replica has applied it.
    Now,
}

/// The state at a moment, derived and checked as by [`super::replayed_state`]. `each` gets every leaf with the state
/// it is about to be applied to; `heard` the number of leaves so far.
///
/// # Errors
/// The process cannot be reached, stops answering or skips a leaf; a leaf is not what its entry leads to; or what
/// `each` says.
pub async fn past(
    session: &Session,
    until: Until,
    mut each: impl FnMut(&MemoryState, &Leaf) -> Result<(), Failure>,
    mut heard: impl FnMut(u64),
) -> Result<Replayed, Failure> {
    let mut replay = Replay::begin(&session.genesis).map_err(|e| refused(&e))?;
    let mut over = false;
    while !over {
        let (from, mut came) = (replay.size(), 0);
        let take = |_: EntryIndex, bytes: Vec<u8>| {
            came += 1;
            if over {
                return Ok(());
            }
            let leaf = replay.next(&bytes).map_err(|e| refused(&e))?;
            over = matches!(until, Until::Time(time) if time < leaf.time);
            if !over {
                each(replay.view().0, &leaf)?;
                replay.apply(leaf, &bytes).map_err(|e| refused(&e))?;
                heard(replay.size());
            }
            Ok(())
        };
        leaves(session, from, from + LEAVES_AT_ONCE, take).await?;
        over |= came < LEAVES_AT_ONCE;
    }
    replayed(replay)
}
