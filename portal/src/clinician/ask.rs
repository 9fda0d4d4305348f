//! Whom a visit is about and why; asking all networks, and again those that could not be reached.

use super::visits::{Asker, Visit};
use super::{clinician, visit_of};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use sekisho_documents::Patient;
use sekisho_domain::{EmergencyReason, NetworkId, Purpose};
use sekisho_node::NodeError;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::StreamExt;

/// How long networks have to answer: what a person waits for a list.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a clinician may ask from here. What rests on a declaration or a law is asked for on the command line.
const PURPOSES: [Purpose; 3] = [
    Purpose::Treat,
    Purpose::CoordinationOfCare,
    Purpose::EmergencyTreatment,
];

/// A visit to go back to.
struct Earlier {
    id: String,
    patient: String,
    began: String,
}

#[derive(Template)]
#[template(path = "clinician-find.html")]
struct FindPage<'a> {
    page: Page<'a>,
    facilities: Vec<(String, String)>,
    purposes: Vec<(&'static str, &'static str)>,
    emergencies: Vec<(&'static str, &'static str)>,
    earlier: Vec<Earlier>,
}

pub(super) async fn form(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let (_, _, facilities) = clinician(&visitor)?;
        let names = names::facilities(&portal, facilities.iter().map(ToString::to_string)).await?;
        let page = Page::new(&portal, &visitor, "clinician-find-title");
        let account = &visitor.person()?.account;
        let earlier = portal.visits.all_of(account, portal.environment.now());
        let earlier = earlier.iter().take(10).map(|visit| Earlier {
            id: visit.id.clone(),
            patient: named(&page, visit),
            began: page.moment(visit.began),
        });
        let earlier = earlier.collect();
        let purposes = PURPOSES
            .iter()
            .map(|p| (p.code(), page.pick(p.ja(), p.en())))
            .collect();
        let reasons = EmergencyReason::ALL
            .iter()
            .map(|r| (r.code(), page.pick(r.ja(), r.en())));
        let emergencies = reasons.collect();
        html(&FindPage {
            page,
            facilities: names.into_iter().collect(),
            purposes,
            emergencies,
            earlier,
        })
    })
    .await
}

/// A patient by name where the charts say one, else by number.
pub(super) fn named(page: &Page<'_>, visit: &Visit) -> String {
    let name = visit
        .who
        .as_ref()
        .and_then(|who| who.kanji.as_ref().or(who.kana.as_ref()));
    match name {
        Some(name) => format!("{} {}", name.family, name.given).trim().to_owned(),
        None => page.with(
            "clinician-patient-number",
            "number",
            visit.asker.patient.local_patient_id.as_str(),
        ),
    }
}

pub(super) async fn begin(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let (practitioner, profession, facilities) = clinician(&visitor)?;
        let facility = facilities
            .iter()
            .find(|f| f.as_str() == sent.field("facility"));
        let facility = facility
            .ok_or(Fault::Entered("clinician-fault-facility"))?
            .clone();
        let local = sent.field("patient").parse();
        let local_patient_id = local.map_err(|_| Fault::Entered("clinician-fault-patient"))?;
        let emergency = match sent.field("emergency") {
            "" => None,
            code => Some(
                code.parse::<EmergencyReason>()
                    .map_err(|_| Fault::Entered("clinician-fault-purpose"))?,
            ),
        };
        let purpose = match emergency {
            Some(_) => {
                let fresh = visitor
                    .session
                    .as_ref()
                    .is_some_and(|s| s.is_fresh(portal.environment.now()));
                if !fresh {
                    return Err(Fault::ShowAgain);
                }
                Purpose::BreakGlass
            }
            None => PURPOSES
                .into_iter()
                .find(|purpose| purpose.code() == sent.field("purpose"))
                .ok_or(Fault::Entered("clinician-fault-purpose"))?,
        };
        let asker = Asker {
            account: visitor.person()?.account.clone(),
            practitioner: practitioner.to_owned(),
            profession,
            patient: Patient {
                facility: facility.clone(),
                local_patient_id,
            },
            facility,
            purpose,
            emergency,
        };
        // Only a chart that is there: a slip of the pen must not make a patient.
        let shown = portal.node.shown(asker.patient_wire()).await?;
        let create = v1::SubjectRequest {
            patient: Some(asker.patient_wire()),
            create: true,
        };
        portal.node.subject_of(create).await?;
        let begun = portal
            .visits
            .begin(asker, shown.demographics, portal.environment.now());
        let visit = begun.ok_or(Fault::Stopping)?;
        ask(&portal, &visit, None);
        Ok(see_other(&format!("/clinician/visit/{}", visit.id)))
    })
    .await
}

pub(super) async fn again(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    _: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let again: BTreeSet<NetworkId> = {
            let come = visit.come();
            if !come.over {
                return Ok(see_other(&format!("/clinician/visit/{id}")));
            }
            let again = come
                .networks
                .iter()
                .filter(|(_, asked)| asked.may_be_asked_again());
            again.map(|(network, _)| network.clone()).collect()
        };
        ask(&portal, &visit, (!again.is_empty()).then_some(again));
        Ok(see_other(&format!("/clinician/visit/{id}")))
    })
    .await
}

/// What the request rests on besides consent.
pub(super) fn emergency(asker: &Asker) -> Option<i32> {
    asker.emergency.map(|reason| reason.number().into())
}

/// Asks networks, all or these, and fills the visit as they answer.
pub(super) fn ask(portal: &Portal, visit: &Arc<Visit>, only: Option<BTreeSet<NetworkId>>) {
    let asker = &visit.asker;
    let request = v1::FindRequest {
        patient: Some(asker.patient_wire()),
        practitioner: asker.practitioner.clone(),
        role: asker.profession.number().into(),
        facility: asker.facility.to_string(),
        purpose: asker.purpose.number().into(),
        categories: None,
        targets: only.iter().flatten().map(ToString::to_string).collect(),
        filter: None,
        request_id: Vec::new(),
        grounds: emergency(asker).map(v1::find_request::Grounds::Emergency),
    };
    visit.ask(only.as_ref());
    let (node, visit) = (portal.node.clone(), Arc::clone(visit));
    tokio::spawn(async move {
        let fault = fill(&node, &visit, request).await.err();
        let fault = fault.map(|fault| {
            let (status, id) = fault.said();
            if status.is_server_error() {
                tracing::warn!(%fault, "a query from the portal failed");
            }
            id
        });
        let waited_ms = u64::try_from(ANSWER_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        visit.end(fault, waited_ms);
    });
}

async fn fill(
    node: &sekisho_node::Operating,
    visit: &Visit,
    request: v1::FindRequest,
) -> Result<(), Fault> {
    let deadline = Deadline::after(ANSWER_TIMEOUT);
    let mut stream = node.find_documents(request, deadline).await?;
    // The node ends by the deadline; a moment more for its last words.
    let until = tokio::time::Instant::now() + ANSWER_TIMEOUT + Duration::from_secs(1);
    loop {
        match tokio::time::timeout_at(until, stream.next()).await {
            Ok(Some(Ok(event))) => {
                if let Some(event) = event.event {
                    visit.take(event);
                }
            }
            Ok(Some(Err(status))) => return Err(Fault::Refused(status.code())),
            Ok(None) => return Ok(()),
            Err(_) => return Err(Fault::Node(NodeError::Late)),
        }
    }
}
