//! Folding: what is the same is made to look the same (clinical-formats §6.3). NFKC comes first and is not enough;
//! what it leaves is done here: kana, variants of kanji, addresses, telephone and insurance numbers.
//!
//! Folding loses differences on purpose (オノ and オオノ become one), so a folded agreement is never taken for an exact
//! one: comparison keeps both. Every function is total, and folding what is folded changes nothing.

mod address;
mod kana;
mod kanji;
mod postal;
mod variants;

pub use address::{FoldedAddress, address, address_by};
pub use kana::kana;
pub use kanji::{UNREADABLE, kanji, same_kanji};
pub use postal::{PLACES_MAX, Place, PostalFault, PostalTable};

use crate::{Date, Demographics, Name, Sex, TEXT_CHARS_MAX};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Fewest digits of a telephone number that says anything: an extension is nobody's.
const PHONE_DIGITS_MIN: usize = 9;
/// Digits of a postal code.
pub(crate) const POSTAL_DIGITS: usize = 7;

/// NFKC of what is within bounds, without what is neither letter, digit nor one of `keep`; ASCII letters as capitals.
/// Marks that compose with no letter before them go too: their order depends on their neighbours.
pub(crate) fn plain(text: &str, keep: &[char]) -> String {
    let bare = |text: &str| -> String {
        text.nfkc()
            .filter(|c| {
                c.is_alphanumeric() && canonical_combining_class(*c) == 0 || keep.contains(c)
            })
            .collect()
    };
    let bounded: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let once = bare(&bounded);
    // What stood apart may compose once what was between is gone.
    let mut twice = if once.is_ascii() { once } else { bare(&once) };
    twice.make_ascii_uppercase();
    twice
}

/// A telephone number as its national digits: `+81 942-…` and `0942…` are one. None where it is too short to be one.
pub fn phone(text: &str) -> Option<String> {
    let plus = text.nfkc().find(|c| !c.is_whitespace()) == Some('+');
    let digits: String = text
        .nfkc()
        .filter(char::is_ascii_digit)
        .take(TEXT_CHARS_MAX)
        .collect();
    let national = match digits.strip_prefix("0081").or_else(|| {
        let international = plus || digits.len() > 11;
        digits.strip_prefix("81").filter(|_| international)
    }) {
        Some(rest) => format!("0{}", rest.trim_start_matches('0')),
        None => digits,
    };
    (national.len() >= PHONE_DIGITS_MIN).then_some(national)
}

/// A postal code as its seven digits.
pub fn postal_code(text: &str) -> Option<String> {
    let digits: String = text
        .nfkc()
        .filter(char::is_ascii_digit)
        .take(POSTAL_DIGITS + 1)
        .collect();
    (digits.len() == POSTAL_DIGITS).then_some(digits)
}

/// A part of an insured person's number: letters and digits, without leading zeros (feeds pad and strip them).
pub fn insured_part(text: &str) -> String {
    let plain = plain(text, &[]);
    plain.trim_start_matches('0').to_owned()
}

/// One part of a name in one script, raw and folded.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) raw: String,
    pub(crate) folded: String,
    /// Sounds, long vowels as two: a vowel's length is folded away, and still counts.
    pub(crate) length: usize,
}

impl Part {
    fn of(raw: &str, fold: fn(&str) -> String) -> Option<Self> {
        let folded = fold(raw);
        let length = kana::length(raw);
        let raw = raw.chars().take(TEXT_CHARS_MAX).collect();
        folded.chars().any(|c| c != UNREADABLE).then_some(Self {
            raw,
            folded,
            length,
        })
    }
}

/// One insurance, raw and folded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FoldedInsured {
    pub(crate) raw: crate::Insured,
    /// Insurer, symbol and number.
    pub(crate) family: (String, String, String),
    pub(crate) branch: Option<String>,
}

/// An address, raw and folded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RawAddress {
    pub(crate) raw: String,
    pub(crate) folded: FoldedAddress,
}

/// Demographics folded once, to be compared with many.
#[derive(Clone, Default)]
pub struct Folded {
    pub(crate) family_kanji: Option<Part>,
    pub(crate) given_kanji: Option<Part>,
    pub(crate) family_kana: Option<Part>,
    pub(crate) given_kana: Option<Part>,
    pub(crate) birth: Option<Date>,
    pub(crate) sex: Option<Sex>,
    pub(crate) addresses: Vec<RawAddress>,
    pub(crate) phones: Vec<String>,
    pub(crate) insured: Vec<FoldedInsured>,
}

impl Folded {
    /// Folds by the rules alone.
    pub fn of(one: &Demographics) -> Self {
        Self::by(one, None)
    }

    /// Folds with a table of postal codes, where there is one.
    pub fn by(one: &Demographics, table: Option<&PostalTable>) -> Self {
        // Kana in the field for kanji (and the reverse) is folded as what it is.
        let kanji =
            |pick: fn(&Name) -> &str| one.kanji.as_ref().and_then(|n| Part::of(pick(n), kanji));
        let kana =
            |pick: fn(&Name) -> &str| one.kana.as_ref().and_then(|n| Part::of(pick(n), kana));
        let addresses = one.addresses.iter().take(crate::ADDRESSES_MAX);
        let phones = one.phones.iter().take(crate::PHONES_MAX);
        let insured = one.insured.iter().take(crate::INSURED_MAX);
        Self {
            family_kanji: kanji(|n| &n.family),
            given_kanji: kanji(|n| &n.given),
            family_kana: kana(|n| &n.family),
            given_kana: kana(|n| &n.given),
            birth: one.birth,
            sex: one.sex,
            addresses: addresses
                .map(|one| RawAddress {
                    raw: one.text.chars().take(TEXT_CHARS_MAX).collect(),
                    folded: address_by(one, table),
                })
                .filter(|one| one.folded.says())
                .collect(),
            phones: phones.filter_map(|text| phone(text)).collect(),
            insured: insured
                .map(|one| FoldedInsured {
                    raw: one.clone(),
                    family: (
                        insured_part(&one.insurer),
                        insured_part(&one.symbol),
                        insured_part(&one.number),
                    ),
                    branch: one.branch.as_deref().map(insured_part),
                })
                .filter(|one| !one.family.0.is_empty() && !one.family.2.is_empty())
                .collect(),
        }
    }
}

impl std::fmt::Debug for Folded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Folded(withheld)")
    }
}

#[cfg(test)]
#[path = "fold_test.rs"]
mod tests;
