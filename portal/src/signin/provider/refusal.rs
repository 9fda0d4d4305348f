//! Why somebody whom a provider sent is not let in: in logs and metrics, and to themselves.

use axum::http::StatusCode;

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not begun in this browser, taken already, or too long ago.
    Stale,
    /// Answered for another one's sign-in, or by another issuer.
    Mixed,
    /// They or the provider said no.
    Declined,
    /// The provider does not take the code.
    Code,
    /// The token is not signed by the provider, not for this portal or not of this time.
    Token,
    /// Nothing they are there is anything here.
    Unmapped,
    /// They are more than one thing.
    Several,
    /// A claim that belongs to what they are is missing or malformed.
    Incomplete,
    /// Officers sign in, and emergencies are declared, with more than was shown.
    Weak,
    /// Their account here is disabled.
    Disabled,
    /// Signed in again as somebody else.
    Other,
    /// The provider cannot be reached.
    Down,
}

impl Refusal {
    /// All of them, in the order they are counted.
    pub const ALL: [Self; 12] = [
        Self::Stale,
        Self::Mixed,
        Self::Declined,
        Self::Code,
        Self::Token,
        Self::Unmapped,
        Self::Several,
        Self::Incomplete,
        Self::Weak,
        Self::Disabled,
        Self::Other,
        Self::Down,
    ];

    /// In logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Mixed => "mixed",
            Self::Declined => "declined",
            Self::Code => "code",
            Self::Token => "token",
            Self::Unmapped => "unmapped",
            Self::Several => "several",
            Self::Incomplete => "incomplete",
            Self::Weak => "weak",
            Self::Disabled => "disabled",
            Self::Other => "other",
            Self::Down => "down",
        }
    }

    /// The status of the page that says so, and its text.
    pub(super) fn said(self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::Stale => (S::FORBIDDEN, "signin-provider-stale"),
            Self::Declined => (S::FORBIDDEN, "signin-provider-declined"),
            Self::Mixed | Self::Code | Self::Token => (S::FORBIDDEN, "signin-provider-refused"),
            Self::Unmapped => (S::FORBIDDEN, "signin-provider-unmapped"),
            Self::Several => (S::FORBIDDEN, "signin-provider-several"),
            Self::Incomplete => (S::FORBIDDEN, "signin-provider-incomplete"),
            Self::Weak => (S::FORBIDDEN, "signin-provider-weak"),
            Self::Disabled => (S::FORBIDDEN, "signin-provider-disabled"),
            Self::Other => (S::FORBIDDEN, "signin-provider-other"),
            Self::Down => (S::SERVICE_UNAVAILABLE, "signin-provider-down"),
        }
    }
}
