//! The broker as a gRPC service: who asks, until when, in whose trace.

use crate::broker::Broker;
use crate::error::BrokerError;
use crate::events::EventStream;
use crate::ledger::Ledger;
use crate::limits::DEADLINE_DEFAULT;
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_server::BrokerService;
use sekisho_transport::deadline::{DEADLINE_HEADER, TIMEOUT_HEADER};
use sekisho_transport::{Deadline, peer, telemetry};
use std::future::Future;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

/// The caller's deadline; [`DEADLINE_DEFAULT`] from now if it names none.
fn deadline(metadata: &MetadataMap) -> Result<Deadline, Status> {
    let carried = Deadline::of(metadata)?;
    let named = [DEADLINE_HEADER, TIMEOUT_HEADER];
    Ok(
        if named.iter().any(|header| metadata.contains_key(*header)) {
            carried
        } else {
            carried.min(Deadline::after(DEADLINE_DEFAULT))
        },
    )
}

#[tonic::async_trait]
impl<L: Ledger> BrokerService for Broker<L> {
    type FindDocumentsStream = EventStream<v1::FindDocumentsEvent>;
    type RetrieveDocumentStream = EventStream<v1::RetrieveDocumentEvent>;
    type FindPatientsStream = EventStream<v1::FindPatientsEvent>;

    async fn find_documents(
        &self,
        request: Request<v1::FindDocumentsRequest>,
    ) -> Result<Response<Self::FindDocumentsStream>, Status> {
        let (caller, deadline) = (peer(&request)?.network, deadline(request.metadata())?);
        let span = info_span!("find_documents", viewing = %caller, index = Empty, code = Empty);
        telemetry::set_remote_parent(&span, request.metadata());
        let answer = self.find_documents(&caller, request.into_inner(), deadline);
        answered(answer, span).await
    }

    async fn retrieve_document(
        &self,
        request: Request<v1::RetrieveDocumentRequest>,
    ) -> Result<Response<Self::RetrieveDocumentStream>, Status> {
        let (caller, deadline) = (peer(&request)?.network, deadline(request.metadata())?);
        let span = info_span!("retrieve_document", viewing = %caller, index = Empty, code = Empty);
        telemetry::set_remote_parent(&span, request.metadata());
        let answer = self.retrieve_document(&caller, request.into_inner(), deadline);
        answered(answer, span).await
    }

    async fn find_patients(
        &self,
        request: Request<v1::FindPatientsRequest>,
    ) -> Result<Response<Self::FindPatientsStream>, Status> {
        let (caller, deadline) = (peer(&request)?.network, deadline(request.metadata())?);
        let span = info_span!("find_patients", viewing = %caller, index = Empty, code = Empty);
        telemetry::set_remote_parent(&span, request.metadata());
        let answer = self.find_patients(&caller, request.into_inner(), deadline);
        answered(answer, span).await
    }
}

async fn answered<T>(
    answer: impl Future<Output = Result<T, BrokerError>>,
    span: Span,
) -> Result<Response<T>, Status> {
    let answer = answer.instrument(span.clone()).await;
    match answer {
        Ok(stream) => {
            span.record("code", "ok");
            Ok(Response::new(stream))
        }
        Err(error) => {
            span.record("code", tracing::field::debug(error.code()));
            Err(span.in_scope(|| error.status()))
        }
    }
}
