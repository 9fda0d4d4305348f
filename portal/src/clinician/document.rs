//! Opening one document: its access recorded, its content verified by the node, shown readably.

use super::ask::{ANSWER_TIMEOUT, emergency};
use super::visit::Who;
use super::visit_of;
use super::visits::{Asker, Listed, Opened, Visit};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use sekisho_documents::{FILE_BYTES_MAX, Title};
use sekisho_domain::NetworkOutcome;
use sekisho_ingest::{Readable, render_document};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::sync::Arc;
use tokio_stream::StreamExt;

#[derive(Template)]
#[template(path = "clinician-document.html")]
struct DocumentPage<'a> {
    page: Page<'a>,
    visit: &'a Visit,
    who: Who,
    number: usize,
    index: u64,
    title: String,
    facility: String,
    day: String,
    superseded: bool,
    readable: Readable,
    low_trust: bool,
}

impl DocumentPage<'_> {
    fn say<'t>(&self, title: &'t Title) -> &'t str {
        self.page.pick(&title.ja, &title.en)
    }
}

/// Why a document was not opened.
fn ended(outcome: &NetworkOutcome) -> Fault {
    use NetworkOutcome as O;
    match outcome {
        O::Denied { .. } => Fault::Entered("clinician-fault-denied"),
        O::Answered { .. } | O::PatientUnknown => Fault::NotFound,
        O::TimedOut { .. } | O::Unreachable | O::Suspended | O::Stale => {
            Fault::Entered("clinician-fault-unreachable")
        }
        O::Malformed => Fault::Entered("clinician-fault-malformed"),
    }
}

/// Gets a document from the first of its networks that gives it.
pub(super) async fn retrieve(
    portal: &Portal,
    asker: &Asker,
    document: &Listed,
) -> Result<Opened, Fault> {
    let mut fault = Fault::NotFound;
    for network in &document.networks {
        match retrieve_from(portal, asker, network.as_str(), &document.unique_id).await {
            Ok(opened) => return Ok(opened),
            Err(other) => fault = other,
        }
    }
    Err(fault)
}

async fn retrieve_from(
    portal: &Portal,
    asker: &Asker,
    network: &str,
    unique_id: &str,
) -> Result<Opened, Fault> {
    use v1::retrieve_event::Event;
    let request = v1::RetrieveRequest {
        patient: Some(asker.patient_wire()),
        practitioner: asker.practitioner.clone(),
        role: asker.profession.number().into(),
        facility: asker.facility.to_string(),
        purpose: asker.purpose.number().into(),
        network: network.to_owned(),
        unique_id: unique_id.to_owned(),
        request_id: Vec::new(),
        grounds: emergency(asker).map(v1::retrieve_request::Grounds::Emergency),
    };
    let mut stream = portal
        .node
        .retrieve_document(request, Deadline::after(ANSWER_TIMEOUT))
        .await?;
    let (mut index, mut content) = (0, Vec::new());
    while let Some(event) = stream.next().await {
        let event = event.map_err(|status| Fault::Refused(status.code()))?;
        match event.event {
            Some(Event::Decided(decided)) => index = decided.index,
            Some(Event::Header(header)) if header.size_bytes > FILE_BYTES_MAX => {
                return Err(Fault::Entered("clinician-fault-large"));
            }
            Some(Event::Header(_)) | None => {}
            Some(Event::Chunk(chunk)) => content.extend_from_slice(&chunk),
            Some(Event::End(end)) => {
                let outcome: Option<NetworkOutcome> =
                    end.outcome.and_then(|outcome| outcome.try_into().ok());
                return match outcome {
                    Some(NetworkOutcome::Answered { count: 1 }) => Ok(Opened {
                        index,
                        content: Arc::new(content),
                    }),
                    Some(outcome) => Err(ended(&outcome)),
                    None => Err(Fault::Entered("clinician-fault-malformed")),
                };
            }
        }
    }
    Err(Fault::Entered("clinician-fault-unreachable"))
}

fn listed(visit: &Visit, number: usize) -> Result<Listed, Fault> {
    visit
        .come()
        .documents
        .get(number)
        .filter(|document| document.stands())
        .cloned()
        .ok_or(Fault::NotFound)
}

pub(super) async fn open(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let number = sent
            .field("document")
            .parse()
            .map_err(|_| Fault::NotFound)?;
        let document = listed(&visit, number)?;
        if visit.opened(number).is_none() {
            let opened = retrieve(&portal, &visit.asker, &document).await?;
            visit.keep(number, opened);
        }
        Ok(see_other(&format!(
            "/clinician/visit/{id}/document/{number}"
        )))
    })
    .await
}

pub(super) async fn show(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path((id, number)): Path<(String, usize)>,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let document = listed(&visit, number)?;
        // Only what was opened: looking at this address records nothing and so shows nothing.
        let Some(opened) = visit.opened(number) else {
            return Ok(see_other(&format!("/clinician/visit/{id}")));
        };
        let (format, content) = (document.format.clone(), Arc::clone(&opened.content));
        let rendering = tokio::task::spawn_blocking(move || render_document(&format, &content));
        let readable = rendering.await.map_err(|_| Fault::Stopping)?;
        let names = names::facilities(&portal, [document.facility.clone()]).await?;
        let page = Page::new(&portal, &visitor, "clinician-document-title");
        let day = sekisho_words::Day::of(document.service);
        let day = visitor.language.pick(day.ja(), day.en());
        html(&DocumentPage {
            who: Who::of(&page, &visit),
            title: page.pick(&document.title.0, &document.title.1).to_owned(),
            facility: names.get(&document.facility).cloned().unwrap_or_default(),
            visit: &visit,
            number,
            index: opened.index,
            day,
            superseded: document.superseded,
            low_trust: document.format.contains(":uke"),
            readable,
            page,
        })
    })
    .await
}

/// The document's own bytes, to keep or to look at with the browser's own means.
pub(super) async fn file(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path((id, number)): Path<(String, usize)>,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let document = listed(&visit, number)?;
        let opened = visit.opened(number).ok_or(Fault::NotFound)?;
        Ok(file_of(
            &document.mime,
            number,
            opened.content.as_ref().clone(),
        ))
    })
    .await
}

/// What a browser may show by itself; all else is saved. Whatever it is, it runs nothing and belongs to no origin.
fn file_of(mime: &str, number: usize, content: Vec<u8>) -> Response {
    let (kind, ending, shown) = match mime {
        "application/pdf" => ("application/pdf", "pdf", true),
        "image/jpeg" => ("image/jpeg", "jpg", true),
        "image/png" => ("image/png", "png", true),
        "application/fhir+json" | "application/json" => ("application/json", "json", false),
        "text/xml" | "application/xml" => ("application/xml", "xml", false),
        _ => ("application/octet-stream", "dat", false),
    };
    let how = if shown { "inline" } else { "attachment" };
    let name = format!("{how}; filename=\"document-{number}.{ending}\"");
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
        ),
    ];
    (headers, Body::from(content)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_runs_nothing_whatever_it_says_it_is() {
        for (mime, kind, how) in [
            ("application/pdf", "application/pdf", "inline"),
            ("text/html", "application/octet-stream", "attachment"),
            ("image/svg+xml", "application/octet-stream", "attachment"),
            ("text/xml", "application/xml", "attachment"),
            ("", "application/octet-stream", "attachment"),
        ] {
            let response = file_of(mime, 3, b"<script>".to_vec());
            let of = |name| {
                response
                    .headers()
                    .get(name)
                    .and_then(|v: &HeaderValue| v.to_str().ok())
                    .unwrap()
            };
            assert_eq!(of(CONTENT_TYPE), kind, "{mime}");
            assert!(of(CONTENT_DISPOSITION).starts_with(how), "{mime}");
            assert!(of(CONTENT_SECURITY_POLICY).contains("sandbox"), "{mime}");
        }
    }
}
