//! Days and moments of the proleptic Gregorian calendar, without a clock and without a time zone:
//! SS-MIX2 writes local time and never says which.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A calendar day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// The text is not a day: expected `yyyy-MM-dd` or `yyyyMMdd`, from 1900 to 2199.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day: expected yyyy-MM-dd or yyyyMMdd, from 1900 to 2199")]
pub struct DayError(String);

const MS_PER_DAY: i64 = 86_400_000;
const MS_PER_MINUTE: i64 = 60_000;

impl Day {
    /// The day of a year, month (1 to 12) and day of month; what lies beyond a month's end is the
    /// next month's, so that every triple means one day.
    pub const fn of(year: i32, month: u32, day: u32) -> Self {
        // Days from civil, with March as the year's first month so that the leap day comes last.
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let shifted = (month as i32 + 9) % 12;
        let day_of_year = (153 * shifted + 2) / 5 + day as i32 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// Year, month (1 to 12) and day of month.
    pub const fn ymd(self) -> (i32, u32, u32) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month as u32, day as u32)
    }

    /// The day so many days later (earlier where negative).
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// How many days later than `other`.
    pub const fn days_since(self, other: Self) -> i32 {
        self.0 - other.0
    }

    /// The moment at an hour and minute of this day.
    pub(crate) const fn at(self, hour: u32, minute: u32) -> Moment {
        Moment(self.0 as i64 * MS_PER_DAY + (hour * 60 + minute) as i64 * MS_PER_MINUTE)
    }

    /// Whether it is a Saturday or Sunday.
    pub(crate) const fn is_weekend(self) -> bool {
        // 1970-01-01 was a Thursday.
        matches!((self.0 + 3).rem_euclid(7), 5 | 6)
    }
}

impl fmt::Display for Day {
    /// `yyyyMMdd`, as SS-MIX2 writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}{month:02}{day:02}")
    }
}

impl FromStr for Day {
    type Err = DayError;
    fn from_str(text: &str) -> Result<Self, DayError> {
        let wrong = || DayError(text.chars().take(40).collect());
        let digits: String = match text.as_bytes() {
            [_, _, _, _, b'-', _, _, b'-', _, _] => text.replace('-', ""),
            _ => text.to_owned(),
        };
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        let found = Self::of(year as i32, month.max(1), day);
        if (1900..2200).contains(&year) && found.ymd() == (year as i32, month, day) {
            Ok(found)
        } else {
            Err(wrong())
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A moment of local time, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    /// The day it lies in.
    pub(crate) const fn day(self) -> Day {
        Day(self.0.div_euclid(MS_PER_DAY) as i32)
    }

    /// So many minutes later.
    pub(crate) const fn plus_minutes(self, minutes: u32) -> Self {
        Self(self.0 + minutes as i64 * MS_PER_MINUTE)
    }

    /// So many milliseconds later.
    pub(crate) const fn plus_ms(self, ms: u32) -> Self {
        Self(self.0 + ms as i64)
    }

    /// The same moment without its fraction of a second.
    pub(crate) const fn whole_second(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1000))
    }

    /// The milliseconds of its second, 0 to 999.
    pub(crate) const fn millis(self) -> u32 {
        self.0.rem_euclid(1000) as u32
    }

    /// `yyyyMMddHHmm`.
    pub(crate) fn to_minute(self) -> String {
        let (hour, minute, _) = self.hms();
        format!("{}{hour:02}{minute:02}", self.day())
    }

    /// `yyyyMMddHHmmss`.
    pub(crate) fn to_second(self) -> String {
        let (hour, minute, second) = self.hms();
        format!("{}{hour:02}{minute:02}{second:02}", self.day())
    }

    /// `yyyyMMddHHmmssfff`: 発生日時 of a file name (guideline, 標準化ストレージ).
    pub(crate) fn to_milli(self) -> String {
        format!("{}{:03}", self.to_second(), self.millis())
    }

    const fn hms(self) -> (u32, u32, u32) {
        let second = (self.0.rem_euclid(MS_PER_DAY) / 1000) as u32;
        (second / 3600, second / 60 % 60, second % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_both_ways() {
        assert_eq!(Day::of(1970, 1, 1), Day(0));
        assert_eq!(Day::of(2000, 3, 1).days_since(Day::of(2000, 2, 28)), 2);
        let first = Day::of(1900, 1, 1);
        for n in 0..110_000 {
            let day = first.plus(n);
            let (year, month, date) = day.ymd();
            assert_eq!(Day::of(year, month, date), day);
        }
        assert!(Day::of(2026, 11, 21).is_weekend() && Day::of(2026, 11, 22).is_weekend());
        assert!(!Day::of(2026, 11, 20).is_weekend() && !Day::of(2026, 11, 23).is_weekend());
    }

    #[test]
    fn text_is_read_strictly() {
        for (text, day) in [
            ("2026-10-31", Some(Day::of(2026, 10, 31))),
            ("20240229", Some(Day::of(2024, 2, 29))),
            ("20230229", None),
            ("2026-1-31", None),
            ("20260010", None),
            ("18991231", None),
            ("２０２６1031", None),
        ] {
            assert_eq!(text.parse().ok(), day, "{text}");
        }
    }

    #[test]
    fn moments_print_at_three_precisions() {
        let moment = Day::of(2026, 1, 2).at(3, 4).plus_ms(5_678);
        assert_eq!(moment.to_minute(), "202601020304");
        assert_eq!(moment.to_second(), "20260102030405");
        assert_eq!(moment.to_milli(), "20260102030405678");
        assert_eq!(moment.whole_second().to_milli(), "20260102030405000");
        assert_eq!(moment.plus_minutes(24 * 60).day(), Day::of(2026, 1, 3));
    }
}
