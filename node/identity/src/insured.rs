//! An insured person's number: insurer, symbol, number, branch (保険者番号, 記号, 番号, 枝番).
//!
//! Insurer numbers have 8 digits: law 2, prefecture 2, insurer 3, check 1; municipal ones (国保) are written with 6, and
//! feeds that keep numbers as numbers lose leading zeros. Padded with zeros on the left, all are one. The check digit
//! is Luhn's; fictitious numbers of samples fail it, so it warns and never refuses (clinical-formats §2.1). Without a
//! branch the number is a family's, not a person's.

use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// Digits of an insurer's number.
pub const INSURER_DIGITS: usize = 8;
/// Digits of a branch.
const BRANCH_DIGITS: usize = 2;

/// One insurance as a chart has it, read from what feeds hold by [`Insured::read`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Insured {
    /// The insurer, 8 digits where it could be read as a number.
    pub insurer: String,
    /// The symbol (記号), as written; empty where the insurer has none.
    pub symbol: String,
    /// The number (番号), as written.
    pub number: String,
    /// The person within the number (枝番); older feeds have none.
    pub branch: Option<String>,
}

/// An insurer's number brought to eight digits.
#[derive(Clone, PartialEq, Eq)]
pub struct InsurerNumber {
    /// The digits.
    pub digits: String,
    /// Whether its check digit is right; a wrong one is a warning.
    pub checks: bool,
}

impl InsurerNumber {
    /// Reads an insurer's number of up to eight digits of any width. None where it is none.
    pub fn read(text: &str) -> Option<Self> {
        let digits: String = text
            .nfkc()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .take(INSURER_DIGITS + 1)
            .collect();
        if digits.is_empty()
            || digits.len() > INSURER_DIGITS
            || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let digits = format!("{digits:0>INSURER_DIGITS$}");
        let checks = luhn(&digits);
        Some(Self { digits, checks })
    }
}

/// Whether the last digit is Luhn's of those before it: weights 1, 2, 1, … from the right, sums of digits.
fn luhn(digits: &str) -> bool {
    let weighed = digits.bytes().rev().zip([1u32, 2].into_iter().cycle());
    let sum: u32 = weighed
        .map(|(digit, weight)| {
            let product = u32::from(digit.saturating_sub(b'0')) * weight;
            product / 10 + product % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

impl Insured {
    /// Reads the four parts as feeds hold them. None where insurer or number is missing: the rest says nothing.
    pub fn read(insurer: &str, symbol: &str, number: &str, branch: &str) -> Option<Self> {
        let (insurer, number) = (insurer.trim(), number.trim());
        if insurer.is_empty() || number.is_empty() {
            return None;
        }
        let insurer =
            InsurerNumber::read(insurer).map_or_else(|| insurer.to_owned(), |read| read.digits);
        let branch: String = branch.nfkc().filter(char::is_ascii_digit).collect();
        let branch = (!branch.is_empty() && branch.len() <= BRANCH_DIGITS)
            .then(|| format!("{branch:0>BRANCH_DIGITS$}"));
        Some(Self {
            insurer,
            symbol: symbol.trim().to_owned(),
            number: number.to_owned(),
            branch,
        })
    }
}

impl fmt::Debug for Insured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Insured(withheld, branch: {})", self.branch.is_some())
    }
}

impl fmt::Debug for InsurerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InsurerNumber(withheld, checks: {})", self.checks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insurers_are_brought_to_eight_digits_and_checked() {
        for (text, digits, checks) in [
            ("01130012", "01130012", true),
            ("1130012", "01130012", true),
            ("００１４４１０５", "00144105", true),
            ("144105", "00144105", true),
            ("67999991", "67999991", false),
        ] {
            let read = InsurerNumber::read(text).unwrap();
            assert_eq!(
                (read.digits.as_str(), read.checks),
                (digits, checks),
                "{text}"
            );
        }
        for text in ["", "123456789", "12A4"] {
            assert!(InsurerNumber::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_insurance_without_insurer_or_number_says_nothing() {
        assert!(Insured::read("", "1", "2", "").is_none());
        assert!(Insured::read("01130012", "1", " ", "").is_none());
        let read = Insured::read("1130012", " ７０ ", "123", "1").unwrap();
        assert_eq!(
            (read.symbol.as_str(), read.branch.as_deref()),
            ("７０", Some("01"))
        );
        assert_eq!(Insured::read("1", "2", "3", "x").unwrap().branch, None);
    }
}
