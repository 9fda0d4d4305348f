//! What the patient agreed to and refused, in plain words, with limits and end dates.

use super::{About, about};
use crate::fault::Fault;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::{
    Category, Codes, FacilitySelector, Language, Purpose, Side, TimeMs, ViewerSelector,
};
use sekisho_ledger::record::{GivenConsent, GivenReservation};
use std::collections::BTreeMap;

/// A consent in words.
pub(super) struct Given {
    pub index: u64,
    pub side: Side,
    pub what: String,
    pub facilities: Vec<String>,
    pub limits: Vec<String>,
    pub since: String,
    pub until: String,
    pub way: String,
    pub stands: bool,
    pub ended: String,
}

/// A refusal in words.
pub(super) struct Refused {
    pub index: u64,
    pub viewer: String,
    pub what: String,
    pub stands: bool,
}

#[derive(Template)]
#[template(path = "patient-consents.html")]
struct ConsentsPage<'a> {
    page: Page<'a>,
    given: Vec<Given>,
    refused: Vec<Refused>,
    represented: bool,
}

pub(super) async fn show(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-consents-title");
        let (given, refused) = (given(&page, &about).await?, refused(&page, &about).await?);
        html(&ConsentsPage {
            given,
            refused,
            represented: about.represented,
            page,
        })
    })
    .await
}

/// What stands on the ledger of this patient, both sides, newest first.
pub(super) async fn records(
    portal: &Portal,
    about: &About,
) -> Result<(Vec<GivenConsent>, Vec<GivenReservation>), Fault> {
    let (Some(subject), network) = (about.subject, portal.settings.network.clone()) else {
        return Ok((Vec::new(), Vec::new()));
    };
    let records = portal.ask(move |snapshot| {
        let view = snapshot.view();
        let mut consents = view.consents_of(&network, &subject, Side::Viewing)?;
        consents.extend(view.consents_of(&network, &subject, Side::Disclosing)?);
        consents.sort_by_key(|given| std::cmp::Reverse(given.granted));
        let mut reservations = view.reservations_of(&network, &subject)?;
        reservations.sort_by_key(|given| std::cmp::Reverse(given.set));
        Ok((consents, reservations))
    });
    Ok(records.await?)
}

pub(super) async fn given(page: &Page<'_>, about: &About) -> Result<Vec<Given>, Fault> {
    let (consents, _) = records(page.portal, about).await?;
    let named = consents.iter().flat_map(|given| {
        let reached = match &given.consent.facilities {
            FacilitySelector::All => Vec::new(),
            FacilitySelector::Listed(set) => set.iter().map(ToString::to_string).collect(),
        };
        let others = given
            .consent
            .counterpart
            .iter()
            .flatten()
            .map(ToString::to_string);
        reached.into_iter().chain(others).collect::<Vec<_>>()
    });
    let names = names::facilities(page.portal, named).await?;
    let now = page.portal.environment.now();
    Ok(consents
        .iter()
        .map(|given| one(page, given, &names, now))
        .collect())
}

fn one(
    page: &Page<'_>,
    given: &GivenConsent,
    names: &BTreeMap<String, String>,
    now: TimeMs,
) -> Given {
    let consent = &given.consent;
    let name = |code: &str| names.get(code).cloned().unwrap_or_else(|| code.to_owned());
    let facilities = match &consent.facilities {
        FacilitySelector::All => vec![page.t("patient-all-facilities")],
        FacilitySelector::Listed(set) => set.iter().map(|code| name(code.as_str())).collect(),
    };
    let what = match consent.side {
        Side::Viewing => page.t("patient-consent-viewing"),
        Side::Disclosing => page.t("patient-consent-disclosing"),
    };
    let mut limits = Vec::new();
    if let Some(set) = &consent.categories {
        limits.push(page.with("patient-limit-categories", "list", categories(page, set)));
    }
    if let Some(set) = &consent.purposes {
        let list: Vec<&str> = set
            .iter()
            .map(|p: Purpose| page.pick(p.ja(), p.en()))
            .collect();
        limits.push(page.with("patient-limit-purposes", "list", list.join(comma(page))));
    }
    if let Some(set) = &consent.counterpart {
        let list: Vec<String> = set.iter().map(|code| name(code.as_str())).collect();
        limits.push(page.with("patient-limit-others", "list", list.join(comma(page))));
    }
    if consent.practitioners.is_some() {
        limits.push(page.t("patient-limit-practitioners"));
    }
    if consent.proxy.is_some() {
        limits.push(page.t("patient-limit-proxy"));
    }
    let over = consent.period.has_ended(now);
    let ended = match (given.withdrawn, over) {
        (Some(index), _) => page.with("patient-consent-withdrawn", "index", index.0),
        (None, true) => page.t("patient-consent-over"),
        (None, false) => String::new(),
    };
    Given {
        index: given.granted.0,
        side: consent.side,
        what,
        facilities,
        limits,
        since: page.moment(given.granted_at),
        until: consent
            .period
            .until
            .map_or_else(|| page.t("patient-no-end"), |until| last_day(page, until)),
        way: page
            .pick(consent.capture.ja(), consent.capture.en())
            .to_owned(),
        stands: given.withdrawn.is_none() && !over,
        ended,
    }
}

/// What ends at midnight is last valid the day before.
fn last_day(page: &Page<'_>, until: TimeMs) -> String {
    let day = sekisho_words::Day::of(TimeMs(until.0.saturating_sub(1)));
    page.with(
        "patient-until",
        "day",
        page.visitor.language.pick(day.ja(), day.en()),
    )
}

fn comma(page: &Page<'_>) -> &'static str {
    match page.visitor.language {
        Language::Ja => "、",
        Language::En => ", ",
    }
}

pub(super) fn categories(page: &Page<'_>, set: &Codes<Category>) -> String {
    let list: Vec<&str> = set
        .iter()
        .map(|c: Category| page.pick(c.ja(), c.en()))
        .collect();
    list.join(comma(page))
}

pub(super) async fn refused(page: &Page<'_>, about: &About) -> Result<Vec<Refused>, Fault> {
    let (_, reservations) = records(page.portal, about).await?;
    let named = reservations
        .iter()
        .filter_map(|given| match &given.reservation.viewer {
            ViewerSelector::Facility(id) => Some(id.to_string()),
            _ => None,
        });
    let facilities = names::facilities(page.portal, named).await?;
    let networks = names::networks(page.portal).await?;
    let now = page.portal.environment.now();
    let one = |given: &GivenReservation| {
        let reservation = &given.reservation;
        let viewer = match &reservation.viewer {
            ViewerSelector::Anyone => page.t("patient-refuse-anyone"),
            ViewerSelector::Network(id) => networks
                .get(id.as_str())
                .cloned()
                .unwrap_or_else(|| id.to_string()),
            ViewerSelector::Facility(id) => facilities
                .get(id.as_str())
                .cloned()
                .unwrap_or_else(|| id.to_string()),
            ViewerSelector::Practitioner(_) => page.t("patient-refuse-practitioner"),
        };
        let what = match &reservation.categories {
            None => page.t("patient-refuse-everything"),
            Some(set) => categories(page, set),
        };
        Refused {
            index: given.set.0,
            viewer,
            what,
            stands: given.cleared.is_none() && !reservation.period.has_ended(now),
        }
    };
    Ok(reservations.iter().map(one).collect())
}
