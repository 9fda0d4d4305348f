//! The first page: the latest accesses and what stands, for the patient or somebody they speak for.

use super::accesses::{Looked, looked, together};
use super::consents::{Given, given};
use super::question::{Mine, mine};
use super::{about, charts, wire};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_documents::Patient;

/// Accesses on the first page.
const LATEST: usize = 5;
/// Of which so many are looked at: several right after each other are told of as one.
const LOOKED_AT: usize = 50;

#[derive(Template)]
#[template(path = "patient-home.html")]
struct HomePage<'a> {
    page: Page<'a>,
    people: Vec<(usize, String, bool)>,
    represented: bool,
    looked: Vec<Looked>,
    given: Vec<Given>,
    questions: Vec<Mine>,
}

pub(super) async fn show(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-home-title");
        let mut looked = together(looked(&page, &about, None, LOOKED_AT).await?.0);
        looked.truncate(LATEST);
        let given = given(&page, &about)
            .await?
            .into_iter()
            .filter(|given| given.stands)
            .collect();
        let chosen = visitor.session.as_ref().map_or(0, |session| session.chosen);
        let mut people = Vec::new();
        for (n, chart) in charts(&visitor)?.into_iter().enumerate() {
            let name = match n {
                0 => page.t("patient-myself"),
                _ => named(&page, &chart).await,
            };
            people.push((n, name, n == chosen));
        }
        html(&HomePage {
            people,
            represented: about.represented,
            looked,
            given,
            questions: mine(&page, &about).await?,
            page,
        })
    })
    .await
}

/// Somebody this patient speaks for, by name; by number where the charts here do not tell one.
async fn named(page: &Page<'_>, chart: &Patient) -> String {
    let number = chart.local_patient_id.as_str();
    let shown = page.portal.node.shown(wire(chart)).await.ok();
    let who = shown.and_then(|shown| shown.demographics);
    let name = who.and_then(|who| who.kanji.or(who.kana));
    match name {
        Some(name) => {
            let name = format!("{} {}", name.family, name.given);
            page.with2("patient-named", "name", name.trim(), "number", number)
        }
        None => page.with("patient-number", "number", number),
    }
}

/// Goes over to another person's records.
pub(super) async fn choose(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let wanted: usize = sent.field("person").parse().map_err(|_| Fault::NotFound)?;
        if wanted >= charts(&visitor)?.len() {
            return Err(Fault::NotFound);
        }
        if let Some(token) = &visitor.token {
            portal.sessions.choose(token, wanted);
        }
        Ok(see_other("/patient"))
    })
    .await
}
