//! The words of a line: what stands without a name, and what stands as `name=value`.

use crate::testing::FIRST_OF_APRIL;
use sekisho_domain::{Code, Codes, Period, TimeMs};
use std::collections::BTreeMap;
use std::str::FromStr;

/// What is wrong with a line, or with what came of it.
pub(super) type Wrong = String;

pub(super) struct Words<'a> {
    pub plain: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

pub(super) fn parse<T: FromStr>(text: &str) -> Result<T, Wrong>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e| format!("{text:?}: {e}"))
}

impl<'a> Words<'a> {
    pub fn of(line: &'a str) -> Self {
        let (named, plain): (Vec<_>, Vec<_>) =
            line.split_whitespace().partition(|w| w.contains('='));
        let named = named.into_iter().filter_map(|w| w.split_once('='));
        Self {
            plain,
            named: named.collect(),
        }
    }
    /// The word at a place among those without a name.
    pub fn at(&self, n: usize) -> Result<&'a str, Wrong> {
        let word = self.plain.get(n).copied();
        word.ok_or_else(|| format!("there is no word {n}"))
    }
    /// Takes a value out, so that what nobody took is noticed.
    pub fn take(&mut self, name: &str) -> Option<&'a str> {
        self.named.remove(name)
    }
    pub fn done(&self) -> Result<(), Wrong> {
        match self.named.keys().next() {
            Some(name) => Err(format!("nobody asks for {name}")),
            None => Ok(()),
        }
    }
    /// A list of codes; none where it is not there.
    pub fn codes<T: Code + FromStr>(&mut self, name: &str) -> Result<Option<Codes<T>>, Wrong>
    where
        <T as FromStr>::Err: std::fmt::Display,
    {
        self.take(name).map(codes).transpose()
    }
    /// `from=` and `until=`, as spans from now or as 1 April.
    pub fn period(&mut self, begin: TimeMs, now: TimeMs) -> Result<Period, Wrong> {
        let from = self.take("from").map(|text| instant(text, now));
        let until = self.take("until").map(|text| instant(text, now));
        Ok(Period {
            from: from.transpose()?.unwrap_or(begin),
            until: until.transpose()?,
        })
    }
}

/// Codes with commas between them, or `all`.
pub(super) fn codes<T: Code + FromStr>(text: &str) -> Result<Codes<T>, Wrong>
where
    <T as FromStr>::Err: std::fmt::Display,
{
    if text == "all" {
        return Ok(Codes::all());
    }
    text.split(',').map(parse).collect()
}

fn instant(text: &str, now: TimeMs) -> Result<TimeMs, Wrong> {
    match text.strip_prefix('+') {
        Some(span) => Ok(now.plus_ms(span_ms(span)?)),
        None if text == "april" => Ok(FIRST_OF_APRIL),
        None => Err(format!("{text:?} is neither a span from now nor april")),
    }
}

/// `3d`, `2h`, `5ms`.
pub(super) fn span_ms(text: &str) -> Result<u64, Wrong> {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    for (unit, ms) in [("d", 24 * HOUR_MS), ("h", HOUR_MS), ("ms", 1)] {
        if let Some(Ok(n)) = text.strip_suffix(unit).map(str::parse::<u64>) {
            return Ok(n * ms);
        }
    }
    Err(format!("{text:?} is no span of time"))
}
