//! The page of a visit: who it is, which networks answered, the calendar and the list.

use super::ask::named;
use super::timeline::{Filter, Timeline, lay_out};
use super::visit_of;
use super::visits::{Asked, Listed, Tally, Visit};
use crate::fault::Fault;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use sekisho_domain::{Category, Footing, NetworkOutcome};
use sekisho_identity::Sex;
use std::collections::{BTreeMap, HashMap};

/// How often a page that is still filling asks again, milliseconds.
const FOLLOW_MS: u64 = 400;

/// One network in the bar.
struct Bar {
    name: String,
    words: String,
    class: &'static str,
    mark: &'static str,
    footing: String,
    ms: Option<u64>,
}

/// One row of the list.
struct Row {
    number: usize,
    day: String,
    category: String,
    title: String,
    facility: String,
    networks: String,
    superseded: bool,
    opened: bool,
    /// Its size, where it is too large to be shown.
    large: Option<String>,
}

/// A patient's own data, as the head of a page shows them.
pub(super) struct Who {
    pub name: String,
    pub kana: String,
    pub birth: String,
    pub sex: &'static str,
    pub number: String,
    /// The declared disaster it is looked at under.
    pub disaster: Option<String>,
}

impl Who {
    pub fn of(page: &Page<'_>, visit: &Visit) -> Self {
        let who = visit.who.as_ref();
        let kana = who.and_then(|who| who.kana.as_ref());
        let sex = who
            .and_then(|who| who.sex)
            .map_or("clinician-sex-unknown", |sex| match sex {
                Sex::Male => "clinician-sex-male",
                Sex::Female => "clinician-sex-female",
                Sex::Other => "clinician-sex-other",
            });
        let birth = who.and_then(|who| who.birth).map(|birth| birth.to_string());
        let disaster = visit.asker.disaster.as_ref();
        Self {
            name: named(page, visit),
            kana: kana.map_or_else(String::new, |kana| {
                format!("{} {}", kana.family, kana.given)
            }),
            birth: birth
                .map(|day| both_calendars(page, &day))
                .unwrap_or_default(),
            sex,
            number: visit.asker.patient.local_patient_id.as_str().to_owned(),
            disaster: disaster.map(|declared| declared.name(page.visitor.language)),
        }
    }
}

/// A day as this page's readers write it.
fn both_calendars(page: &Page<'_>, day: &str) -> String {
    match sekisho_words::Day::of_record(day) {
        Some(day) => page.visitor.language.pick(day.ja(), day.en()),
        None => day.to_owned(),
    }
}

#[derive(Template)]
#[template(path = "clinician-visit.html")]
struct VisitPage<'a> {
    page: Page<'a>,
    visit: &'a Visit,
    who: Who,
    purpose: &'a str,
    index: Option<u64>,
    over: bool,
    fault: Option<String>,
    cut: bool,
    bars: Vec<Bar>,
    tally: Tally,
    again: usize,
    consent: bool,
    timeline: Timeline,
    filter: Filter,
    facilities: BTreeMap<String, String>,
    rows: Vec<Row>,
    here: String,
}

impl VisitPage<'_> {
    fn facility<'f>(&'f self, code: &'f str) -> &'f str {
        self.facilities.get(code).map_or(code, String::as_str)
    }

    fn month(&self, column: &usize) -> Option<&str> {
        self.timeline.months.get(*column).map(String::as_str)
    }

    fn month_query(&self, facility: &str, month: &str) -> String {
        self.filter.query(0, Some(facility), Some(month))
    }

    fn page_query(&self, page: usize) -> String {
        self.filter.query(
            page,
            self.filter.facility.as_deref(),
            self.filter.month.as_deref(),
        )
    }

    fn is_category(&self, category: &Category) -> bool {
        self.filter.category == Some(*category)
    }

    fn is_facility(&self, code: &str) -> bool {
        self.filter.facility.as_deref() == Some(code)
    }

    fn narrowed(&self) -> bool {
        self.filter.category.is_some()
            || self.filter.facility.is_some()
            || self.filter.month.is_some()
            || self.filter.superseded
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    answered(&portal, &visitor, page(&portal, &visitor, &id, &query)).await
}

async fn page(
    portal: &Portal,
    visitor: &Visitor,
    id: &str,
    query: &HashMap<String, String>,
) -> Result<Response, Fault> {
    let visit = visit_of(portal, visitor, id)?;
    let filter = Filter::read(|name| query.get(name).cloned());
    let come = visit.come().clone();
    let timeline = lay_out(&come.documents, &filter);
    let facilities = names::facilities(portal, timeline.facilities.iter().cloned()).await?;
    let networks = names::networks(portal).await?;
    let frame = Page::new(portal, visitor, "clinician-visit-title");
    let bars: Vec<Bar> = come
        .networks
        .iter()
        .map(|(network, asked)| {
            bar(
                &frame,
                networks
                    .get(network.as_str())
                    .map_or(network.as_str(), String::as_str),
                asked,
            )
        })
        .collect();
    let row = |number: &usize| {
        let document = come.documents.get(*number)?;
        Some(row(
            &frame,
            *number,
            document,
            &facilities,
            &networks,
            visit.opened(*number).is_some(),
        ))
    };
    let rows = timeline.rows.iter().filter_map(row).collect();
    let consent = come.networks.values().any(|asked| {
        matches!(asked, Asked::Ended { outcome: NetworkOutcome::Denied { reason }, .. } if reason.is_the_patients_will())
    });
    let tally = come.tally();
    let here = match timeline.page {
        0 if filter == Filter::default() => format!("/clinician/visit/{id}"),
        at => format!(
            "/clinician/visit/{id}?{}",
            filter.query(at, filter.facility.as_deref(), filter.month.as_deref())
        ),
    };
    let purpose = &visit.asker.purpose;
    let who = Who::of(&frame, &visit);
    html(&VisitPage {
        purpose: frame.pick(purpose.ja(), purpose.en()),
        who,
        index: come.decided.map(|(index, _)| index),
        over: come.over,
        fault: come.fault.map(|id| frame.t(id)),
        cut: come.cut,
        again: come
            .networks
            .values()
            .filter(|asked| asked.may_be_asked_again())
            .count(),
        visit: &visit,
        page: frame,
        bars,
        tally,
        consent,
        timeline,
        filter,
        facilities,
        rows,
        here,
    })
}

/// Colour, mark and words all say the same.
fn bar(page: &Page<'_>, name: &str, asked: &Asked) -> Bar {
    let (words, class, mark, ms, footing) = match asked {
        Asked::Waiting => (page.t("clinician-waiting"), "wait", "…", None, None),
        Asked::Ended {
            outcome,
            elapsed_ms,
            footing,
        } => {
            let words = page.visitor.language.pick(outcome.ja(), outcome.en());
            let (class, mark) = match outcome {
                NetworkOutcome::Answered { .. } => ("good", "○"),
                NetworkOutcome::PatientUnknown => ("plain", "－"),
                NetworkOutcome::Denied { .. } => ("bad", "×"),
                _ => ("warn", "△"),
            };
            (words, class, mark, Some(*elapsed_ms), *footing)
        }
    };
    let footing = footing.filter(|footing| *footing != Footing::Consent);
    let footing = footing.map(|footing| page.pick(footing.ja(), footing.en()).to_owned());
    Bar {
        name: name.to_owned(),
        words,
        class,
        mark,
        footing: footing.unwrap_or_default(),
        ms,
    }
}

fn row(
    page: &Page<'_>,
    number: usize,
    document: &Listed,
    facilities: &BTreeMap<String, String>,
    networks: &BTreeMap<String, String>,
    opened: bool,
) -> Row {
    let day = sekisho_words::Day::of(document.service);
    let names = document
        .networks
        .iter()
        .map(|n| networks.get(n.as_str()).map_or(n.as_str(), String::as_str));
    Row {
        number,
        day: page.visitor.language.pick(day.ja(), day.en()),
        category: page
            .pick(document.category.ja(), document.category.en())
            .to_owned(),
        title: page.pick(&document.title.0, &document.title.1).to_owned(),
        facility: facilities
            .get(&document.facility)
            .unwrap_or(&document.facility)
            .clone(),
        networks: names.collect::<Vec<_>>().join(page.pick("、", ", ")),
        superseded: document.superseded,
        opened,
        large: document
            .is_large()
            .then(|| format!("{} MiB", document.size_bytes.div_ceil(1 << 20))),
    }
}
