//! A patient's consents and reservations as rows of a table.

use super::{listed, names_of, period};
use crate::ui::Words;
use sekisho_domain::{
    Category, FacilityId, FacilitySelector, Language, Purpose, Side, ViewerSelector,
};
use sekisho_ledger::record::{GivenConsent, GivenReservation};
use std::collections::BTreeSet;

fn facilities<'a>(codes: impl IntoIterator<Item = &'a FacilityId>) -> Words {
    listed(
        codes
            .into_iter()
            .map(|code| Words::new(code.to_string(), code.to_string())),
    )
}

fn categories(set: Option<&BTreeSet<Category>>) -> Words {
    set.map_or_else(
        || Words::new("すべて", "all"),
        |set| names_of!(Category, set),
    )
}

fn said(words: Words, language: Language) -> String {
    language.pick(words.ja, words.en)
}

/// Index, side, facilities, categories, purposes, period, state.
pub(in crate::commands) fn consent_row(of: &GivenConsent, language: Language) -> [String; 7] {
    let consent = &of.consent;
    let reach = match &consent.facilities {
        FacilitySelector::All => Words::new("全施設", "all facilities"),
        FacilitySelector::Listed(codes) => facilities(codes),
    };
    let purposes = match &consent.purposes {
        Some(set) => names_of!(Purpose, set),
        None => Words::new("すべて", "all"),
    };
    let state = match of.withdrawn {
        Some(index) => Words::new(
            format!("撤回済み（{index} 番）"),
            format!("withdrawn ({index})"),
        ),
        None => Words::new("有効な同意", "given"),
    };
    [
        of.granted.to_string(),
        language
            .pick(Side::ja(consent.side), Side::en(consent.side))
            .to_owned(),
        said(reach, language),
        said(categories(consent.categories.as_ref()), language),
        said(purposes, language),
        said(period(&consent.period), language),
        said(state, language),
    ]
}

/// Who may not look, whose documents, which categories, period, state.
pub(in crate::commands) fn reservation_row(
    of: &GivenReservation,
    language: Language,
) -> [String; 5] {
    let reservation = &of.reservation;
    let viewer = match &reservation.viewer {
        ViewerSelector::Anyone => Words::new("すべての閲覧者", "anyone"),
        ViewerSelector::Network(id) => Words::new(id.to_string(), id.to_string()),
        ViewerSelector::Facility(id) => Words::new(id.to_string(), id.to_string()),
    };
    let documents = match &reservation.disclosing_facilities {
        Some(codes) => facilities(codes),
        None => Words::new("全施設", "all facilities"),
    };
    let state = match of.cleared {
        Some(index) => Words::new(
            format!("解除済み（{index} 番）"),
            format!("lifted ({index})"),
        ),
        None => Words::new("有効な留保", "set"),
    };
    [
        said(viewer, language),
        said(documents, language),
        said(categories(reservation.categories.as_ref()), language),
        said(period(&reservation.period), language),
        said(state, language),
    ]
}
