//! Looking for this visit's patient in other networks, and saying that two are one person.
//!
//! Each network answers one, several or nobody; who else there is, nobody is told. Under a declared disaster it tells a
//! short list, and two people decide. A link holds when both networks have said it.

use super::recognise::{Recognised, recognise};
use super::visit::Who;
use super::visits::{Clue, Proposed, Searched, Visit};
use super::{ask, clinician, visit_of};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::sessions::Token;
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use sekisho_domain::{Grounds, NetworkId, NetworkOutcome, SubjectId, SubjectRef};
use sekisho_node::grounds;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_stream::StreamExt;
use v1::patient_finding::Finding;

/// How long a link is waited for that the other network says by itself: it looks every two seconds.
const LINK_WAIT: Duration = Duration::from_secs(6);
const LINK_PAUSE: Duration = Duration::from_millis(100);

/// What one network answered.
struct Answer {
    network: String,
    name: String,
    words: String,
    found: Vec<Found>,
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
    by: &'static str,
    answers: Option<Vec<Answer>>,
    index: u64,
    two: bool,
    /// Networks may keep silent for want of consent.
    unasked: bool,
    proposed: bool,
    linked: bool,
}

pub(super) async fn form(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let names = names::networks(&portal).await?;
        let page = Page::new(&portal, &visitor, "clinician-search-title");
        let come = visit.come().clone();
        let index = come.searched.as_ref().map_or(0, |searched| searched.index);
        let answers = come.searched.map(|searched| {
            let ends = searched.ends.into_iter();
            ends.map(|end| {
                let name = names.get(&end.network).unwrap_or(&end.network).clone();
                answer(&page, end, name)
            })
            .collect()
        });
        html(&SearchPage {
            who: Who::of(&page, &visit),
            by: match &visit.asker.clue {
                Clue::Charts => "clinician-search-by-charts",
                Clue::Person(_) => "clinician-search-by-person",
                Clue::Card(_) => "clinician-search-by-card",
            },
            visit: &visit,
            answers,
            index,
            two: needs_two(&visit),
            unasked: visit.asker.grounds == Grounds::Ordinary && visit.consents().is_empty(),
            proposed: come.proposed.is_some(),
            linked: come.linked,
            page,
        })
    })
    .await
}

/// Whether two people decide who it is.
fn needs_two(visit: &Visit) -> bool {
    matches!(visit.asker.grounds, Grounds::Disaster { .. })
}

pub(super) async fn search(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let card = match recognise(sent.field("card")) {
            Recognised::Card(card) => Some(card.to_string()),
            Recognised::Nothing if sent.field("card").is_empty() => None,
            _ => return Err(Fault::Entered("clinician-fault-card")),
        };
        look(&portal, &visit, card).await?;
        Ok(see_other(&format!("/clinician/visit/{id}/search")))
    })
    .await
}

/// Asks the networks, and keeps what they answered in the visit; by a card, or by what the visit knows.
pub(super) async fn look(
    portal: &Portal,
    visit: &Visit,
    card: Option<String>,
) -> Result<(), Fault> {
    use v1::search_event::Event;
    let asker = &visit.asker;
    let (person, known) = match &asker.clue {
        Clue::Charts => (None, None),
        Clue::Person(person) => (Some(person.as_ref().clone()), None),
        Clue::Card(card) => (None, Some(card.to_string())),
    };
    let request = v1::SearchRequest {
        patient: Some(asker.patient_wire()),
        person,
        card: card.or(known),
        practitioner: asker.practitioner.clone(),
        role: asker.profession.number().into(),
        facility: asker.facility.to_string(),
        purpose: asker.purpose.number().into(),
        targets: Vec::new(),
        request_id: Vec::new(),
        grounds: grounds::to_search(asker.grounds),
    };
    let deadline = Deadline::after(ask::ANSWER_TIMEOUT);
    let mut stream = portal.node.search_patients(request, deadline).await?;
    let (mut index, mut ends) = (0, Vec::new());
    while let Some(event) = stream.next().await {
        match event.map_err(|status| Fault::Refused(status.code()))?.event {
            Some(Event::Decided(decided)) => index = decided.index,
            Some(Event::End(end)) => ends.push(end),
            Some(Event::Summary(_)) | None => {}
        }
    }
    visit.come().searched = Some(Searched { index, ends });
    Ok(())
}

fn answer(page: &Page<'_>, end: v1::SearchEnd, name: String) -> Answer {
    let outcome: Option<NetworkOutcome> = end.outcome.and_then(|outcome| outcome.try_into().ok());
    let finding = end.finding.and_then(|finding| finding.finding);
    let mut found = Vec::new();
    let words = match (&outcome, finding) {
        (Some(NetworkOutcome::Answered { .. }), Some(Finding::One(one))) => {
            let words = match one.certain {
                true => page.t("clinician-search-certain"),
                false => page.t("clinician-search-likely"),
            };
            found.push(Found::of(page, one));
            words
        }
        (Some(NetworkOutcome::Answered { .. }), Some(Finding::Possible(possible))) => {
            let all = possible.patients.into_iter();
            found.extend(all.map(|one| Found::of(page, one)));
            page.with("clinician-search-possible", "count", found.len())
        }
        (Some(NetworkOutcome::Answered { .. }), Some(Finding::Several(several))) => page.with(
            "clinician-search-several",
            "items",
            deciding(page, &several.deciding),
        ),
        (Some(NetworkOutcome::Denied { reason }), _) => {
            page.pick(reason.ja(), reason.en()).to_owned()
        }
        (Some(NetworkOutcome::Answered { .. } | NetworkOutcome::PatientUnknown) | None, _) => {
            page.t("clinician-search-nobody")
        }
        (Some(outcome), _) => page.visitor.language.pick(outcome.ja(), outcome.en()),
    };
    Answer {
        network: end.network,
        name,
        words,
        found,
    }
}

impl Found {
    fn of(page: &Page<'_>, one: v1::FoundPatient) -> Self {
        let agreed = one.agreed.iter().filter_map(|agreed| fits(page, agreed));
        Self {
            subject: hex::encode(&one.subject),
            certain: one.certain,
            agreed: agreed.collect::<Vec<_>>().join(" / "),
        }
    }
}

/// Items and how they fit, by the codes of the matching (docs/identity.md), with their messages. Codes come from another
/// network: what is not known here is left out.
const ITEMS: [(&str, &str); 8] = [
    ("card", "clinician-item-card"),
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

pub(super) fn fits(page: &Page<'_>, agreed: &v1::Agreed) -> Option<String> {
    let (item, level) = (
        told(page, &ITEMS, &agreed.item)?,
        told(page, &LEVELS, &agreed.level)?,
    );
    Some(page.with2("clinician-item-fits", "item", item, "level", level))
}

/// The items that would decide, in words; said as such where nothing would.
pub(super) fn deciding(page: &Page<'_>, items: &[String]) -> String {
    let items: Vec<_> = items
        .iter()
        .filter_map(|item| told(page, &ITEMS, item))
        .collect();
    match items.is_empty() {
        true => page.t("clinician-item-none"),
        false => items.join(" / "),
    }
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
        let (network, one) = meant(&visit, &sent).ok_or(Fault::NotFound)?;
        let subject = SubjectId::try_from(one.subject.as_slice()).map_err(|_| Fault::NotFound)?;
        if needs_two(&visit) {
            visit.come().proposed = Some(Proposed {
                id: Token::fresh().ok_or(Fault::Stopping)?.0,
                network,
                subject,
                agreed: one.agreed,
            });
            return Ok(see_other(&format!("/clinician/visit/{id}/search")));
        }
        let by = vec![practitioner.to_owned()];
        say_linked(&portal, &visit, &network, subject, by).await?;
        visit.come().linked = true;
        if one.certain {
            linked_soon(&portal, &visit, &network).await;
        }
        ask::ask(&portal, &visit, None);
        Ok(see_other(&format!("/clinician/visit/{id}")))
    })
    .await
}

/// Whom a form means: only somebody whom this visit's search was told of.
fn meant(visit: &Visit, sent: &Sent) -> Option<(NetworkId, v1::FoundPatient)> {
    let (network, subject) = (sent.field("network"), sent.field("subject"));
    let searched = visit.come().searched.clone()?;
    let end = searched.ends.into_iter().find(|e| e.network == network)?;
    let all = match end.finding?.finding? {
        Finding::One(one) => vec![one],
        Finding::Possible(possible) => possible.patients,
        Finding::Several(_) | Finding::Nobody(_) => Vec::new(),
    };
    let one = all.into_iter().find(|p| hex::encode(&p.subject) == subject);
    Some((network.parse().ok()?, one?))
}

/// Records that the visit's patient is this one of another network.
pub(super) async fn say_linked(
    portal: &Portal,
    visit: &Visit,
    network: &NetworkId,
    subject: SubjectId,
    confirmed_by: Vec<String>,
) -> Result<(), Fault> {
    let said = v1::LinkSubject {
        patient: Some(visit.asker.patient_wire()),
        other: Some(v1::SubjectRef {
            network: network.to_string(),
            subject: subject.as_bytes().to_vec(),
        }),
        confirmed_by,
    };
    let recorded = names::record(portal, v1::record_request::Record::LinkSubject(said)).await?;
    match recorded.refused {
        None => Ok(()),
        Some(_) => Err(Fault::Entered("clinician-fault-link")),
    }
}

/// Waits a moment for the other network to say the same by itself, so that what is asked next is answered.
pub(super) async fn linked_soon(portal: &Portal, visit: &Arc<Visit>, network: &NetworkId) {
    let known = v1::SubjectRequest {
        patient: Some(visit.asker.patient_wire()),
        create: false,
    };
    let known = portal.node.subject_of(known).await;
    let Some(subject) = known
        .ok()
        .and_then(|reply| SubjectId::try_from(reply.subject.as_slice()).ok())
    else {
        return;
    };
    let own = SubjectRef {
        network: portal.settings.network.clone(),
        subject,
    };
    let until = Instant::now() + LINK_WAIT;
    while Instant::now() < until {
        let (own, network) = (own.clone(), network.clone());
        let linked = portal.ask(move |snapshot| Ok(snapshot.view().linked(&own, &network)?));
        match linked.await {
            Ok(None) => tokio::time::sleep(LINK_PAUSE).await,
            // What cannot be asked now is not waited for.
            Ok(Some(_)) | Err(_) => return,
        }
    }
}
