//! What can be wrong with a value on its way in.

/// A value that does not fit its type. Keeps the value (never clinical data: these types hold codes,
/// ids and times only) and the bound it broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// A network id must be 1 to 40 characters of `a-z 0-9 -`, starting with a letter or digit.
    #[error(
        "network id {0:?} must be 1 to 40 characters of a-z, 0-9 and '-', not starting with '-'"
    )]
    NetworkId(String),
    /// An agreement id follows the rule of a network id, up to 64 characters.
    #[error(
        "agreement id {0:?} must be 1 to 64 characters of a-z, 0-9 and '-', not starting with '-'"
    )]
    AgreementId(String),
    /// A facility code must be 10 ASCII digits: prefecture 2, fee table or class 1, number 7.
    #[error("facility code {0:?} must be 10 digits: prefecture 2, class 1, number 7")]
    FacilityId(String),
    /// An area is a prefecture, 2 digits 01 to 47, or a municipality, 5 digits.
    #[error("area {0:?} must be a prefecture (2 digits, 01 to 47) or a municipality (5 digits)")]
    AreaCode(String),
    /// A fixed-length byte string of another length.
    #[error("{what} must be {expected_bytes} bytes, got {got_bytes}")]
    Length {
        /// The type's name.
        what: &'static str,
        /// Bytes expected.
        expected_bytes: usize,
        /// Bytes given.
        got_bytes: usize,
    },
    /// Not hexadecimal.
    #[error("{what} {value:?} is not {expected_bytes} bytes in hexadecimal")]
    Hex {
        /// The type's name.
        what: &'static str,
        /// The text given.
        value: String,
        /// Bytes expected.
        expected_bytes: usize,
    },
    /// A code outside its closed enumeration.
    #[error("{value:?} is not a {what}; one of: {allowed}")]
    Code {
        /// The enumeration's name.
        what: &'static str,
        /// The code given.
        value: String,
        /// Every code there is.
        allowed: String,
    },
    /// A number outside its closed enumeration.
    #[error("{number} is not the number of a {what}")]
    Number {
        /// The enumeration's name.
        what: &'static str,
        /// The number given.
        number: i64,
    },
    /// A required field is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// More elements than the named bound allows.
    #[error("{what} holds {got}, at most {max} are allowed")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there were.
        got: usize,
        /// The bound.
        max: usize,
    },
    /// A list that needs at least one element is empty, or a period ends before it starts.
    #[error("{0}")]
    Invalid(&'static str),
}
