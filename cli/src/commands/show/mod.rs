//! What people read: days of both calendars, aligned tables, sentences about agreements, consents and decisions.

mod agreements;
mod consents;
mod day;
mod decisions;
mod entries;
mod names;
mod progress;
mod remedy;
mod table;
mod why;

pub(super) use agreements::{agreement, policy, standing};
pub(super) use consents::{consent_row, reservation_row};
pub(super) use day::{Day, moment};
pub(super) use decisions::{basis, decision, footing, outcome};
pub(super) use entries::{entry, entry_kind};
pub(super) use names::Names;
pub(super) use progress::Progress;
pub(super) use remedy::remedy;
pub(super) use table::Table;
pub(super) use why::why;

use crate::ui::Words;
use sekisho_domain::{Code, Codes, Period};

/// Words joined as each language does.
pub(super) fn listed(items: impl IntoIterator<Item = Words>) -> Words {
    let (ja, en): (Vec<_>, Vec<_>) = items.into_iter().map(|w| (w.ja, w.en)).unzip();
    Words::new(ja.join("、"), en.join(", "))
}

/// The names of codes, or that it is all of them.
pub(super) fn codes<T: Code>(
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
macro_rules! names_of {
    ($list:ty, $items:expr) => {
        $crate::commands::show::codes($items, <$list>::ja, <$list>::en)
    };
}
pub(super) use names_of;

/// A period by its first and last day.
pub(super) fn period(period: &Period) -> Words {
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
