//! What people read of the ledger: days of both calendars, sentences about agreements, consents, accesses, decisions and
//! proofs, in Japanese and in English. The command line and the pages say the same thing in the same words.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod access;
mod agreements;
mod consents;
mod day;
mod decisions;
mod entries;
mod fault;
mod names;
mod proof;
mod remedy;
mod why;

pub use access::{asked, decided, went};
pub use agreements::{agreement, policy, standing};
pub use consents::{consent_row, reservation_row};
pub use day::{Day, NotADay, moment};
pub use decisions::{basis, decision, footing, outcome};
pub use entries::{entry, entry_kind};
pub use fault::words as fault;
pub use names::Names;
pub use proof::{alone, pairs, proof, shown};
pub use remedy::remedy;
pub use why::why;

use sekisho_domain::{Code, Codes, Period};

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// In Japanese.
    pub ja: String,
    /// In English.
    pub en: String,
}

impl Words {
    /// Both at once.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            ja: ja.into(),
            en: en.into(),
        }
    }
}

/// Words joined as each language does.
pub fn listed(items: impl IntoIterator<Item = Words>) -> Words {
    let (ja, en): (Vec<_>, Vec<_>) = items.into_iter().map(|w| (w.ja, w.en)).unzip();
    Words::new(ja.join("、"), en.join(", "))
}

/// The names of codes, or that it is all of them.
pub fn codes<T: Code>(
    items: &Codes<T>,
    ja: fn(T) -> &'static str,
    en: fn(T) -> &'static str,
) -> Words {
    if *items == Codes::all() {
        return Words::new("すべて", "all");
    }
    listed(items.iter().map(|item| Words::new(ja(item), en(item))))
}

/// [`codes`] of one of the domain's code lists.
#[macro_export]
macro_rules! names_of {
    ($list:ty, $items:expr) => {
        $crate::codes($items, <$list>::ja, <$list>::en)
    };
}

/// A period by its first and last day.
pub fn period(period: &Period) -> Words {
    let from = Day::of(period.from);
    match period.until {
        None => Words::new(format!("{}から", from.ja()), format!("from {}", from.en())),
        Some(until) => {
            // What ends at midnight is last valid the day before.
            let last = Day::of(sekisho_domain::TimeMs(until.0.saturating_sub(1)));
            Words::new(
                format!("{}から{}まで", from.ja(), last.ja()),
                format!("from {} to {}", from.en(), last.en()),
            )
        }
    }
}
