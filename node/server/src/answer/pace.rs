//! How long an answer takes that tells of nothing: whole multiples of a pace, whatever was looked at for it (P9).

use crate::deadline::margin;
use sekisho_transport::Deadline;
use std::time::{Duration, Instant};

/// When a question came, and how long after that its answer can still be heard: found out then, before anything was
/// looked at for it.
pub(super) struct Came {
    at: Instant,
    heard: Duration,
}

impl Came {
    pub fn now(deadline: Deadline) -> Self {
        Self {
            at: Instant::now(),
            heard: deadline.remaining().saturating_sub(margin(deadline)),
        }
    }

    /// Waits until a whole multiple of the pace is over since then; no longer than the answer can still be heard.
    pub async fn keep(&self, pace: Duration) {
        let elapsed = self.at.elapsed();
        let left = self.heard.saturating_sub(elapsed);
        tokio::time::sleep(until_next(pace, elapsed).min(left)).await;
    }
}

fn until_next(pace: Duration, elapsed: Duration) -> Duration {
    let pace = pace.as_nanos().max(1);
    let left = pace - elapsed.as_nanos() % pace;
    Duration::from_nanos(u64::try_from(left).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_pace_is_waited_for() {
        let ms = Duration::from_millis;
        for (elapsed, left) in [(0, 50), (1, 49), (49, 1), (50, 50), (149, 1)] {
            assert_eq!(until_next(ms(50), ms(elapsed)), ms(left), "{elapsed}");
        }
        assert_eq!(until_next(Duration::ZERO, ms(7)), Duration::from_nanos(1));
    }
}
