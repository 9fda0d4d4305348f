//! Questions about the past, asked of a state as it was: who could have seen something, why a decision was made,
//! whose consent a change widened.
//!
//! Nothing here decides anything by itself. Every answer is `authorize`'s, over the state as it was or over that
//! state with something supposed away ([`Supposed`]): so an explanation cannot tell another story than the law. Pure
//! like the rest of the core; whoever asks hands in the state at that moment (a replay up to it) and the time.

mod members;
mod replay;
mod sight;
mod suppose;
mod unmatched;
mod why;
mod widened;

#[cfg(test)]
mod sight_test;
#[cfg(test)]
mod town;
#[cfg(test)]
mod why_test;
#[cfg(test)]
mod widened_test;

pub use replay::{Replay, ReplayFault, leaf_at};
pub use sight::{Asked, KeptOut, Seen, Sight, who_could_see};
pub use suppose::Supposed;
pub use unmatched::{MATCH_MS, Mismatch, Recorded, Transfers, Unmatched};
pub use why::{Fact, Stage, StageKind, Standing, Why, why};
pub use widened::{Change, Gain, Widened, change_of, widened};

use crate::record::CoreError;

/// Facilities looked at: more than all facilities of all surveyed networks together.
pub const FACILITIES_MAX: usize = 100_000;
/// Practitioners named in one patient's consents and reservations that are looked at one by one.
pub const PRACTITIONERS_MAX: usize = 1024;
/// Declarations looked at: some each week for decades.
pub const DISASTERS_MAX: usize = 16_384;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError<E: std::error::Error + 'static> {
    /// The state cannot be read.
    #[error(transparent)]
    Core(#[from] CoreError<E>),
    /// More than is looked at; an answer that left some out would not be one.
    #[error("there are more than {max} {what}, which is more than is looked at")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        max: usize,
    },
}

/// Where a question stands: how much of how much is done.
pub type Heard<'a> = &'a mut dyn FnMut(u64, u64);
