//! Salted commitments: how a detail is bound to a leaf without being on the ledger (P11).
//!
//! The salt and the value stay with the two parties, and go into a proof bundle as an [`Opening`] when
//! an officer asks. Once the salt is destroyed the commitment says nothing about the value, not even to
//! one who can guess it.
//!
//! ```text
//! commitment = SHA-256( field(tag) || field(salt) || field(label) || field(value) )
//! field(x)   = length of x in bytes, u64 big-endian || x         tag = "sekisho/commitment/v1"
//! ```
//!
//! Every field carries its length, so no two different openings share an encoding.

use crate::ProofError;
use sekisho_domain::Commitment;
use sha2::{Digest, Sha256};
use std::fmt;

/// Domain separation: changes whenever the encoding does.
const TAG: &[u8] = b"sekisho/commitment/v1";
/// Longest label of an opening: labels are short fixed words of the entry kinds.
pub const LABEL_BYTES_MAX: usize = 64;
/// Longest value of an opening: what is committed to is a detail of an entry, whose body is at most
/// 16 KiB, so this leaves room for details longer than the entry itself could have held.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// 32 random bytes, made by the caller from a secure random source, fresh for every commitment: one
/// salt used twice would let an equal value be recognised. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; Salt::LEN]);

impl Salt {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// The salt of these bytes.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes, for keeping beside the value or for a proof bundle.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// Commits to a value under a label, which says what the value is.
pub fn commit(salt: &Salt, label: &str, value: &[u8]) -> Commitment {
    let mut hasher = Sha256::new();
    for field in [TAG, &salt.0, label.as_bytes(), value] {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field);
    }
    Commitment(hasher.finalize().into())
}

/// What opens a commitment: label, salt and value. The value may be about a person: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    label: String,
    salt: Salt,
    value: Vec<u8>,
}

impl Opening {
    /// An opening.
    ///
    /// # Errors
    /// [`ProofError::OpeningForm`] if the label is not 1 to [`LABEL_BYTES_MAX`] bytes of
    /// `a-z 0-9 - . /`, or the value is over [`VALUE_BYTES_MAX`].
    pub fn new(label: impl Into<String>, salt: Salt, value: Vec<u8>) -> Result<Self, ProofError> {
        let label = label.into();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-./".contains(&b);
        if !(1..=LABEL_BYTES_MAX).contains(&label.len()) || !label.bytes().all(plain) {
            return Err(ProofError::OpeningForm(
                "the label must be 1 to 64 characters of a-z, 0-9, '-', '.' and '/'",
            ));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(ProofError::OpeningForm("the value is over 64 KiB"));
        }
        Ok(Self { label, salt, value })
    }

    /// What the value is.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The salt.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The commitment this opens.
    pub fn commitment(&self) -> Commitment {
        commit(&self.salt, &self.label, &self.value)
    }

    /// Checks that this opens the commitment.
    ///
    /// # Errors
    /// [`ProofError::CommitmentMismatch`] with the label.
    pub fn verify(&self, expected: &Commitment) -> Result<(), ProofError> {
        if self.commitment() == *expected {
            return Ok(());
        }
        Err(ProofError::CommitmentMismatch {
            label: self.label.clone(),
            expected: *expected,
        })
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn salt() -> Salt {
        Salt::from_bytes(std::array::from_fn(|i| i as u8))
    }

    /// Golden: these were worked out apart from this code, from the picture in the module's opening.
    #[test]
    fn the_encoding_never_changes() {
        let cases: [(&str, &[u8], &str); 3] = [
            (
                "",
                b"",
                "99faedb787e43c223cffcfddad963464083d4bb208cd6e3a2546597b003038b8",
            ),
            (
                "request/practitioner",
                b"P-0001",
                "14eb2cc993075b6bd6ea8e7816eabbfe45bd9b8cbaf2ab08d668f2cf4d23ac75",
            ),
            (
                "notice",
                "\u{5229}\u{7528}\u{76ee}\u{7684}".as_bytes(),
                "e33e87eb0e076aee27a5156fc5e1833321027ed22095897a67f0a0f06f2859cb",
            ),
        ];
        for (label, value, expected) in cases {
            assert_eq!(
                commit(&salt(), label, value).to_string(),
                expected,
                "{label:?}"
            );
        }
    }

    #[test]
    fn only_the_same_salt_label_and_value_open_it() {
        let opening = |label, first: u8, value: &[u8]| {
            let mut bytes = *salt().as_bytes();
            bytes[0] = first;
            Opening::new(label, Salt::from_bytes(bytes), value.to_vec()).expect("within bounds")
        };
        let expected = opening("ab", 0, b"c").commitment();
        assert_eq!(opening("ab", 0, b"c").verify(&expected), Ok(()));
        for wrong in [
            opening("a", 0, b"bc"),
            opening("ab", 1, b"c"),
            opening("ab", 0, b"d"),
            opening("ab", 0, b""),
        ] {
            let label = wrong.label().to_owned();
            assert_eq!(
                wrong.verify(&expected),
                Err(ProofError::CommitmentMismatch { label, expected })
            );
        }
    }

    #[test]
    fn an_opening_has_bounds() {
        let long = "a".repeat(LABEL_BYTES_MAX + 1);
        for label in ["", "A", "a b", "a\n", "\u{540d}", long.as_str()] {
            assert!(
                matches!(
                    Opening::new(label, salt(), vec![]),
                    Err(ProofError::OpeningForm(_))
                ),
                "{label:?}"
            );
        }
        assert!(Opening::new(&long[1..], salt(), vec![0; VALUE_BYTES_MAX]).is_ok());
        assert!(Opening::new("a", salt(), vec![0; VALUE_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn neither_salt_nor_value_is_shown() {
        let opening = Opening::new("l", Salt::from_bytes([0xab; 32]), b"value".to_vec())
            .expect("within bounds");
        assert_eq!(
            format!("{opening:?} {:?}", opening.salt()),
            r#"Opening { label: "l", .. } Salt(..)"#
        );
        let error = opening
            .verify(&Commitment([0; 32]))
            .expect_err("another commitment");
        assert!(!format!("{error:?} {error}").contains("value"));
    }

    proptest! {
        #[test]
        fn different_openings_differ(a in "[a-c]{0,4}", b in "[a-c]{0,4}", c in "[a-c]{0,4}", d in "[a-c]{0,4}") {
            let same = a == c && b == d;
            prop_assert_eq!(commit(&salt(), &a, b.as_bytes()) == commit(&salt(), &c, d.as_bytes()), same);
        }
    }
}
