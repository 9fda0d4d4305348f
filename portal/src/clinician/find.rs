//! Looking for this visit's patient in other networks, and saying that two are one person.
//!
//! Each network answers one, several or nobody; who else there is, nobody is told. A link holds when both networks have
//! said it.

use super::visit::Who;
use super::visits::Visit;
use super::{ask, clinician, visit_of};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use sekisho_domain::{NetworkId, NetworkOutcome, SubjectId};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use tokio_stream::StreamExt;

/// What one network answered.
struct Answer {
    network: String,
    name: String,
    words: String,
    found: Option<Found>,
}

/// Somebody who was found.
struct Found {
    subject: String,
    certain: bool,
    agreed: String,
}

#[derive(Template)]
#[template(path = "clinician-search.html")]
struct SearchPage<'a> {
    page: Page<'a>,
    visit: &'a Visit,
    who: Who,
    answers: Option<Vec<Answer>>,
    index: u64,
}

pub(super) async fn form(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let page = Page::new(&portal, &visitor, "clinician-search-title");
        html(&SearchPage {
            who: Who::of(&page, &visit),
            visit: &visit,
            answers: None,
            index: 0,
            page,
        })
    })
    .await
}

pub(super) async fn search(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    use v1::search_event::Event;
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let asker = &visit.asker;
        let card = Some(sent.field("card").to_owned()).filter(|card| !card.is_empty());
        let request = v1::SearchRequest {
            patient: Some(asker.patient_wire()),
            person: None,
            card,
            practitioner: asker.practitioner.clone(),
            role: asker.profession.number().into(),
            facility: asker.facility.to_string(),
            purpose: asker.purpose.number().into(),
            targets: Vec::new(),
            request_id: Vec::new(),
            grounds: ask::emergency(asker).map(v1::search_request::Grounds::Emergency),
        };
        let names = names::networks(&portal).await?;
        let page = Page::new(&portal, &visitor, "clinician-search-title");
        let mut stream = portal
            .node
            .search_patients(request, Deadline::after(ask::ANSWER_TIMEOUT))
            .await?;
        let (mut index, mut answers) = (0, Vec::new());
        while let Some(event) = stream.next().await {
            match event.map_err(|status| Fault::Refused(status.code()))?.event {
                Some(Event::Decided(decided)) => index = decided.index,
                Some(Event::End(end)) => {
                    let name = names.get(&end.network).unwrap_or(&end.network).clone();
                    answers.push(answer(&page, end, name));
                }
                Some(Event::Summary(_)) | None => {}
            }
        }
        html(&SearchPage {
            who: Who::of(&page, &visit),
            visit: &visit,
            answers: Some(answers),
            index,
            page,
        })
    })
    .await
}

fn answer(page: &Page<'_>, end: v1::SearchEnd, name: String) -> Answer {
    use v1::patient_finding::Finding;
    let outcome: Option<NetworkOutcome> = end.outcome.and_then(|outcome| outcome.try_into().ok());
    let finding = end.finding.and_then(|finding| finding.finding);
    let (words, found) = match (&outcome, finding) {
        (Some(NetworkOutcome::Answered { .. }), Some(Finding::One(one))) => {
            let words = match one.certain {
                true => page.t("clinician-search-certain"),
                false => page.t("clinician-search-likely"),
            };
            let agreed = one.agreed.iter().filter_map(|agreed| fits(page, agreed));
            let agreed = agreed.collect::<Vec<_>>().join(" / ");
            (
                words,
                Some(Found {
                    subject: hex::encode(&one.subject),
                    certain: one.certain,
                    agreed,
                }),
            )
        }
        (Some(NetworkOutcome::Answered { .. }), Some(Finding::Several(several))) => (
            page.with(
                "clinician-search-several",
                "items",
                deciding(page, &several.deciding),
            ),
            None,
        ),
        (Some(NetworkOutcome::Denied { reason }), _) => {
            (page.pick(reason.ja(), reason.en()).to_owned(), None)
        }
        (Some(NetworkOutcome::Answered { .. } | NetworkOutcome::PatientUnknown), _) => {
            (page.t("clinician-search-nobody"), None)
        }
        (Some(outcome), _) => (page.visitor.language.pick(outcome.ja(), outcome.en()), None),
        (None, _) => (page.t("clinician-search-nobody"), None),
    };
    Answer {
        network: end.network,
        name,
        words,
        found,
    }
}

/// Items and how they fit, by the codes of the matching (docs/identity.md), with their messages. Codes come from another
/// network: what is not known here is left out.
const ITEMS: [(&str, &str); 7] = [
    ("family", "clinician-item-family"),
    ("given", "clinician-item-given"),
    ("birth", "clinician-item-birth"),
    ("sex", "clinician-item-sex"),
    ("address", "clinician-item-address"),
    ("phone", "clinician-item-phone"),
    ("insured", "clinician-item-insured"),
];
const LEVELS: [(&str, &str); 5] = [
    ("exact", "clinician-level-exact"),
    ("folded", "clinician-level-folded"),
    ("close", "clinician-level-close"),
    ("partial", "clinician-level-partial"),
    ("apart", "clinician-level-apart"),
];

fn told(page: &Page<'_>, of: &[(&str, &str)], code: &str) -> Option<String> {
    let known = of.iter().find(|(known, _)| *known == code);
    known.map(|(_, id)| page.t(id))
}

fn fits(page: &Page<'_>, agreed: &v1::Agreed) -> Option<String> {
    let (item, level) = (
        told(page, &ITEMS, &agreed.item)?,
        told(page, &LEVELS, &agreed.level)?,
    );
    Some(page.with2("clinician-item-fits", "item", item, "level", level))
}

fn deciding(page: &Page<'_>, items: &[String]) -> String {
    let items: Vec<_> = items
        .iter()
        .filter_map(|item| told(page, &ITEMS, item))
        .collect();
    items.join(" / ")
}

pub(super) async fn link(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let (practitioner, ..) = clinician(&visitor)?;
        let network: NetworkId = sent.field("network").parse().map_err(|_| Fault::NotFound)?;
        let subject = hex::decode(sent.field("subject")).map_err(|_| Fault::NotFound)?;
        let subject = SubjectId::try_from(subject.as_slice()).map_err(|_| Fault::NotFound)?;
        let said = v1::LinkSubject {
            patient: Some(visit.asker.patient_wire()),
            other: Some(v1::SubjectRef {
                network: network.to_string(),
                subject: subject.as_bytes().to_vec(),
            }),
            confirmed_by: vec![practitioner.to_owned()],
        };
        match names::record(&portal, v1::record_request::Record::LinkSubject(said))
            .await?
            .refused
        {
            None => {
                ask::ask(&portal, &visit, None);
                Ok(see_other(&format!("/clinician/visit/{id}")))
            }
            Some(_) => Err(Fault::Entered("clinician-fault-link")),
        }
    })
    .await
}
