//! How long an answer takes that tells of nothing: whole multiples of a pace, whatever was looked at for it (P9).

use crate::deadline::{earlier, margin};
use sekisho_transport::Deadline;
use std::time::{Duration, Instant};

/// Waits until a whole multiple of the pace is over since the question came; no longer than the answer can still be heard.
pub(super) async fn keep(pace: Duration, since: Instant, deadline: Deadline) {
    let until = earlier(deadline, margin(deadline)).remaining();
    tokio::time::sleep(until_next(pace, since.elapsed()).min(until)).await;
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
