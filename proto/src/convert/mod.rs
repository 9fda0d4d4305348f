//! Conversions, one file for each group of messages.

mod access;
mod agreement;
mod consent;
mod entry;
mod genesis;
mod life;
mod outcome;
mod policy;
mod recovery;

use crate::v1;
use sekisho_domain::{
    AreaCode, Category, Code, Codes, DomainError, FacilityId, Period, Purpose, SubjectRef, TimeMs,
};
use std::collections::BTreeSet;

/// The value of a required message field.
fn required<T>(value: Option<T>, what: &'static str) -> Result<T, DomainError> {
    value.ok_or(DomainError::Missing(what))
}

fn bounded<T>(items: &[T], max: usize, what: &'static str) -> Result<(), DomainError> {
    if items.len() > max {
        Err(DomainError::TooMany {
            what,
            got: items.len(),
            max,
        })
    } else {
        Ok(())
    }
}

/// Codes as a set; the wire carries them in ascending order.
fn codes<T: Code>(
    numbers: &[i32],
    from: fn(i64) -> Result<T, DomainError>,
) -> Result<Codes<T>, DomainError> {
    numbers.iter().map(|n| from((*n).into())).collect()
}

/// A set that may not be empty.
fn some_codes<T: Code>(
    numbers: &[i32],
    from: fn(i64) -> Result<T, DomainError>,
    what: &'static str,
) -> Result<Codes<T>, DomainError> {
    let set = codes(numbers, from)?;
    if set.is_empty() {
        Err(DomainError::Missing(what))
    } else {
        Ok(set)
    }
}

macro_rules! numbers {
    ($set:expr) => {
        $set.iter().map(|c| i32::from(c.number())).collect()
    };
}
use numbers;

fn categories_out(set: Option<&Codes<Category>>) -> Option<v1::CategorySet> {
    set.map(|set| v1::CategorySet {
        categories: numbers!(set),
    })
}

fn categories_in(set: Option<v1::CategorySet>) -> Result<Option<Codes<Category>>, DomainError> {
    set.map(|set| some_codes(&set.categories, Category::from_number, "categories"))
        .transpose()
}

fn purposes_out(set: Option<&Codes<Purpose>>) -> Option<v1::PurposeSet> {
    set.map(|set| v1::PurposeSet {
        purposes: numbers!(set),
    })
}

fn purposes_in(set: Option<v1::PurposeSet>) -> Result<Option<Codes<Purpose>>, DomainError> {
    set.map(|set| some_codes(&set.purposes, Purpose::from_number, "purposes"))
        .transpose()
}

fn facilities_out(set: &BTreeSet<FacilityId>) -> v1::FacilitySet {
    v1::FacilitySet {
        facilities: set.iter().map(ToString::to_string).collect(),
    }
}

fn facilities_in(set: v1::FacilitySet) -> Result<BTreeSet<FacilityId>, DomainError> {
    bounded(
        &set.facilities,
        sekisho_domain::FacilitySelector::LISTED_MAX,
        "the list of facilities",
    )?;
    if set.facilities.is_empty() {
        return Err(DomainError::Missing("the list of facilities"));
    }
    set.facilities.iter().map(|f| f.parse()).collect()
}

fn areas_out(set: &BTreeSet<AreaCode>) -> Vec<String> {
    set.iter().map(ToString::to_string).collect()
}

/// 1 to `max` prefectures or municipalities.
fn areas_in(areas: &[String], max: usize) -> Result<BTreeSet<AreaCode>, DomainError> {
    bounded(areas, max, "the areas")?;
    if areas.is_empty() {
        return Err(DomainError::Missing("an area"));
    }
    areas.iter().map(|a| a.parse()).collect()
}

impl From<Period> for v1::Period {
    fn from(p: Period) -> Self {
        Self {
            from_ms: p.from.0,
            until_ms: p.until.map(|t| t.0),
        }
    }
}

impl TryFrom<v1::Period> for Period {
    type Error = DomainError;
    fn try_from(p: v1::Period) -> Result<Self, DomainError> {
        Self::new(TimeMs(p.from_ms), p.until_ms.map(TimeMs))
    }
}

impl From<&SubjectRef> for v1::SubjectRef {
    fn from(s: &SubjectRef) -> Self {
        Self {
            network: s.network.to_string(),
            subject: s.subject.0.to_vec(),
        }
    }
}

impl TryFrom<v1::SubjectRef> for SubjectRef {
    type Error = DomainError;
    fn try_from(s: v1::SubjectRef) -> Result<Self, DomainError> {
        Ok(Self {
            network: s.network.parse()?,
            subject: s.subject.as_slice().try_into()?,
        })
    }
}
