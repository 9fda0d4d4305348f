//! Everything this network has on the ledger about the patient, to take along.

use super::about;
use super::accesses::{Looked, looked};
use super::consents::{Given, Refused, given, records, refused};
use crate::fault::Fault;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Accesses in one download: a lifetime's.
const ALL: usize = 20_000;

#[derive(Template)]
#[template(path = "patient-download.html")]
struct DownloadPage<'a> {
    page: Page<'a>,
    looked: Vec<Looked>,
    given: Vec<Given>,
    refused: Vec<Refused>,
    now: String,
}

/// All of it on one page, to print or keep as PDF.
pub(super) async fn show(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-download-title");
        let looked = looked(&page, &about, None, ALL).await?.0;
        let (given, refused) = (given(&page, &about).await?, refused(&page, &about).await?);
        let now = page.moment(portal.environment.now());
        html(&DownloadPage {
            looked,
            given,
            refused,
            now,
            page,
        })
    })
    .await
}

/// The same for machines, as the ledger has it.
pub(super) async fn json(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let (consents, reservations) = records(&portal, &about).await?;
        let (accesses, _) = super::accesses::rows(&portal, &about, None, ALL).await?;
        let consents: Vec<_> = consents
            .iter()
            .map(|g| json!({ "index": g.granted, "granted_ms": g.granted_at, "withdrawn": g.withdrawn, "consent": g.consent }))
            .collect();
        let reservations: Vec<_> = reservations
            .iter()
            .map(|g| json!({ "index": g.set, "cleared": g.cleared, "reservation": g.reservation }))
            .collect();
        let all = json!({
            "network": portal.settings.network, "facility": about.chart.facility, "made_ms": portal.environment.now(),
            "consents": consents, "reservations": reservations, "accesses": accesses,
        });
        let text = serde_json::to_string_pretty(&all).map_err(|_| Fault::Stopping)?;
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"records.json\"")),
        ];
        Ok((headers, text).into_response())
    })
    .await
}
