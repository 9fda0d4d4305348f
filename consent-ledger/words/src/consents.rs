//! A patient's consents and reservations as rows of a table.

use crate::Words;
use crate::{listed, names_of, period};
use sekisho_domain::{
    Category, Codes, Consent, FacilityId, FacilitySelector, Language, Purpose, Side, ViewerSelector,
};
use sekisho_ledger::record::{GivenConsent, GivenReservation};

fn facilities<'a>(codes: impl IntoIterator<Item = &'a FacilityId>) -> Words {
    listed(
        codes
            .into_iter()
            .map(|code| Words::new(code.to_string(), code.to_string())),
    )
}

fn categories(set: Option<&Codes<Category>>) -> Words {
    set.map_or_else(
        || Words::new("すべて", "all"),
        |set| names_of!(Category, set),
    )
}

fn purposes(set: Option<&Codes<Purpose>>) -> Words {
    set.map_or_else(
        || Words::new("すべて", "all"),
        |set| names_of!(Purpose, set),
    )
}

fn said(words: Words, language: Language) -> String {
    language.pick(words.ja, words.en)
}

/// What else a consent is limited to, and who gave it: at the other end, by whom, through whom.
fn limits(consent: &Consent) -> Words {
    let mut parts = Vec::new();
    if let Some(set) = &consent.counterpart {
        let set = facilities(set);
        let (ja, en) = match consent.side {
            Side::Disclosing => ("相手施設", "only to"),
            Side::Viewing => ("文書の施設", "only of"),
        };
        parts.push(Words::new(
            format!("{ja} {}", set.ja),
            format!("{en} {}", set.en),
        ));
    }
    if let Some(set) = &consent.practitioners {
        let ids: Vec<_> = set.iter().map(ToString::to_string).collect();
        let ids = ids.join(", ");
        parts.push(Words::new(
            format!("閲覧者 {ids}"),
            format!("only by {ids}"),
        ));
    }
    if let Some(proxy) = consent.proxy {
        parts.push(Words::new(
            format!("代理人 {proxy} 番による"),
            format!("given by proxy {proxy}"),
        ));
    }
    match parts.is_empty() {
        true => Words::new("なし", "none"),
        false => listed(parts),
    }
}

/// Index, side, facilities, other limits, categories, purposes, period, state.
pub fn consent_row(of: &GivenConsent, language: Language) -> [String; 8] {
    let consent = &of.consent;
    let reach = match &consent.facilities {
        FacilitySelector::All => Words::new("全施設", "all facilities"),
        FacilitySelector::Listed(codes) => facilities(codes),
    };
    let purposes = purposes(consent.purposes.as_ref());
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
        said(limits(consent), language),
        said(categories(consent.categories.as_ref()), language),
        said(purposes, language),
        said(period(&consent.period), language),
        said(state, language),
    ]
}

/// Who may not look, whose documents, which categories, for which purposes, period, state.
pub fn reservation_row(of: &GivenReservation, language: Language) -> [String; 6] {
    let reservation = &of.reservation;
    let viewer = match &reservation.viewer {
        ViewerSelector::Anyone => Words::new("すべての閲覧者", "anyone"),
        ViewerSelector::Network(id) => Words::new(id.to_string(), id.to_string()),
        ViewerSelector::Facility(id) => Words::new(id.to_string(), id.to_string()),
        ViewerSelector::Practitioner(id) => {
            Words::new(format!("医師等 {id}"), format!("practitioner {id}"))
        }
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
        said(purposes(reservation.purposes.as_ref()), language),
        said(period(&reservation.period), language),
        said(state, language),
    ]
}
