//! A birth date, read from what feeds hold: `yyyyMMdd`, separated digits, and dates of the Japanese eras in digits or
//! kanji.
//!
//! Eras: 明治 from 1868, 大正 from 1912, 昭和 from 1926, 平成 from 1989, 令和 from 2019. A clerk's last days of an era are
//! written in either era, so the year alone is checked against it. Seven digits are the claims file's `GYYMMDD` with
//! 1 明治 to 5 令和 (clinical-formats §1.9).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// The year of the oldest date taken: nobody alive was born before.
pub const YEAR_MIN: u16 = 1868;
/// The year of the latest date taken.
pub const YEAR_MAX: u16 = 2199;
/// Longest text read as a date; HL7's time stamp with its zone has 24.
const DATE_CHARS_MAX: usize = 32;

/// A day of the calendar. `Debug` withholds it: a birth date is personal data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no date. It says what was expected, never what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateFault {
    /// None of the forms.
    #[error("expected a date as yyyyMMdd, yyyy-MM-dd or of an era (S25.1.2, 昭和25年1月2日)")]
    Form,
    /// The form of a date, but no day of the calendar between the bounds.
    #[error("no day of the calendar from {YEAR_MIN} to {YEAR_MAX}")]
    Calendar,
    /// The era did not last so many years.
    #[error("the era did not last so many years")]
    Era,
}

/// An era: its letter, digit of claims files, kanji (full and short), year before its first, years it lasted.
struct Era {
    letter: char,
    digit: char,
    kanji: &'static str,
    before: u16,
    years: u16,
}

const ERAS: [Era; 5] = [
    Era {
        letter: 'M',
        digit: '1',
        kanji: "明治",
        before: 1867,
        years: 45,
    },
    Era {
        letter: 'T',
        digit: '2',
        kanji: "大正",
        before: 1911,
        years: 15,
    },
    Era {
        letter: 'S',
        digit: '3',
        kanji: "昭和",
        before: 1925,
        years: 64,
    },
    Era {
        letter: 'H',
        digit: '4',
        kanji: "平成",
        before: 1988,
        years: 31,
    },
    Era {
        letter: 'R',
        digit: '5',
        kanji: "令和",
        before: 2018,
        years: YEAR_MAX - 2018,
    },
];

impl Date {
    /// A day of the calendar between the bounds.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if year < YEAR_MIN || year > YEAR_MAX || day < 1 || day > last {
            return None;
        }
        Some(Self { year, month, day })
    }

    /// The year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub const fn day(self) -> u8 {
        self.day
    }

    /// `yyyyMMdd` as eight digits.
    pub fn digits(self) -> [u8; 8] {
        let (y, m, d) = (self.year, u16::from(self.month), u16::from(self.day));
        [
            y / 1000,
            y / 100 % 10,
            y / 10 % 10,
            y % 10,
            m / 10,
            m % 10,
            d / 10,
            d % 10,
        ]
        .map(|digit| digit as u8)
    }

    /// Reads what feeds hold. Total.
    ///
    /// # Errors
    /// The text is none of the forms, or names no day of the calendar.
    pub fn read(text: &str) -> Result<Self, DateFault> {
        if text.chars().nth(DATE_CHARS_MAX).is_some() {
            return Err(DateFault::Form);
        }
        let text: String = text.nfkc().filter(|c| !c.is_whitespace()).collect();
        let (before, rest) = match era_of(&text) {
            Some((era, rest)) => (Some(era), rest),
            None => (None, text.as_str()),
        };
        let mut numbers = numbers_of(rest)?;
        // A claims file's seven digits.
        if let (None, [(number, 7)]) = (before, numbers.as_slice()) {
            let digit = char::from_digit(number / 1_000_000, 10);
            let era = ERAS.iter().find(|era| Some(era.digit) == digit);
            return in_era(era.ok_or(DateFault::Form)?, split(*number % 1_000_000));
        }
        match (before, numbers.as_mut_slice()) {
            // A time stamp's further digits are its time of day.
            (None, [(number, 8)]) => Self::of(split(*number)),
            (Some(era), [(number, 6)]) => in_era(era, split(*number)),
            (None, [(year, 4), (month, 1..=2), (day, 1..=2)]) => Self::of((*year, *month, *day)),
            (Some(era), [(year, 1..=2), (month, 1..=2), (day, 1..=2)]) => {
                in_era(era, (*year, *month, *day))
            }
            _ => Err(DateFault::Form),
        }
    }

    fn of((year, month, day): (u32, u32, u32)) -> Result<Self, DateFault> {
        let day = || {
            let (year, month) = (u16::try_from(year).ok()?, u8::try_from(month).ok()?);
            Self::new(year, month, u8::try_from(day).ok()?)
        };
        day().ok_or(DateFault::Calendar)
    }
}

/// Six or eight digits cut into year, month and day.
const fn split(number: u32) -> (u32, u32, u32) {
    (number / 10_000, number / 100 % 100, number % 100)
}

fn in_era(era: &Era, (year, month, day): (u32, u32, u32)) -> Result<Date, DateFault> {
    if !(1..=u32::from(era.years)).contains(&year) {
        return Err(DateFault::Era);
    }
    Date::of((u32::from(era.before) + year, month, day))
}

/// The era a text begins with, and the rest.
fn era_of(text: &str) -> Option<(&'static Era, &str)> {
    ERAS.iter().find_map(|era| {
        let short = era.kanji.chars().next()?;
        let rest = text
            .strip_prefix(era.kanji)
            .or_else(|| text.strip_prefix(short))
            .or_else(|| text.strip_prefix(era.letter))
            .or_else(|| text.strip_prefix(era.letter.to_ascii_lowercase()))?;
        Some((era, rest))
    })
}

/// The numbers of a text with how many digits each has; kanji numerals and 元 are numbers too. At most three, and
/// between them nothing but what separates parts of a date.
fn numbers_of(text: &str) -> Result<Vec<(u32, usize)>, DateFault> {
    let mut numbers: Vec<(u32, usize)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (number, digits, after) = number_at(rest).ok_or(DateFault::Form)?;
        numbers.push((number, digits));
        let mut after = after.chars();
        match after.next() {
            None => break,
            Some('年' | '月' | '.' | '/' | '-' | ',') if numbers.len() < 3 => {}
            // What comes after the day.
            Some('日' | 'T' | ':') => break,
            Some(_) => return Err(DateFault::Form),
        }
        rest = after.as_str();
    }
    Ok(numbers)
}

/// The number a text begins with, its digits, and what comes after it.
fn number_at(text: &str) -> Option<(u32, usize, &str)> {
    if let Some(rest) = text.strip_prefix('元') {
        return Some((1, 1, rest));
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    if end > 0 {
        let (digits, rest) = text.split_at(end);
        // A time stamp: date and time of day, 12 or 14 digits, with its fraction and zone.
        let (digits, rest) = match digits.len() {
            10 | 12 | 14 | 17 => (digits.get(..8)?, ""),
            _ => (digits, rest),
        };
        let number = (digits.len() <= 8).then(|| digits.parse().ok())??;
        return Some((number, digits.len(), rest));
    }
    kanji_number(text)
}

/// A number from 1 to 99 in kanji (二十五, 二五, 十).
fn kanji_number(text: &str) -> Option<(u32, usize, &str)> {
    let digit = |c: char| "〇一二三四五六七八九".chars().position(|k| k == c);
    let (mut sum, mut last, mut chars) = (0u32, None::<u32>, text.chars());
    let mut rest = text;
    while let Some(c) = chars.next() {
        if let Some(digit) = digit(c) {
            last = Some(last.unwrap_or(0) * 10 + digit as u32);
        } else if c == '十' && sum == 0 {
            sum = last.take().unwrap_or(1) * 10;
        } else {
            break;
        }
        if sum + last.unwrap_or(0) > 99 {
            return None;
        }
        rest = chars.as_str();
    }
    let value = sum + last.unwrap_or(0);
    (rest.len() < text.len()).then_some((value, 2, rest))
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Date(withheld)")
    }
}

impl fmt::Display for Date {
    /// `yyyy-MM-dd`, for people who may see it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::read(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, DateFault> {
        Date::read(text).map(|date| date.to_string())
    }

    #[test]
    fn every_form_of_feeds_is_read() {
        for (text, expected) in [
            ("19500102", "1950-01-02"),
            ("１９５００１０２", "1950-01-02"),
            ("1950-01-02", "1950-01-02"),
            ("1950/1/2", "1950-01-02"),
            ("1950年1月2日", "1950-01-02"),
            ("195001020000", "1950-01-02"),
            ("19500102030405.0678+0900", "1950-01-02"),
            ("S25.1.2", "1950-01-02"),
            ("s25/01/02", "1950-01-02"),
            ("Ｓ２５．０１．０２", "1950-01-02"),
            ("S250102", "1950-01-02"),
            ("3250102", "1950-01-02"),
            ("昭和25年1月2日", "1950-01-02"),
            ("昭25.1.2", "1950-01-02"),
            ("昭和二十五年一月二日", "1950-01-02"),
            ("昭和二五年十一月三十日", "1950-11-30"),
            ("平成元年1月8日", "1989-01-08"),
            ("令和元年５月１日", "2019-05-01"),
            ("M45.7.29", "1912-07-29"),
            ("T15.12.24", "1926-12-24"),
            ("H31.4.30", "2019-04-30"),
            ("大正 9 年 2 月 29 日", "1920-02-29"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused_without_repeating_it() {
        for (text, fault) in [
            ("", DateFault::Form),
            ("0", DateFault::Form),
            ("195001", DateFault::Form),
            ("19500231", DateFault::Calendar),
            ("19000229", DateFault::Calendar),
            ("00000000", DateFault::Calendar),
            ("S65.1.1", DateFault::Era),
            ("H0.1.1", DateFault::Era),
            ("昭和百年1月1日", DateFault::Form),
            ("6250102", DateFault::Form),
            ("1950-1-2-3", DateFault::Form),
            ("about 1950", DateFault::Form),
            ("99991231", DateFault::Calendar),
        ] {
            assert_eq!(read(text), Err(fault), "{text}");
        }
        assert!(!format!("{:?}", Date::read("19500102")).contains("1950"));
    }

    proptest! {
        #[test]
        fn reading_is_total_and_what_is_read_is_written_back(text in "\\PC{0,40}") {
            if let Ok(date) = Date::read(&text) {
                prop_assert_eq!(Date::read(&date.to_string()), Ok(date));
            }
        }

        #[test]
        fn an_era_date_is_its_day(year in 1i32..64, month in 1u8..=12, day in 1u8..=28) {
            let expected = Date::new(1925 + year as u16, month, day);
            for text in [format!("S{year:02}{month:02}{day:02}"), format!("昭和{year}年{month}月{day}日"),
                         format!("3{year:02}{month:02}{day:02}"), format!("{}{month:02}{day:02}", 1925 + year)] {
                prop_assert_eq!(Date::read(&text).ok(), expected, "{}", text);
            }
        }
    }
}
