//! Opening one document: its access recorded, its content verified by the node, shown readably.

use super::ask::ANSWER_TIMEOUT;
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
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
};
use axum::response::{IntoResponse, Response};
use sekisho_documents::{FILE_BYTES_MAX, Title};
use sekisho_domain::NetworkOutcome;
use sekisho_ingest::{Readable, render_document};
use sekisho_node::{RetrieveStream, grounds};
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
    picture: bool,
    thumbnail: Option<(usize, bool)>,
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
    let deadline = Deadline::after(ANSWER_TIMEOUT);
    let arriving = Arriving::of(portal, asker, document, deadline).await?;
    arriving.whole().await
}

/// A document on its way: decided, its header verified.
pub(super) struct Arriving {
    /// The ledger index of the access.
    pub index: u64,
    pub size_bytes: u64,
    /// Its pieces, and the end.
    pub stream: RetrieveStream,
}

impl Arriving {
    /// From the first of its networks that gives it.
    pub async fn of(
        portal: &Portal,
        asker: &Asker,
        document: &Listed,
        deadline: Deadline,
    ) -> Result<Self, Fault> {
        let mut fault = Fault::NotFound;
        for network in &document.networks {
            match Self::from(portal, asker, network.as_str(), document, deadline).await {
                Ok(arriving) => return Ok(arriving),
                Err(other) => fault = other,
            }
        }
        Err(fault)
    }

    async fn from(
        portal: &Portal,
        asker: &Asker,
        network: &str,
        document: &Listed,
        deadline: Deadline,
    ) -> Result<Self, Fault> {
        use v1::retrieve_event::Event;
        let request = v1::RetrieveRequest {
            patient: Some(asker.patient_wire()),
            practitioner: asker.practitioner.clone(),
            role: asker.profession.number().into(),
            facility: asker.facility.to_string(),
            purpose: asker.purpose.number().into(),
            network: network.to_owned(),
            unique_id: document.unique_id.clone(),
            request_id: Vec::new(),
            grounds: grounds::to_retrieve(asker.grounds),
        };
        let mut stream = portal.node.retrieve_document(request, deadline).await?;
        let mut index = 0;
        while let Some(event) = stream.next().await {
            let event = event.map_err(|status| Fault::Refused(status.code()))?;
            match event.event {
                Some(Event::Decided(decided)) => index = decided.index,
                Some(Event::Header(header)) => {
                    return Ok(Self {
                        index,
                        size_bytes: header.size_bytes,
                        stream,
                    });
                }
                Some(Event::End(end)) => {
                    ended_well(end)?;
                    break;
                }
                Some(Event::Chunk(_)) | None => {}
            }
        }
        Err(Fault::Entered("clinician-fault-unreachable"))
    }

    /// All of it, in memory.
    async fn whole(mut self) -> Result<Opened, Fault> {
        use v1::retrieve_event::Event;
        if self.size_bytes > FILE_BYTES_MAX {
            return Err(Fault::Entered("clinician-fault-large"));
        }
        let mut content = Vec::new();
        while let Some(event) = self.stream.next().await {
            let event = event.map_err(|status| Fault::Refused(status.code()))?;
            match event.event {
                Some(Event::Chunk(chunk)) => content.extend_from_slice(&chunk),
                Some(Event::End(end)) => {
                    ended_well(end)?;
                    return Ok(Opened {
                        index: self.index,
                        content: Arc::new(content),
                    });
                }
                Some(Event::Decided(_) | Event::Header(_)) | None => {}
            }
        }
        Err(Fault::Entered("clinician-fault-unreachable"))
    }
}

/// Whether a document came whole and verified; else why not.
pub(super) fn ended_well(end: v1::NetworkEnd) -> Result<(), Fault> {
    let outcome = end.outcome.and_then(|outcome| outcome.try_into().ok());
    match outcome {
        Some(NetworkOutcome::Answered { count: 1 }) => Ok(()),
        Some(outcome) => Err(ended(&outcome)),
        None => Err(Fault::Entered("clinician-fault-malformed")),
    }
}

pub(super) fn listed(visit: &Visit, number: usize) -> Result<Listed, Fault> {
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
        // A study's thumbnail is opened from the study's page.
        let shown_in = sent.field("in").parse().unwrap_or(number);
        Ok(see_other(&format!(
            "/clinician/visit/{id}/document/{shown_in}"
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
        let mut readable = rendering.await.map_err(|_| Fault::Stopping)?;
        if shown_by_browser(&document.mime) {
            // How the command line takes it out.
            readable.notes.clear();
        }
        let names = names::facilities(&portal, [document.facility.clone()]).await?;
        let thumbnail = thumbnail(&visit.come().documents, &document);
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
            picture: is_picture(&document.mime),
            thumbnail: thumbnail.map(|number| (number, visit.opened(number).is_some())),
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

fn is_picture(mime: &str) -> bool {
    matches!(mime, "image/jpeg" | "image/png")
}

/// What a browser may show by itself; all else is saved.
fn shown_by_browser(mime: &str) -> bool {
    is_picture(mime) || mime == "application/pdf"
}

const STUDY: &str = "urn:sekisho:dicom:study";
const THUMBNAIL: &str = "urn:sekisho:dicom:thumbnail";

/// The number of an image study's thumbnail: the only one of its facility and moment, which are the study's.
fn thumbnail(documents: &[Listed], study: &Listed) -> Option<usize> {
    let beside = |format: &'static str| {
        let all = documents.iter().enumerate().filter(move |(_, other)| {
            other.format == format && other.stands() && !other.superseded
        });
        all.filter(|(_, other)| {
            (&other.facility, other.service) == (&study.facility, study.service)
        })
    };
    let one = study.format == STUDY && beside(STUDY).count() == 1 && beside(THUMBNAIL).count() == 1;
    let number = beside(THUMBNAIL).next().map(|(number, _)| number);
    number.filter(|_| one)
}

/// A file as it is sent. Whatever it is, it runs nothing and belongs to no origin.
fn file_of(mime: &str, number: usize, content: Vec<u8>) -> Response {
    (
        file_head(mime, number, shown_by_browser(mime)),
        Body::from(content),
    )
        .into_response()
}

pub(super) fn file_head(mime: &str, number: usize, shown: bool) -> [(HeaderName, HeaderValue); 3] {
    let (kind, ending) = match mime {
        "application/pdf" => ("application/pdf", "pdf"),
        "image/jpeg" => ("image/jpeg", "jpg"),
        "image/png" => ("image/png", "png"),
        "application/fhir+json" | "application/json" => ("application/json", "json"),
        "text/xml" | "application/xml" => ("application/xml", "xml"),
        _ => ("application/octet-stream", "dat"),
    };
    let how = if shown { "inline" } else { "attachment" };
    let name = format!("{how}; filename=\"document-{number}.{ending}\"");
    [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::{Category, TimeMs};

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
    #[test]
    fn a_study_shows_its_own_thumbnail_and_no_other() {
        let listed = |format: &str, facility: &str, at: u64| Listed {
            format: format.to_owned(),
            service: TimeMs(at),
            ..Listed::invented(
                &format!("{format}{facility}{at}"),
                facility,
                Category::Imaging,
            )
        };
        let mut documents = vec![
            listed(STUDY, "a", 1),
            listed(THUMBNAIL, "b", 1),
            listed(THUMBNAIL, "a", 2),
            listed(THUMBNAIL, "a", 1),
        ];
        let study = documents[0].clone();
        assert_eq!(thumbnail(&documents, &study), Some(3));
        assert_eq!(thumbnail(&documents, &documents[3]), None, "no study");
        documents.push(Listed {
            unique_id: "another".to_owned(),
            ..study.clone()
        });
        assert_eq!(thumbnail(&documents, &study), None, "it may be the other's");
    }
}
