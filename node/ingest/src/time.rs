//! HL7 times (v2.5 §2.A.77) to milliseconds. Storages write Japanese time without an offset.

use hl7_parser::datetime::{TimeStampOffset, parse_timestamp};
use sekisho_domain::TimeMs;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Japan has one offset and no summer time.
const JAPAN_OFFSET_MS: i64 = 9 * HOUR_MS;

/// The instant of a time with at least a date; `None` for what is no date, or one before 1970.
pub(crate) fn parse(text: &str) -> Option<TimeMs> {
    let text = text.trim();
    // The crate's parser wants ASCII digits first and reads what follows leniently.
    if !text.bytes().take(8).all(|b| b.is_ascii_digit()) || !text.is_ascii() {
        return None;
    }
    let t = parse_timestamp(text, true).ok()?;
    let (month, day) = (t.month?, t.day?);
    if !(1..=12).contains(&month) || day == 0 || day > days_in(t.year, month) {
        return None;
    }
    let (hour, minute, second) = (
        t.hour.unwrap_or(0),
        t.minute.unwrap_or(0),
        t.second.unwrap_or(0),
    );
    // 24:00 is written for the end of a day; a leap second is counted to the next.
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let offset_ms = t.offset.map_or(JAPAN_OFFSET_MS, offset_ms);
    let ms = days_since_1970(t.year, month, day) * DAY_MS
        + i64::from(hour) * HOUR_MS
        + i64::from(minute) * MINUTE_MS
        + i64::from(second) * 1000
        + i64::from(t.microsecond.unwrap_or(0) / 1000)
        - offset_ms;
    u64::try_from(ms).ok().map(TimeMs)
}

/// 発生日時 of a file name: 17 digits `yyyyMMddHHmmssfff`, or 14 without the fraction.
pub(crate) fn parse_occurred(text: &str) -> Option<TimeMs> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        14 => parse(text),
        17 => {
            let (seconds, ms) = text.split_at(14);
            parse(seconds).map(|t| t.plus_ms(ms.parse().unwrap_or(0)))
        }
        _ => None,
    }
}

/// The same for names that hold 14 to 17 digits: the fraction has as many as there are.
pub(crate) fn parse_occurred_loosely(text: &str) -> Option<TimeMs> {
    if !(14..=17).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (seconds, fraction) = text.split_at(14);
    let ms = format!("{fraction:0<3}").parse().unwrap_or(0);
    parse(seconds).map(|t| t.plus_ms(ms))
}

/// Whether a text is a day, `yyyyMMdd`, of whatever year: people were born before 1970.
pub(crate) fn is_day(text: &str) -> bool {
    let number =
        |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<u16>().ok());
    let is_digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    match (number(0..4), number(4..6), number(6..8)) {
        (Some(year @ 1..), Some(month @ 1..=12), Some(day @ 1..)) if is_digits => {
            day <= u16::from(days_in(year, month as u8))
        }
        _ => false,
    }
}

fn offset_ms(offset: TimeStampOffset) -> i64 {
    let minutes = i64::from(offset.minutes) * MINUTE_MS;
    let hours = i64::from(offset.hours) * HOUR_MS;
    if offset.hours < 0 {
        hours - minutes
    } else {
        hours + minutes
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar; the year begins in March, so that the leap day is its last.
fn days_since_1970(year: u16, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_form_seen() {
        let cases = [
            ("19700101090000", Some(0)),
            ("20240229", Some(1_709_132_400_000)),
            ("2011101607", Some(1_318_716_000_000)),
            ("20110701224603.984", Some(1_309_527_963_984)),
            ("20111220224447.3399", Some(1_324_388_687_339)),
            ("20240709175631.14", Some(1_720_515_391_140)),
            ("20240709085631+0000", Some(1_720_515_391_000)),
            ("20240709032631-0530", Some(1_720_515_391_000)),
            ("202407092400", Some(1_720_537_200_000)),
            (" 20240709 ", Some(1_720_450_800_000)),
            ("20230229", None),
            ("20241301", None),
            ("20240700", None),
            ("202407", None),
            ("19691231", None),
            ("", None),
            ("-", None),
            ("\"\"", None),
            ("２０２４０７０９", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected.map(TimeMs), "{text}");
        }
        assert_eq!(
            parse_occurred("20110701224603984"),
            Some(TimeMs(1_309_527_963_984))
        );
        assert_eq!(
            parse_occurred("20110701224603"),
            Some(TimeMs(1_309_527_963_000))
        );
        for text in [
            "2011070122460398",
            "20110701224603.98",
            "20110732000000000",
            "-",
            "2011070122460398é",
        ] {
            assert_eq!(parse_occurred(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn is_total(text in ".{0,40}", digits in "[0-9]{0,20}[.+-]?[0-9]{0,6}") {
            let _ = (parse(&text), parse_occurred(&text), parse(&digits), parse_occurred(&digits));
        }
        /// Days follow each other without gap.
        #[test]
        fn days_are_consecutive(year in 1970u16..2200, month in 1u8..=12) {
            let last = days_in(year, month);
            let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            prop_assert_eq!(days_since_1970(year, month, last) + 1, days_since_1970(next_year, next_month, 1));
        }
    }
}
