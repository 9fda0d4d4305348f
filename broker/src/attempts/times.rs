//! How long a network's answers took to begin lately, and what that says of the next one.

use crate::limits::{
    ANSWER_TIMES_AGE, ANSWER_TIMES_MAX, ANSWER_TIMES_MIN, HEDGE_AFTER_MAX, HEDGE_AFTER_MIN,
};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The last answer times of one network, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Times {
    took: VecDeque<(Instant, Duration)>,
}

impl Times {
    /// An answer began after so long.
    pub(super) fn add(&mut self, now: Instant, took: Duration) {
        if self.took.len() == ANSWER_TIMES_MAX {
            self.took.pop_front();
        }
        self.took.push_back((now, took));
    }

    /// An answer that had not begun after so long was given up. It would have taken longer, so it counts only
    /// where it does not make the network look quicker than it is.
    pub(super) fn gave_up(&mut self, now: Instant, waited: Duration) {
        if self.hedge_after(now).is_some_and(|after| waited >= after) {
            self.add(now, waited);
        }
    }

    /// When a second attempt is worth it: after the 95th percentile of the recent times (nearest rank), within
    /// bounds; never where there are too few of them.
    pub(super) fn hedge_after(&self, now: Instant) -> Option<Duration> {
        let recent = |(at, _): &&(Instant, Duration)| now.duration_since(*at) <= ANSWER_TIMES_AGE;
        let mut recent: Vec<_> = self.took.iter().filter(recent).map(|(_, t)| *t).collect();
        if recent.len() < ANSWER_TIMES_MIN {
            return None;
        }
        let rank = (recent.len() * 95).div_ceil(100);
        let (_, took, _) = recent.select_nth_unstable(rank.saturating_sub(1));
        Some((*took).clamp(HEDGE_AFTER_MIN, HEDGE_AFTER_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn of(now: Instant, took_ms: impl IntoIterator<Item = u64>) -> Times {
        let mut times = Times::default();
        took_ms
            .into_iter()
            .for_each(|took| times.add(now, ms(took)));
        times
    }

    #[test]
    fn a_second_attempt_is_worth_it_after_what_nearly_all_took() {
        let now = Instant::now();
        let cases: [(&str, Vec<u64>, Option<u64>); 6] = [
            ("nothing known", vec![], None),
            ("too little known", vec![100; 19], None),
            ("just enough", vec![100; 20], Some(100)),
            ("nineteen of twenty", (101..=120).collect(), Some(119)),
            ("quicker than any pause", vec![1; 64], Some(20)),
            ("slower than anybody waits", vec![9_000; 64], Some(2_000)),
        ];
        for (case, took, expected) in cases {
            assert_eq!(of(now, took).hedge_after(now), expected.map(ms), "{case}");
        }
    }

    #[test]
    fn only_the_last_answers_count_and_only_for_a_while() {
        let now = Instant::now();
        let last = ANSWER_TIMES_MAX as u64;
        let times = of(now, (0..last).map(|_| 900).chain((0..last).map(|_| 50)));
        assert_eq!(times.hedge_after(now), Some(ms(50)));
        assert_eq!(times.took.len(), ANSWER_TIMES_MAX);
        let later = now + ANSWER_TIMES_AGE;
        assert_eq!(times.hedge_after(later), Some(ms(50)));
        assert_eq!(times.hedge_after(later + ms(1)), None);
    }

    #[test]
    fn what_was_given_up_never_makes_a_network_look_quicker() {
        let now = Instant::now();
        let mut times = of(now, [100; 20]);
        for _ in 0..ANSWER_TIMES_MAX {
            times.gave_up(now, ms(99));
        }
        assert_eq!(times.hedge_after(now), Some(ms(100)));
        for _ in 0..ANSWER_TIMES_MAX {
            times.gave_up(now, ms(700));
        }
        assert_eq!(times.hedge_after(now), Some(ms(700)));
    }

    proptest! {
        #[test]
        fn at_most_one_in_twenty_recent_answers_took_longer(took in vec(20u64..2_000, 20..64)) {
            let now = Instant::now();
            let after = of(now, took.clone()).hedge_after(now);
            let longer = took.iter().filter(|took| Some(ms(**took)) > after).count();
            prop_assert!(longer * 20 <= took.len());
            let as_long = took.iter().filter(|took| Some(ms(**took)) >= after).count();
            prop_assert!(as_long * 20 >= took.len());
        }
    }
}
