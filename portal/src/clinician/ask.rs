//! Asking all networks for a patient's documents, and again those that could not be reached.

use super::visit_of;
use super::visits::Visit;
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered};
use crate::state::Portal;
use axum::extract::{Path, State};
use axum::response::Response;
use sekisho_domain::NetworkId;
use sekisho_node::{NodeError, grounds};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::StreamExt;

/// How long networks have to answer: what a person waits for a list.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A patient by name where it is known, else by number.
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
        grounds: grounds::to_find(asker.grounds),
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
