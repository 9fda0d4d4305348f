//! Election safety: nobody leads but by its own vote, and a vote that was told never goes back.
//!
//! openraft's leaders are a term *and* a replica, ordered by both: one term may see replica 2 lead after replica 1.
//! What makes them safe is that of two leaders some voter voted for both, the greater one last. So it is voters that
//! are watched: no start of a replica tells a vote smaller than one told by an earlier start, save that it does not know
//! any more that it won: it is to stand for election anew (decision 0031). Two leaders of one id
//! would write different entries under one log id, which log matching sees.

use super::{Invariant, Scene};

pub(super) struct ElectionSafety;

impl Invariant for ElectionSafety {
    fn name(&self) -> &'static str {
        "election safety"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        scene.tap.broken().into_iter().next().map_or(Ok(()), Err)
    }
}
