//! Two charts compared, item by item: how far each agrees. Nothing is weighed here.
//!
//! An item that several fields speak of (a name in kanji and in kana) is one item with one level, for two spellings
//! of one name are not two witnesses. Where lists are compared, the best pair counts: one shared telephone number is
//! shared.

use crate::fold::{self, Folded, FoldedAddress, FoldedInsured, Part, RawAddress};
use crate::{Date, Sex};
use serde::{Deserialize, Serialize};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Family name, in kanji and kana.
    Family,
    /// Given name, in kanji and kana.
    Given,
    /// Day of birth.
    Birth,
    /// Sex.
    Sex,
    /// Address with its postal code.
    Address,
    /// Telephone number.
    Phone,
    /// Insured person's number.
    Insured,
}

impl Item {
    /// How many there are.
    pub const COUNT: usize = 7;
    /// All, in the order in which they are explained.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Family,
        Self::Given,
        Self::Birth,
        Self::Sex,
        Self::Address,
        Self::Phone,
        Self::Insured,
    ];
}

/// How far an item agrees, the best first. What each means for an item is in its sentence ([`crate::Evidence`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Character by character.
    Exact,
    /// Once folded.
    Folded,
    /// Nearly: a slip of the pen; for an insurance, another person of the same family.
    Close,
    /// In part: one script of a name, the town of an address, an insurance without its branch.
    Partial,
    /// Not at all.
    Apart,
    /// Not known of one of the two; says nothing.
    Missing,
}

impl Level {
    /// Levels that are evidence.
    pub const COUNT: usize = 5;
    /// Those, the best first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Exact,
        Self::Folded,
        Self::Close,
        Self::Partial,
        Self::Apart,
    ];

    /// Its place among [`Level::ALL`]; none for what is missing.
    pub const fn place(self) -> Option<usize> {
        match self {
            Self::Exact => Some(0),
            Self::Folded => Some(1),
            Self::Close => Some(2),
            Self::Partial => Some(3),
            Self::Apart => Some(4),
            Self::Missing => None,
        }
    }

    /// Exactly or once folded.
    pub const fn same(self) -> bool {
        matches!(self, Self::Exact | Self::Folded)
    }
}

/// The levels of all items, in the order of [`Item::ALL`].
pub type Levels = [Level; Item::COUNT];

/// Names this alike (Jaro–Winkler) are one but for a slip; sisters and brothers' names seldom reach it.
const CLOSE: f64 = 0.88;
/// Towns this alike are one but for a slip.
const CLOSE_TOWN: f64 = 0.9;

/// Compares two charts. Symmetric.
pub fn compare(a: &Folded, b: &Folded) -> Levels {
    let (family, given) = names(a, b);
    [
        family,
        given,
        either(&a.birth, &b.birth, birth),
        either(&a.sex, &b.sex, |a: &Sex, b: &Sex| {
            if a == b { Level::Exact } else { Level::Apart }
        }),
        best(&a.addresses, &b.addresses, address),
        best(&a.phones, &b.phones, phone),
        best(&a.insured, &b.insured, insured),
    ]
}

/// Jaro–Winkler, the same both ways round: 1 for equal texts.
pub fn likeness(a: &str, b: &str) -> f64 {
    if a <= b {
        strsim::jaro_winkler(a, b)
    } else {
        strsim::jaro_winkler(b, a)
    }
}

fn either<T>(a: &Option<T>, b: &Option<T>, level: impl Fn(&T, &T) -> Level) -> Level {
    match (a, b) {
        (Some(a), Some(b)) => level(a, b),
        _ => Level::Missing,
    }
}

/// The best level of any pair; missing where either has none.
fn best<T>(a: &[T], b: &[T], level: impl Fn(&T, &T) -> Level) -> Level {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
    pairs
        .map(|(a, b)| level(a, b))
        .min()
        .unwrap_or(Level::Missing)
}

/// How one script of one part of a name agrees.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Script {
    Raw,
    /// Once folded by what one person writes for the same sound or character.
    Folded,
    /// Once folded by what also different names have in common: the length of vowels.
    Loose,
    Close,
    Apart,
}

fn kanji(a: &Part, b: &Part) -> Script {
    let same = fold::same_kanji(&a.folded, &b.folded);
    spelled(a, b, same)
}

fn kana(a: &Part, b: &Part) -> Script {
    spelled(a, b, a.folded == b.folded)
}

fn spelled(a: &Part, b: &Part, same: bool) -> Script {
    if !same {
        close(a, b)
    } else if a.raw == b.raw {
        Script::Raw
    } else if a.length == b.length {
        Script::Folded
    } else {
        Script::Loose
    }
}

fn close(a: &Part, b: &Part) -> Script {
    if likeness(&a.folded, &b.folded) >= CLOSE {
        Script::Close
    } else {
        Script::Apart
    }
}

fn part(kanji: Option<Script>, kana: Option<Script>) -> Level {
    use Script::*;
    let (best, worst) = match (kanji, kana) {
        (None, None) => return Level::Missing,
        (Some(one), None) | (None, Some(one)) => (one, one),
        (Some(one), Some(other)) => (one.min(other), one.max(other)),
    };
    match (best, worst) {
        (Raw, Raw) => Level::Exact,
        (_, Raw | Folded) | (Raw | Folded, Loose) => Level::Folded,
        // One script agrees, the other does not; a long vowel alone makes no agreement.
        (Raw | Folded, _) => Level::Partial,
        (Loose | Close, Loose | Close) => Level::Close,
        _ => Level::Apart,
    }
}

/// Family and given name.
fn names(a: &Folded, b: &Folded) -> (Level, Level) {
    let (a_kanji, b_kanji) = (
        (&a.family_kanji, &a.given_kanji),
        (&b.family_kanji, &b.given_kanji),
    );
    let (a_kana, b_kana) = (
        (&a.family_kana, &a.given_kana),
        (&b.family_kana, &b.given_kana),
    );
    let (family_kanji, given_kanji) = script(a_kanji, b_kanji, kanji);
    let (family_kana, given_kana) = script(a_kana, b_kana, kana);
    let levels = (
        part(family_kanji, family_kana),
        part(given_kanji, given_kana),
    );
    let crossed = crossed(a_kanji, b_kanji) || crossed(a_kana, b_kana);
    match levels {
        (Level::Close | Level::Apart, Level::Close | Level::Apart) if crossed => {
            (Level::Partial, Level::Partial)
        }
        levels => levels,
    }
}

/// Whether family and given name stand in each other's place.
fn crossed(a: Parts<'_>, b: Parts<'_>) -> bool {
    let one = |a: &Option<Part>, b: &Option<Part>| match (a, b) {
        (Some(a), Some(b)) => fold::same_kanji(&a.folded, &b.folded),
        _ => false,
    };
    one(a.0, b.1) && one(a.1, b.0)
}

type Parts<'a> = (&'a Option<Part>, &'a Option<Part>);

/// Both parts of a name in one script. Where a feed does not part names, the other's parts part it.
fn script(
    a: Parts<'_>,
    b: Parts<'_>,
    by: fn(&Part, &Part) -> Script,
) -> (Option<Script>, Option<Script>) {
    match (a, b) {
        ((Some(whole), None), (Some(family), Some(given)))
        | ((Some(family), Some(given)), (Some(whole), None)) => {
            let length = family.length + given.length;
            let (family, given) = parted(&whole.folded, &family.folded, &given.folded);
            // A vowel longer or shorter somewhere: no more than loosely the same.
            let loose = |script: Script| {
                let longer = script == Script::Folded && whole.length != length;
                if longer { Script::Loose } else { script }
            };
            (Some(loose(family)), Some(loose(given)))
        }
        // Neither is parted: nobody knows where the family name ends, so whatever differs may be the given name.
        ((Some(a), None), (Some(b), None)) => match by(a, b) {
            Script::Apart => (None, Some(Script::Apart)),
            alike => (Some(alike), Some(alike)),
        },
        ((a_family, a_given), (b_family, b_given)) => {
            let both = |a: &Option<Part>, b: &Option<Part>| Some(by(a.as_ref()?, b.as_ref()?));
            (both(a_family, b_family), both(a_given, b_given))
        }
    }
}

/// A name that is not parted against one that is. What cannot be read fits one character.
fn parted(whole: &str, family: &str, given: &str) -> (Script, Script) {
    let at = |count: usize| {
        whole
            .char_indices()
            .nth(count)
            .map_or(whole.len(), |(at, _)| at)
    };
    let (head, tail) = whole
        .split_at_checked(at(family.chars().count()))
        .unwrap_or((whole, ""));
    if fold::same_kanji(head, family) {
        return (
            Script::Folded,
            if fold::same_kanji(tail, given) {
                Script::Folded
            } else {
                Script::Apart
            },
        );
    }
    let rest = whole.chars().count().saturating_sub(given.chars().count());
    let (_, tail) = whole.split_at_checked(at(rest)).unwrap_or((whole, ""));
    let given = if fold::same_kanji(tail, given) {
        Script::Folded
    } else {
        Script::Apart
    };
    (Script::Apart, given)
}

/// Eras a clerk confuses: by how many years they are then apart.
const ERA_SLIPS: [u16; 4] = [44, 14, 63, 30];
/// A year too many or too few, as where an era is converted; a decade. With a carry (昭和34 and 35 are 1959 and 1960) it is
/// no slip of one digit.
const YEAR_SLIPS: [u16; 2] = [1, 10];

fn birth(a: &Date, b: &Date) -> Level {
    if a == b {
        return Level::Exact;
    }
    let same_day = (a.month(), a.day()) == (b.month(), b.day());
    let swapped = a.year() == b.year() && (a.month(), a.day()) == (b.day(), b.month());
    let years = a.year().abs_diff(b.year());
    let era = same_day && (ERA_SLIPS.contains(&years) || YEAR_SLIPS.contains(&years));
    if swapped || era || slip(a.digits().into_iter(), b.digits().into_iter()) {
        Level::Close
    } else if same_day || (a.year(), a.month()) == (b.year(), b.month()) {
        Level::Partial
    } else {
        Level::Apart
    }
}

/// One digit another, or two neighbours changed for each other.
fn slip(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> bool {
    let mut others = a.zip(b).enumerate().filter(|(_, (a, b))| a != b);
    match (others.next(), others.next(), others.next()) {
        (Some(_), None, _) => true,
        (Some((n, one)), Some((m, other)), None) => m == n + 1 && one == (other.1, other.0),
        _ => false,
    }
}

fn phone(a: &String, b: &String) -> Level {
    if a == b {
        Level::Exact
    } else if a.len() == b.len() && slip(a.bytes(), b.bytes()) {
        Level::Close
    } else {
        Level::Apart
    }
}

fn address(a: &RawAddress, b: &RawAddress) -> Level {
    let (x, y) = (&a.folded, &b.folded);
    let whole = !x.town.is_empty() && !x.numbers.is_empty();
    if a.raw == b.raw && whole {
        return Level::Exact;
    }
    let same_code = x.postal.is_some() && x.postal == y.postal;
    if other(&x.prefecture, &y.prefecture) || other(&named(&x.city), &named(&y.city)) {
        return if same_code {
            Level::Partial
        } else {
            Level::Apart
        };
    }
    let towns = match (named(&x.town), named(&y.town)) {
        (Some(x), Some(y)) if x == y => Level::Exact,
        (Some(x), Some(y)) if likeness(x, y) >= CLOSE_TOWN => Level::Close,
        (Some(_), Some(_)) => Level::Apart,
        _ => Level::Missing,
    };
    match towns {
        Level::Exact if !x.numbers.is_empty() && x.numbers == y.numbers => Level::Folded,
        Level::Exact | Level::Close if whole && numbers_begin_alike(x, y) => Level::Close,
        Level::Exact => Level::Partial,
        Level::Close => Level::Partial,
        // Only the municipality is known of one of them: it agrees.
        Level::Missing if same_code || named(&x.city).is_some() && x.city == y.city => {
            Level::Partial
        }
        _ if same_code => Level::Partial,
        _ => Level::Apart,
    }
}

fn other<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

fn named(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// One's numbers are the other's beginning, block and house at least.
fn numbers_begin_alike(a: &FoldedAddress, b: &FoldedAddress) -> bool {
    let shared = a.numbers.iter().zip(&b.numbers);
    let length = a.numbers.len().min(b.numbers.len());
    length >= 2 && shared.take(length).all(|(a, b)| a == b)
}

fn insured(a: &FoldedInsured, b: &FoldedInsured) -> Level {
    if a.family != b.family {
        return Level::Apart;
    }
    match (&a.branch, &b.branch) {
        (Some(x), Some(y)) if x != y => Level::Close,
        (Some(_), Some(_)) if a.raw == b.raw => Level::Exact,
        (Some(_), Some(_)) => Level::Folded,
        _ => Level::Partial,
    }
}
