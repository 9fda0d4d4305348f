//! Everything this network has on the ledger about the patient, to take along.

use super::about;
use super::accesses::{Looked, looked};
use super::consents::{Given, Refused, given, records, refused};
use crate::fault::Fault;
use crate::page::{Page, Visitor, answered, html};
use crate::paper::{Line, pdf};
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
    /// What is not in it, if anything.
    missing: Vec<String>,
    now: String,
}

/// What of the accesses is not in a download: those not read from the ledger yet, and those before the oldest of it.
fn missing(page: &Page<'_>, older: Option<u64>) -> Vec<String> {
    let behind = page.portal.rows.behind();
    let behind = (behind > 0).then(|| page.with("patient-behind", "count", behind));
    let older = older.map(|oldest| page.with("patient-download-older", "number", oldest));
    behind.into_iter().chain(older).collect()
}

/// All of it on one page, to read or print.
pub(super) async fn show(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-download-title");
        let (looked, older) = looked(&page, &about, None, ALL).await?;
        let (given, refused) = (given(&page, &about).await?, refused(&page, &about).await?);
        let now = page.moment(portal.environment.now());
        html(&DownloadPage {
            missing: missing(&page, older),
            looked,
            given,
            refused,
            now,
            page,
        })
    })
    .await
}

/// The same as a file to keep.
pub(super) async fn paper(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-download-title");
        let (looked, older) = looked(&page, &about, None, ALL).await?;
        let (given, refused) = (given(&page, &about).await?, refused(&page, &about).await?);
        let now = page.moment(portal.environment.now());
        let lines = lines(&page, now, missing(&page, older), &looked, &given, &refused);
        let file = pdf(&page.t(page.title), page.code(), &lines);
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
            (
                CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment; filename=\"records.pdf\""),
            ),
        ];
        Ok((headers, file).into_response())
    })
    .await
}

fn lines(
    page: &Page<'_>,
    now: String,
    missing: Vec<String>,
    looked: &[Looked],
    given: &[Given],
    refused: &[Refused],
) -> Vec<Line> {
    let heading = |id| Line::Heading(page.t(id));
    let number = |index: u64| {
        let (what, colon) = (page.t("patient-fact-number"), page.pick("：", ": "));
        Line::Under(format!("{what}{colon}{index}"))
    };
    let mut all = vec![
        heading(page.title),
        Line::Text(page.network().to_owned()),
        Line::Under(page.with("patient-download-made", "when", now)),
    ];
    all.extend(missing.into_iter().map(Line::Text));
    all.push(heading("patient-agreed"));
    if given.is_empty() {
        all.push(Line::Text(page.t("patient-agreed-nothing")));
    }
    for one in given {
        all.push(Line::Text(one.what.clone()));
        all.push(Line::Under(one.facilities.join(page.pick("、", ", "))));
        all.extend(one.limits.iter().cloned().map(Line::Under));
        let since = page.with2("patient-consent-since", "when", &one.since, "way", &one.way);
        all.push(Line::Under(format!("{since} {}", one.until)));
        let state = match one.stands {
            true => page.t("patient-stands"),
            false => one.ended.clone(),
        };
        all.push(Line::Under(state));
        all.push(number(one.index));
    }
    all.push(heading("patient-refused"));
    if refused.is_empty() {
        all.push(Line::Text(page.t("patient-refused-nothing")));
    }
    for one in refused {
        let said = page.with2(
            "patient-refused-one",
            "viewer",
            &one.viewer,
            "what",
            &one.what,
        );
        all.push(Line::Text(said));
        if !one.stands {
            all.push(Line::Under(page.t("patient-lifted")));
        }
        all.push(number(one.index));
    }
    all.push(heading("patient-accesses-title"));
    if looked.is_empty() {
        all.push(Line::Text(page.t("patient-nobody-looked")));
    }
    for one in looked {
        let place = page.with2(
            "patient-looked-where",
            "facility",
            &one.facility,
            "network",
            &one.network,
        );
        all.push(Line::Text(format!("{}　{place}", one.when)));
        all.push(Line::Under(match &one.who {
            Some(who) => page.with2(
                "patient-looked-who",
                "who",
                who,
                "profession",
                &one.profession,
            ),
            None => page.with(
                "patient-looked-who-elsewhere",
                "profession",
                &one.profession,
            ),
        }));
        all.push(Line::Under(page.with2(
            "patient-looked-what",
            "what",
            &one.what,
            "purpose",
            &one.purpose,
        )));
        if one.emergency {
            all.push(Line::Under(page.t("patient-emergency")));
        }
        for (said, names) in [
            ("patient-seen", &one.seen),
            ("patient-not-seen", &one.refused),
        ] {
            if !names.is_empty() {
                let names = names.join(page.pick("、", ", "));
                all.push(Line::Under(format!("{} {names}", page.t(said))));
            }
        }
        if one.went {
            all.push(Line::Under(page.t("patient-went")));
        }
        all.push(number(one.index));
    }
    all
}

/// The same for machines, as the ledger has it.
pub(super) async fn json(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let (consents, reservations) = records(&portal, &about).await?;
        let (accesses, older) = super::accesses::rows(&portal, &about, None, ALL).await?;
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
            // Leaves of the ledger not read yet, and the oldest access of this file if there are older ones.
            "leaves_behind": portal.rows.behind(), "older_than": older,
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::accounts::Kind;
    use crate::testing::Town;
    use serde_json::Value;

    /// Nothing of the ledger has been read here yet: the page and the file say so alike, and that nothing older is left out.
    #[tokio::test]
    async fn a_copy_says_what_is_not_in_it() {
        let town = Town::new().await;
        let mut patient = town.signed_in(Kind::Patient);
        let file = patient.get("/patient/download/records.json").await;
        let file: Value = serde_json::from_str(&file.body).unwrap();
        let behind = file["leaves_behind"].as_u64().unwrap();
        assert_eq!(file["older_than"], Value::Null, "{file}");
        let page = patient.get("/patient/download").await;
        assert_eq!(page.body.contains("class=\"warning\""), behind > 0);
    }
}
