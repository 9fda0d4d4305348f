//! The gRPC edge of the disclosing side.

use super::retrieve::Wanted;
use super::{Question, find, patients, retrieve};
use crate::NodeError;
use crate::bounds::UNIQUE_ID_BYTES_MAX;
use crate::enforce::Filter;
use crate::node::Inner;
use sekisho_domain::{Action, EntryIndex, RequestId};
use sekisho_ledger::commitment::Salt;
use sekisho_proto::v1;
use sekisho_proto::v1::node_service_server::NodeService;
use sekisho_transport::{Deadline, peer, telemetry};
use std::sync::Arc;
use tonic::{Request, Response, Status};
use tracing::Instrument;

/// Answers other networks' brokers. See `exchange.proto`, NodeService.
#[derive(Clone)]
pub struct Disclosing(pub(crate) Arc<Inner>);

impl Disclosing {
    /// A request to find documents of one access request, by the network of the caller's connection.
    ///
    /// # Errors
    /// [`NodeError`]; whatever does not fit the ledger's record is [`NodeError::Forbidden`].
    pub async fn find(
        &self,
        caller: sekisho_domain::NetworkId,
        request: v1::AnswerFindRequest,
        deadline: Deadline,
    ) -> Result<find::Stream, NodeError> {
        let question = Question {
            caller,
            access: EntryIndex(request.access),
            request_id: RequestId::try_from(request.request_id.as_slice())?,
            action: Action::FindDocuments,
            deadline,
        };
        find::find(Arc::clone(&self.0), question, Filter::from(request.filter)).await
    }

    /// A request for one document, by the network of the caller's connection.
    ///
    /// # Errors
    /// As [`Disclosing::find`].
    pub async fn retrieve(
        &self,
        caller: sekisho_domain::NetworkId,
        request: v1::AnswerRetrieveRequest,
        deadline: Deadline,
    ) -> Result<retrieve::Stream, NodeError> {
        let question = Question {
            caller,
            access: EntryIndex(request.access),
            request_id: RequestId::try_from(request.request_id.as_slice())?,
            action: Action::RetrieveDocument,
            deadline,
        };
        if request.unique_id.len() > UNIQUE_ID_BYTES_MAX {
            return Err(NodeError::Invalid("the document's unique id is too long"));
        }
        let salt: [u8; Salt::LEN] = request
            .salt
            .try_into()
            .map_err(|_| NodeError::Invalid("a salt is 32 bytes"))?;
        let seal_to = request.seal_to.unwrap_or_default();
        let wanted = Wanted {
            unique_id: request.unique_id,
            salt: Salt::from_bytes(salt),
            seal_to: seal_to
                .key
                .ok_or(NodeError::Invalid("the key to seal to is missing"))?,
            from_chunk: seal_to.from_chunk,
        };
        retrieve::retrieve(Arc::clone(&self.0), question, wanted).await
    }

    /// A question about a search for a patient, by the network of the caller's connection: for a key, or with a letter.
    ///
    /// # Errors
    /// As [`Disclosing::find`].
    pub async fn patients(
        &self,
        caller: sekisho_domain::NetworkId,
        request: v1::AnswerPatientsRequest,
        deadline: Deadline,
    ) -> Result<v1::Envelope, NodeError> {
        let question = Question {
            caller,
            access: EntryIndex(request.access),
            request_id: RequestId::try_from(request.request_id.as_slice())?,
            action: Action::FindPatients,
            deadline,
        };
        patients::patients(Arc::clone(&self.0), question, request.letter).await
    }
}

#[tonic::async_trait]
impl NodeService for Disclosing {
    type AnswerPatientsStream = tokio_stream::Once<Result<v1::AnswerPatientsEvent, Status>>;
    type AnswerFindStream = find::Stream;
    type AnswerRetrieveStream = retrieve::Stream;

    async fn answer_find(
        &self,
        request: Request<v1::AnswerFindRequest>,
    ) -> Result<Response<find::Stream>, Status> {
        let span = tracing::info_span!("answer_find", access = request.get_ref().access);
        telemetry::set_remote_parent(&span, request.metadata());
        async {
            let caller = peer(&request)?.network;
            let deadline = Deadline::of(request.metadata())?;
            let answer = self.find(caller, request.into_inner(), deadline).await;
            answer.map(Response::new).map_err(|e| e.status_of_answer())
        }
        .instrument(span)
        .await
    }

    async fn answer_retrieve(
        &self,
        request: Request<v1::AnswerRetrieveRequest>,
    ) -> Result<Response<retrieve::Stream>, Status> {
        let span = tracing::info_span!("answer_retrieve", access = request.get_ref().access);
        telemetry::set_remote_parent(&span, request.metadata());
        async {
            let caller = peer(&request)?.network;
            let deadline = Deadline::of(request.metadata())?;
            let answer = self.retrieve(caller, request.into_inner(), deadline).await;
            answer.map(Response::new).map_err(|e| e.status_of_answer())
        }
        .instrument(span)
        .await
    }

    async fn answer_patients(
        &self,
        request: Request<v1::AnswerPatientsRequest>,
    ) -> Result<Response<Self::AnswerPatientsStream>, Status> {
        let span = tracing::info_span!("answer_patients", access = request.get_ref().access);
        telemetry::set_remote_parent(&span, request.metadata());
        async {
            let caller = peer(&request)?.network;
            let deadline = Deadline::of(request.metadata())?;
            let reply = self.patients(caller, request.into_inner(), deadline).await;
            let reply = reply.map_err(|e| e.status_of_answer())?;
            let event = v1::AnswerPatientsEvent { reply: Some(reply) };
            Ok(Response::new(tokio_stream::once(Ok(event))))
        }
        .instrument(span)
        .await
    }
}
