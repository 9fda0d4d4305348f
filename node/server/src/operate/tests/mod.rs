//! The network's people, their node, a broker that may lie, and Saga's node: over the real core.

mod erase;
mod find;
mod grounds;
mod learn;
mod life;
mod record;
mod retrieve;
mod search;

use crate::bounds::{PRACTITIONER_BYTES_MAX, WINDOW_AFTER_MS};
use crate::store::{FailingDisk, TransferKind};
use crate::testing::{
    BUDGETS, KURUME, KURUME_HOSPITAL, PATIENT, SAGA, Setting, TOTTORI, TamperingBroker, all,
    network, patience, until,
};
use crate::{Node, NodeError};
use sekisho_domain::{Body, EntryIndex, NetworkOutcome, SubjectId};
use sekisho_ledger::bundle;
use sekisho_proto::{ErrorCode, v1};
use std::sync::Arc;
use v1::find_event::Event as Found;
use v1::retrieve_document_event::Event as Carried;
use v1::retrieve_event::Event as Got;

struct Case {
    setting: Setting,
    saga: Node,
    kurume: Node,
    broker: Arc<TamperingBroker>,
}

impl Case {
    async fn new() -> Self {
        let setting = Setting::new();
        (1..=3).for_each(|order| drop(setting.hospital.put(PATIENT, order)));
        let saga = setting.saga().await;
        let broker = TamperingBroker::new(&setting.ledger, saga.disclosing());
        let kurume = setting.kurume(broker.channel().await).await;
        Self {
            setting,
            saga,
            kurume,
            broker,
        }
    }

    async fn find(&self, request: v1::FindRequest) -> Result<Vec<Found>, NodeError> {
        let stream = self
            .kurume
            .operating()
            .find_documents(request, patience())
            .await?;
        Ok(all(stream)
            .await
            .into_iter()
            .map(|e| e.event.unwrap())
            .collect())
    }

    async fn retrieve(&self, request: v1::RetrieveRequest) -> Result<Vec<Got>, NodeError> {
        let stream = self
            .kurume
            .operating()
            .retrieve_document(request, patience())
            .await?;
        Ok(all(stream)
            .await
            .into_iter()
            .map(|e| e.event.unwrap())
            .collect())
    }

    async fn record(&self, request: v1::RecordRequest) -> Result<v1::RecordReply, NodeError> {
        self.kurume
            .operating()
            .record_entry(request, patience())
            .await
    }

    async fn documents(&self) -> Vec<v1::DocumentEntry> {
        documents(&self.find(find()).await.unwrap())
    }
}

fn patient() -> Option<v1::Patient> {
    let local = v1::patient::Local {
        facility: KURUME_HOSPITAL.to_owned(),
        local_id: "K-1".to_owned(),
    };
    Some(v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    })
}

fn find() -> v1::FindRequest {
    v1::FindRequest {
        patient: patient(),
        practitioner: "dr-7".to_owned(),
        role: 1,
        facility: KURUME_HOSPITAL.to_owned(),
        purpose: 1,
        ..Default::default()
    }
}

fn retrieve(unique_id: &str) -> v1::RetrieveRequest {
    v1::RetrieveRequest {
        patient: patient(),
        practitioner: "dr-7".to_owned(),
        role: 1,
        facility: KURUME_HOSPITAL.to_owned(),
        purpose: 1,
        network: SAGA.to_owned(),
        unique_id: unique_id.to_owned(),
        ..Default::default()
    }
}

fn documents(events: &[Found]) -> Vec<v1::DocumentEntry> {
    let pages = events.iter().filter_map(|event| match event {
        Found::Documents(page) => Some(page.documents.clone()),
        _ => None,
    });
    pages.flatten().collect()
}

/// Each network's outcome, in the order they came.
fn outcomes(events: &[Found]) -> Vec<(String, NetworkOutcome)> {
    let ends = events.iter().filter_map(|event| match event {
        Found::End(end) => Some((end.network.clone(), end.outcome?.try_into().unwrap())),
        _ => None,
    });
    ends.collect()
}
