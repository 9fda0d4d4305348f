//! Sharing out a deadline.

use crate::bounds::MARGIN_MAX;
use sekisho_domain::TimeMs;
use sekisho_transport::Deadline;
use std::time::Duration;

/// What to keep back of a deadline: a tenth of what is left, at most [`MARGIN_MAX`].
pub(crate) fn margin(deadline: Deadline) -> Duration {
    MARGIN_MAX.min(deadline.remaining() / 10)
}

/// The deadline, that much earlier.
pub(crate) fn earlier(deadline: Deadline, by: Duration) -> Deadline {
    let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    Deadline::at(TimeMs(deadline.time().0.saturating_sub(ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_kept_back_up_to_the_bound() {
        let long = Deadline::after(Duration::from_secs(30));
        assert_eq!(margin(long), MARGIN_MAX);
        let short = Deadline::after(Duration::from_millis(500));
        assert!(margin(short) <= Duration::from_millis(50));
        assert_eq!(
            earlier(long, Duration::from_secs(1)).time().0 + 1000,
            long.time().0
        );
        assert_eq!(margin(Deadline::at(TimeMs(1))), Duration::ZERO);
    }
}
