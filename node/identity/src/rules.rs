//! Deterministic rules, before any score: what links by itself, what keeps apart, and what no score may link.
//!
//! A number of an insurance without its branch is a family's (clinical-formats §6.1); twins share birth date, address,
//! telephone and that number, so nothing but the given name tells them apart, and where it differs nothing links them.

use crate::compare::{Item, Level, Levels};
use crate::judge::Band;
use serde::{Deserialize, Serialize};

/// A rule that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Insured number with branch, birth date and sex agree, and the given name does not speak against it: link.
    InsuredPerson,
    /// Insured number, one side without branch; birth date, sex and given name agree: link.
    InsuredFamilyMember,
    /// Another given name and another birth date: apart.
    OtherBirthAndGiven,
    /// The same birth date and household, another given name: apart.
    Twins,
    /// The same insured number with another branch, and not the same given name: apart.
    OtherBranch,
    /// Another sex, and not the same given name: apart.
    OtherSexAndGiven,
    /// The score was enough to link, but the given name is another or only alike; a person looks.
    GivenInDoubt,
    /// The score was enough to link, but the birth date is missing or more than a slip away; a person looks.
    BirthInDoubt,
    /// The score was enough to link, but the sex is another; a person looks.
    SexInDoubt,
    /// The score was enough to link, but the insured number names another person of the family; a person looks.
    BranchInDoubt,
    /// The score was enough to link, but nothing beside name, birth date and sex agrees, and two persons may share
    /// these; a person looks.
    NoOtherWitness,
}

impl Rule {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::InsuredPerson,
        Self::InsuredFamilyMember,
        Self::OtherBirthAndGiven,
        Self::Twins,
        Self::OtherBranch,
        Self::OtherSexAndGiven,
        Self::GivenInDoubt,
        Self::BirthInDoubt,
        Self::SexInDoubt,
        Self::BranchInDoubt,
        Self::NoOtherWitness,
    ];
}

/// The level of an item.
pub(crate) const fn level(levels: &Levels, item: Item) -> Level {
    levels[item as usize]
}

/// What the rules decide without a score, the first that applies.
pub fn decide(levels: &Levels) -> Option<(Band, Rule)> {
    use Level::*;
    let of = |item| level(levels, item);
    let (family, given, birth, sex) = (
        of(Item::Family),
        of(Item::Given),
        of(Item::Birth),
        of(Item::Sex),
    );
    let insured = of(Item::Insured);
    let given_agrees = given.same() || given == Partial;
    if given == Apart && !matches!(birth, Exact | Missing) {
        return Some((Band::Apart, Rule::OtherBirthAndGiven));
    }
    if insured == Close && !given_agrees {
        return Some((Band::Apart, Rule::OtherBranch));
    }
    if given == Apart && birth == Exact && household(levels) {
        return Some((Band::Apart, Rule::Twins));
    }
    if sex == Apart && !given_agrees && given != Missing {
        return Some((Band::Apart, Rule::OtherSexAndGiven));
    }
    let person = birth == Exact && sex == Exact;
    if insured.same()
        && person
        && (given_agrees || (given == Missing && !matches!(family, Apart | Close)))
    {
        return Some((Band::Link, Rule::InsuredPerson));
    }
    if insured == Partial && person && given.same() {
        return Some((Band::Link, Rule::InsuredFamilyMember));
    }
    None
}

/// Whether the two share what people who live together share.
fn household(levels: &Levels) -> bool {
    let of = |item| level(levels, item);
    of(Item::Family).same()
        || matches!(
            of(Item::Address),
            Level::Exact | Level::Folded | Level::Close
        )
        || of(Item::Phone) == Level::Exact
        || !matches!(of(Item::Insured), Level::Apart | Level::Missing)
}

/// Why a score that would link may not; the first that applies.
pub fn forbids_link(levels: &Levels) -> Option<Rule> {
    use Level::*;
    let of = |item| level(levels, item);
    if matches!(of(Item::Given), Apart | Close | Missing) {
        Some(Rule::GivenInDoubt)
    } else if matches!(of(Item::Birth), Apart | Missing)
        // With all of the insured number, and the name, half of a birth date is enough.
        || of(Item::Birth) == Partial && !(of(Item::Insured).same() && of(Item::Family).same())
    {
        Some(Rule::BirthInDoubt)
    } else if of(Item::Sex) == Apart {
        Some(Rule::SexInDoubt)
    } else if of(Item::Insured) == Close {
        Some(Rule::BranchInDoubt)
    } else if [Item::Address, Item::Phone, Item::Insured]
        .into_iter()
        .all(|item| matches!(of(item), Apart | Missing))
    {
        Some(Rule::NoOtherWitness)
    } else {
        None
    }
}
