//! Days and moments as people in Japan write them: in Japan Standard Time, in western years and eras.

use sekisho_domain::{Language, TimeMs};
use serde::{Deserialize, Deserializer, de::Error};
use std::fmt;
use std::str::FromStr;

const DAY_MS: i64 = 86_400_000;
/// Japan has had one offset and no summer time since 1952.
const JST_MS: i64 = 9 * 3_600_000;

/// Eras by their first day, latest first (the era laws and proclamations).
const ERAS: [(Day, &str, &str); 5] = [
    (
        Day {
            year: 2019,
            month: 5,
            day: 1,
        },
        "令和",
        "Reiwa",
    ),
    (
        Day {
            year: 1989,
            month: 1,
            day: 8,
        },
        "平成",
        "Heisei",
    ),
    (
        Day {
            year: 1926,
            month: 12,
            day: 25,
        },
        "昭和",
        "Showa",
    ),
    (
        Day {
            year: 1912,
            month: 7,
            day: 30,
        },
        "大正",
        "Taisho",
    ),
    (
        Day {
            year: 1868,
            month: 1,
            day: 25,
        },
        "明治",
        "Meiji",
    ),
];

/// A calendar day in Japan, 1873 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: i64,
    month: i64,
    day: i64,
}

/// Not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a day is written YYYY-MM-DD, from 1970 on, for example 2027-03-31")]
pub struct NotADay;

impl FromStr for Day {
    type Err = NotADay;
    fn from_str(text: &str) -> Result<Self, NotADay> {
        Self::of_record(text)
            .filter(|day| day.year >= 1970)
            .ok_or(NotADay)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

impl Day {
    /// The day an instant lies in.
    pub fn of(time: TimeMs) -> Self {
        let ms = i64::try_from(time.0).unwrap_or(i64::MAX - JST_MS);
        Self::of_number((ms + JST_MS).div_euclid(DAY_MS))
    }

    /// A day in somebody's records, such as that of a birth: `1948-02-29`. None where there is no such day, or it lies
    /// before 1873, when Japan took the calendar.
    pub fn of_record(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut digits = |len: usize| {
            let part = parts.next()?;
            let plain = part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| plain)
        };
        let day = Self {
            year: digits(4)?,
            month: digits(2)?,
            day: digits(2)?,
        };
        (parts.next().is_none() && day.year >= 1873 && day.exists()).then_some(day)
    }

    /// A day that does not exist comes back as another one.
    fn exists(self) -> bool {
        (1..=12).contains(&self.month) && Self::of_number(self.number()) == self
    }

    /// By its number, 0 for 1970-01-01.
    fn of_number(number: i64) -> Self {
        // Civil from days, with March as the year's first month so that the leap day comes last.
        let days = number + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        Self {
            year: year + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
        }
    }

    /// Year, month from 1 to 12, day from 1 to 31.
    pub fn date(self) -> (i64, i64, i64) {
        (self.year, self.month, self.day)
    }

    /// Its number, 0 for 1970-01-01.
    fn number(self) -> i64 {
        let year = if self.month <= 2 {
            self.year - 1
        } else {
            self.year
        };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// Its first instant.
    pub fn start(self) -> TimeMs {
        // Midnight of 1970-01-01 in Japan lies before the epoch; the ledger's times start there.
        TimeMs(u64::try_from(self.number() * DAY_MS - JST_MS).unwrap_or(0))
    }

    /// The first instant after it.
    pub fn end(self) -> TimeMs {
        self.start().plus_ms(DAY_MS.unsigned_abs())
    }

    /// With the era's year: `2026-12-01（令和8年）`.
    pub fn ja(self) -> String {
        match self.era() {
            Some((name, _, 1)) => format!("{self}（{name}元年）"),
            Some((name, _, year)) => format!("{self}（{name}{year}年）"),
            None => self.to_string(),
        }
    }

    /// With the era's year: `2026-12-01 (Reiwa 8)`.
    pub fn en(self) -> String {
        match self.era() {
            Some((_, name, year)) => format!("{self} ({name} {year})"),
            None => self.to_string(),
        }
    }

    fn era(self) -> Option<(&'static str, &'static str, i64)> {
        let (first, ja, en) = ERAS.iter().find(|(first, ..)| *first <= self)?;
        Some((ja, en, self.year - first.year + 1))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// An instant to the second, in Japan Standard Time.
pub fn moment(time: TimeMs, language: Language) -> String {
    let of_day = i64::try_from(time.0).unwrap_or(0) + JST_MS;
    let s = of_day.rem_euclid(DAY_MS) / 1000;
    let day = Day::of(time);
    // Japanese readers take it for granted, others must be told.
    format!(
        "{} {:02}:{:02}:{:02}{}",
        language.pick(day.ja(), day.en()),
        s / 3600,
        s / 60 % 60,
        s % 60,
        language.pick("", " JST")
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn days_are_japans_and_eras_change_on_their_first_day() {
        // Milliseconds by `date -d '2026-12-01 00:00:00 +0900' +%s`.
        let day: Day = "2026-12-01".parse().unwrap();
        assert_eq!(
            (day.start().0, day.end().0),
            (1_796_050_800_000, 1_796_137_200_000)
        );
        assert_eq!(Day::of(TimeMs(1_796_050_799_999)).to_string(), "2026-11-30");
        assert_eq!(
            moment(TimeMs(1_796_102_602_123), Language::Ja),
            "2026-12-01（令和8年） 14:23:22"
        );
        let cases = [
            (
                "2019-05-01",
                "2019-05-01（令和元年）",
                "2019-05-01 (Reiwa 1)",
            ),
            (
                "2019-04-30",
                "2019-04-30（平成31年）",
                "2019-04-30 (Heisei 31)",
            ),
            (
                "1989-01-08",
                "1989-01-08（平成元年）",
                "1989-01-08 (Heisei 1)",
            ),
            (
                "1989-01-07",
                "1989-01-07（昭和64年）",
                "1989-01-07 (Showa 64)",
            ),
            (
                "2000-02-29",
                "2000-02-29（平成12年）",
                "2000-02-29 (Heisei 12)",
            ),
        ];
        for (text, ja, en) in cases {
            let day: Day = text.parse().unwrap();
            assert_eq!((day.ja().as_str(), day.en().as_str()), (ja, en));
            assert_eq!(Day::of(day.start()), day);
            assert_eq!(Day::of(TimeMs(day.end().0 - 1)), day);
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-2-1",
            "2026-02-30",
            "2027-02-29",
            "2026-13-01",
            "1969-12-31",
            "2026-12-01-",
            "令和8年",
            "+026-12-01",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text:?}");
        }
        let born = ["1948-02-29", "1926-12-24", "1912-07-30", "1873-01-01"];
        let eras = born.map(|text| Day::of_record(text).map(Day::ja).unwrap_or_default());
        assert_eq!(
            eras,
            [
                "1948-02-29（昭和23年）",
                "1926-12-24（大正15年）",
                "1912-07-30（大正元年）",
                "1873-01-01（明治6年）"
            ]
        );
        for text in [
            "1947-02-29",
            "1872-12-31",
            "1948-00-10",
            "1948-2-29",
            "1948-02-29-",
        ] {
            assert_eq!(Day::of_record(text), None, "{text:?}");
        }
    }
}
