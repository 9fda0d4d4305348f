//! The two languages Sekisho speaks to people in.

use crate::DomainError;
use std::str::FromStr;

/// A language of messages for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// 日本語.
    Ja,
    /// English.
    En,
}

impl Language {
    /// The one of the two that is in this language.
    pub fn pick<T>(self, ja: T, en: T) -> T {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }
    /// The language of a POSIX locale name such as `ja_JP.UTF-8`; English unless it is Japanese.
    pub fn of_locale(locale: &str) -> Self {
        if locale == "ja" || locale.starts_with("ja_") || locale.starts_with("ja.") {
            Self::Ja
        } else {
            Self::En
        }
    }
}

impl FromStr for Language {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        match text {
            "ja" => Ok(Self::Ja),
            "en" => Ok(Self::En),
            _ => Err(DomainError::Code {
                what: "language",
                value: text.chars().take(20).collect(),
                allowed: "ja, en".to_owned(),
            }),
        }
    }
}
