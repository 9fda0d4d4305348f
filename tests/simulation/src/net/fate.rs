//! What becomes of one call.

use super::LATE;
use crate::random::Random;
use std::time::Duration;

/// What usually goes wrong, each in calls of a thousand.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Least and greatest time one way takes.
    pub delay: (Duration, Duration),
    /// Requests lost.
    pub requests_lost: u64,
    /// Replies lost.
    pub replies_lost: u64,
    /// Delivered twice.
    pub twice: u64,
    /// Overtaken by many others.
    pub held: u64,
}

impl Weather {
    /// Nothing goes wrong.
    pub fn fair(delay: (Duration, Duration)) -> Self {
        Self {
            delay,
            requests_lost: 0,
            replies_lost: 0,
            twice: 0,
            held: 0,
        }
    }

    pub(super) fn fate(&self, random: &mut Random, extra: Duration, may_twice: bool) -> Fate {
        let (least, most) = self.delay;
        let mut delay = || {
            let held = if random.chance(self.held) { 20 } else { 1 };
            random.time(least, most) * held + extra
        };
        let (there, back) = (delay(), delay());
        let twice = random.chance(self.twice);
        let again = random.time(least, LATE.1);
        let late = random.time(LATE.0, LATE.1);
        Fate {
            there,
            back,
            request_lost: random.chance(self.requests_lost),
            reply_lost: random.chance(self.replies_lost),
            told: random.chance(400),
            again: (twice && may_twice).then_some(again),
            late: random.chance(300).then_some(late),
            given_up: random.chance(500),
        }
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// Time the request takes.
    pub there: Duration,
    /// Time the reply takes.
    pub back: Duration,
    pub request_lost: bool,
    pub reply_lost: bool,
    /// Whether a caller whose call failed is told before its deadline.
    pub told: bool,
    /// Delivered a second time, so much later.
    pub again: Option<Duration>,
    /// A lost request arrives after all, so much later.
    pub late: Option<Duration>,
    /// Whether the server stops its work when the caller waits no more.
    pub given_up: bool,
}
