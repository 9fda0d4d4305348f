//! A moment of the past, as people write one: a day, or a day and a time in Japan.

use crate::ops;
use crate::ui::Failure;
use sekisho_domain::TimeMs;
use sekisho_words::Day;
use std::str::FromStr;

const MINUTE_MS: u64 = 60 * 1000;

/// A moment: a day stands for its last instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct Moment {
    time: TimeMs,
    /// Whether only a day was given.
    day: bool,
}

/// Not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a moment is written YYYY-MM-DD (the end of that day) or YYYY-MM-DDTHH:MM[:SS], in Japan's time"
)]
pub(in crate::commands) struct NotAMoment;

impl FromStr for Moment {
    type Err = NotAMoment;
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let (day, time) = match text.split_once('T') {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let day: Day = day.parse().map_err(|_| NotAMoment)?;
        let Some(time) = time else {
            let end = day.end();
            return Ok(Self {
                time: TimeMs(end.0.saturating_sub(1)),
                day: true,
            });
        };
        let number = |part: &str, below: u64| {
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            let number = part.parse().ok().filter(|n: &u64| digits && *n < below);
            number.ok_or(NotAMoment)
        };
        let mut parts = time.split(':');
        let mut next = |below| parts.next().map(|part| number(part, below)).transpose();
        let (hour, minute, second) = (next(24)?, next(60)?, next(60)?);
        let (Some(hour), Some(minute), None) = (hour, minute, parts.next()) else {
            return Err(NotAMoment);
        };
        let ms = (hour * 60 + minute) * MINUTE_MS + second.unwrap_or(0) * 1000;
        Ok(Self {
            time: day.start().plus_ms(ms),
            day: false,
        })
    }
}

impl Moment {
    /// The instant; of today, so far.
    ///
    /// # Errors
    /// It has not come yet: the ledger knows the past.
    pub(super) fn instant(self) -> Result<TimeMs, Failure> {
        let now = ops::now();
        if self.time <= now {
            return Ok(self.time);
        }
        if self.day && Day::of(self.time) == Day::of(now) {
            return Ok(now);
        }
        Err(Failure::usage(
            "--on はまだ来ていない時刻です。台帳から分かるのは過去のことだけです",
            "--on has not come yet; the ledger knows the past only",
        ))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_last_instant_and_times_are_japans() {
        // 2026-12-01T00:00:00+09:00 by `date -d ... +%s`.
        let begin = 1_796_050_800_000;
        for (text, ms) in [
            ("2026-12-01", begin + 86_399_999),
            ("2026-12-01T00:00", begin),
            ("2026-12-01T14:23:22", begin + 51_802_000),
        ] {
            assert_eq!(text.parse::<Moment>().unwrap().time.0, ms, "{text}");
        }
        for text in [
            "",
            "2026-12-01T",
            "2026-12-01T9:00",
            "2026-12-01T24:00",
            "2026-12-01T10",
            "2026-12-01T10:00:00:00",
            "2026-12-01 10:00",
            "2026-02-30T10:00",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(NotAMoment), "{text:?}");
        }
    }

    #[test]
    fn what_has_not_come_is_not_asked_for() {
        assert!("9999-01-01".parse::<Moment>().unwrap().instant().is_err());
        let today = Day::of(ops::now()).to_string();
        let now = today.parse::<Moment>().unwrap().instant().unwrap();
        assert!(now <= ops::now());
        assert!("2026-01-01".parse::<Moment>().unwrap().instant().is_ok());
    }
}
