//! The gRPC edge of the network's own people.

use super::{
    card, erase, export, find, health, learn, note, people, practitioner, preview, record,
    retrieve, seals, search, seek, shown, subject,
};
use crate::NodeError;
use crate::bounds::INGEST_PROGRESS_AHEAD;
use crate::error::chain;
use crate::ingestion;
use crate::node::Inner;
use crate::people::Sought;
use sekisho_domain::{EntryIndex, NetworkId};
use sekisho_proto::v1;
use sekisho_proto::v1::operator_service_server::OperatorService;
use sekisho_transport::{Deadline, peer, telemetry};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};
use v1::ingest_event::Event;

/// Serves the network's own people. See `operator.proto`, OperatorService.
#[derive(Clone)]
pub struct Operating(pub(crate) Arc<Inner>);

type IngestStream = ReceiverStream<Result<v1::IngestEvent, Status>>;

impl Operating {
    /// The pseudonym of a patient.
    ///
    /// # Errors
    /// [`NodeError`]; so for every call here.
    pub async fn subject_of(
        &self,
        request: v1::SubjectRequest,
    ) -> Result<v1::SubjectReply, NodeError> {
        subject::subject(&self.0, request).await
    }

    /// Signs and submits a record.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn record_entry(
        &self,
        request: v1::RecordRequest,
        deadline: Deadline,
    ) -> Result<v1::RecordReply, NodeError> {
        record::record(&self.0, request, deadline).await
    }

    /// Asks which documents there are; every answer is verified.
    ///
    /// # Errors
    /// [`NodeError`], only before the decision is known.
    pub async fn find_documents(
        &self,
        request: v1::FindRequest,
        deadline: Deadline,
    ) -> Result<find::Stream, NodeError> {
        find::find(Arc::clone(&self.0), request, deadline).await
    }

    /// A page of a result that a query ended with.
    ///
    /// # Errors
    /// [`NodeError::NoSuchResult`], or a page that it does not have.
    pub fn page_of(&self, request: &v1::PageRequest) -> Result<v1::PageReply, NodeError> {
        self.0.frozen.page(request, self.0.environment.now())
    }

    /// Gets one document, piece by piece as it is verified; the last piece when all of it is.
    ///
    /// # Errors
    /// [`NodeError`], only before the decision is known.
    pub async fn retrieve_document(
        &self,
        request: v1::RetrieveRequest,
        deadline: Deadline,
    ) -> Result<retrieve::Stream, NodeError> {
        retrieve::retrieve(Arc::clone(&self.0), request, deadline).await
    }

    /// Reads the configured sources again.
    ///
    /// # Errors
    /// [`NodeError::ShutDown`]; what happens later ends the stream.
    pub fn ingest_sources(&self, request: v1::IngestRequest) -> Result<IngestStream, NodeError> {
        let (sender, receiver) = mpsc::channel(INGEST_PROGRESS_AHEAD);
        let inner = Arc::clone(&self.0);
        self.0.spawn(async move {
            let tell = sender.clone();
            let progress = move |progress| {
                // Progress nobody takes in time is left out; the report says it all.
                let _ = tell.try_send(Ok(ingest_event(Event::Progress(progress))));
            };
            let done = ingestion::run(inner, request.rebuild, progress).await;
            let last = done
                .and_then(|report| {
                    serde_json::to_string(&report)
                        .map_err(|_| NodeError::Invalid("the report cannot be written"))
                })
                .map(|report| ingest_event(Event::ReportJson(report)))
                .map_err(|error| error.status());
            // Whoever left before the end misses nothing that was not done.
            let _ = sender.send(last).await;
        })?;
        Ok(ReceiverStream::new(receiver))
    }

    /// How the node is, in numbers.
    ///
    /// # Errors
    /// The store or the index failed.
    pub async fn health(&self) -> Result<health::Health, NodeError> {
        health::health(&self.0).await
    }

    /// A proof bundle of one access request.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn bundle_of(
        &self,
        access: EntryIndex,
        deadline: Deadline,
    ) -> Result<v1::ExportBundleReply, NodeError> {
        export::export(&self.0, access, deadline).await
    }

    /// A practitioner's pseudonym, or who stands behind one of this network's.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn practitioner_of(
        &self,
        request: v1::PractitionerRequest,
    ) -> Result<v1::PractitionerReply, NodeError> {
        practitioner::practitioner(&self.0, request).await
    }

    /// Keeps a note and gives the commitment to it.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn note(&self, request: v1::KeepNoteRequest) -> Result<v1::KeepNoteReply, NodeError> {
        note::keep(&self.0, request).await
    }

    /// A patient's sealed reservations.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn seals_of(
        &self,
        request: v1::SealedReservationsRequest,
    ) -> Result<v1::SealedReservationsReply, NodeError> {
        seals::list(&self.0, request).await
    }

    /// Opens one sealed reservation.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn opened_seal(
        &self,
        request: v1::OpenSealRequest,
        deadline: Deadline,
    ) -> Result<v1::OpenSealReply, NodeError> {
        seals::open(&self.0, request, deadline).await
    }

    /// Erases a subject.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn erase(
        &self,
        request: v1::EraseSubjectRequest,
        deadline: Deadline,
    ) -> Result<v1::EraseSubjectReply, NodeError> {
        erase::erase(&self.0, request, deadline).await
    }

    /// Who a patient is, by this network's own charts.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn shown(&self, patient: v1::Patient) -> Result<shown::Shown, NodeError> {
        shown::shown(&self.0, Some(patient)).await
    }

    /// Makes a card for a patient, in the place of the one before.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn card_for(
        &self,
        request: v1::IssueCardRequest,
    ) -> Result<v1::IssueCardReply, NodeError> {
        people::card(&self.0, request).await
    }

    /// Who holds a card of this network.
    ///
    /// # Errors
    /// [`NodeError::NoSuchPatient`], or a store failed.
    pub async fn holder(&self, card: card::Card) -> Result<shown::Shown, NodeError> {
        card::holder(&self.0, card).await
    }

    /// Whose chart here is whom these words describe: one, several, nobody.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn seek(&self, person: v1::Demographics) -> Result<Sought, NodeError> {
        seek::seek(&self.0, person).await
    }

    /// Looks for a patient in other networks.
    ///
    /// # Errors
    /// [`NodeError`], only before the decision is known.
    pub async fn search_patients(
        &self,
        request: v1::SearchRequest,
        deadline: Deadline,
    ) -> Result<search::Stream, NodeError> {
        search::search(Arc::clone(&self.0), request, deadline).await
    }

    /// Refuses everybody but the network's own people, then runs the call within its caller's trace.
    async fn own<T, R>(
        &self,
        request: Request<T>,
        span: Span,
        call: impl AsyncFnOnce(T, Deadline) -> Result<R, NodeError>,
    ) -> Result<Response<R>, Status> {
        telemetry::set_remote_parent(&span, request.metadata());
        async {
            let caller = peer(&request)?.network;
            self.allow(&caller).map_err(|e| e.status())?;
            let deadline = deadline(request.metadata())?;
            let done = call(request.into_inner(), deadline).await;
            done.map(Response::new).map_err(|error| {
                tracing::debug!(
                    error = chain(&error),
                    "a call of the network's people failed"
                );
                error.status()
            })
        }
        .instrument(span)
        .await
    }

    /// # Errors
    /// [`NodeError::Forbidden`] for another network.
    pub(crate) fn allow(&self, caller: &NetworkId) -> Result<(), NodeError> {
        if *caller == self.0.network {
            Ok(())
        } else {
            Err(NodeError::Forbidden)
        }
    }
}

fn deadline(metadata: &MetadataMap) -> Result<Deadline, Status> {
    Deadline::of(metadata)
}

fn ingest_event(event: Event) -> v1::IngestEvent {
    v1::IngestEvent { event: Some(event) }
}

#[tonic::async_trait]
impl OperatorService for Operating {
    type FindStream = find::Stream;
    type RetrieveStream = retrieve::Stream;
    type IngestStream = IngestStream;
    type SearchStream = search::Stream;
    type LearnWeightsStream = learn::Stream;

    async fn person(
        &self,
        request: Request<v1::PersonRequest>,
    ) -> Result<Response<v1::PersonReply>, Status> {
        let call = async |message, _| people::person(&self.0, message).await;
        self.own(request, tracing::info_span!("person"), call).await
    }

    async fn reviews(
        &self,
        request: Request<v1::ReviewsRequest>,
    ) -> Result<Response<v1::ReviewsReply>, Status> {
        let call = async |message, _| people::reviews(&self.0, message).await;
        self.own(request, tracing::info_span!("reviews"), call)
            .await
    }

    async fn decide_charts(
        &self,
        request: Request<v1::DecideChartsRequest>,
    ) -> Result<Response<v1::DecideChartsReply>, Status> {
        let call = async |message, _| people::decide(&self.0, message).await;
        self.own(request, tracing::info_span!("decide_charts"), call)
            .await
    }

    async fn undo_decision(
        &self,
        request: Request<v1::UndoDecisionRequest>,
    ) -> Result<Response<v1::DecideChartsReply>, Status> {
        let call = async |message, _| people::undo(&self.0, message).await;
        self.own(request, tracing::info_span!("undo_decision"), call)
            .await
    }

    async fn learn_weights(
        &self,
        request: Request<v1::LearnWeightsRequest>,
    ) -> Result<Response<learn::Stream>, Status> {
        let call = async |message, _| learn::learn(&self.0, message);
        self.own(request, tracing::info_span!("learn_weights"), call)
            .await
    }

    async fn search(
        &self,
        request: Request<v1::SearchRequest>,
    ) -> Result<Response<search::Stream>, Status> {
        let call =
            async |message, deadline| search::search(Arc::clone(&self.0), message, deadline).await;
        self.own(request, tracing::info_span!("search"), call).await
    }

    async fn issue_card(
        &self,
        request: Request<v1::IssueCardRequest>,
    ) -> Result<Response<v1::IssueCardReply>, Status> {
        let call = async |message, _| self.card_for(message).await;
        self.own(request, tracing::info_span!("issue_card"), call)
            .await
    }

    async fn preview(
        &self,
        request: Request<v1::PreviewRequest>,
    ) -> Result<Response<v1::PreviewReply>, Status> {
        let call = async |message, _| preview::preview(&self.0, message).await;
        self.own(request, tracing::info_span!("preview"), call)
            .await
    }

    async fn proposals(
        &self,
        request: Request<v1::ProposalsRequest>,
    ) -> Result<Response<v1::ProposalsReply>, Status> {
        let call = async |_, _| people::proposals(&self.0).await;
        self.own(request, tracing::info_span!("proposals"), call)
            .await
    }

    async fn subject(
        &self,
        request: Request<v1::SubjectRequest>,
    ) -> Result<Response<v1::SubjectReply>, Status> {
        let call = async |message, _| self.subject_of(message).await;
        self.own(request, tracing::info_span!("subject"), call)
            .await
    }

    async fn record(
        &self,
        request: Request<v1::RecordRequest>,
    ) -> Result<Response<v1::RecordReply>, Status> {
        let call = async |message, deadline| self.record_entry(message, deadline).await;
        self.own(request, tracing::info_span!("record"), call).await
    }

    async fn find(
        &self,
        request: Request<v1::FindRequest>,
    ) -> Result<Response<find::Stream>, Status> {
        let call = async |message, deadline| self.find_documents(message, deadline).await;
        self.own(request, tracing::info_span!("find"), call).await
    }

    async fn page(
        &self,
        request: Request<v1::PageRequest>,
    ) -> Result<Response<v1::PageReply>, Status> {
        let call = async |message, _| self.page_of(&message);
        self.own(request, tracing::info_span!("page"), call).await
    }

    async fn retrieve(
        &self,
        request: Request<v1::RetrieveRequest>,
    ) -> Result<Response<retrieve::Stream>, Status> {
        let call = async |message, deadline| self.retrieve_document(message, deadline).await;
        self.own(request, tracing::info_span!("retrieve"), call)
            .await
    }

    async fn ingest(
        &self,
        request: Request<v1::IngestRequest>,
    ) -> Result<Response<IngestStream>, Status> {
        let call = async |message, _| self.ingest_sources(message);
        self.own(request, tracing::info_span!("ingest_sources"), call)
            .await
    }

    async fn export_bundle(
        &self,
        request: Request<v1::ExportBundleRequest>,
    ) -> Result<Response<v1::ExportBundleReply>, Status> {
        let call = async |message: v1::ExportBundleRequest, deadline| {
            self.bundle_of(EntryIndex(message.access), deadline).await
        };
        self.own(request, tracing::info_span!("export_bundle"), call)
            .await
    }

    async fn practitioner(
        &self,
        request: Request<v1::PractitionerRequest>,
    ) -> Result<Response<v1::PractitionerReply>, Status> {
        let call = async |message, _| self.practitioner_of(message).await;
        self.own(request, tracing::info_span!("practitioner"), call)
            .await
    }

    async fn keep_note(
        &self,
        request: Request<v1::KeepNoteRequest>,
    ) -> Result<Response<v1::KeepNoteReply>, Status> {
        let call = async |message, _| self.note(message).await;
        self.own(request, tracing::info_span!("keep_note"), call)
            .await
    }

    async fn sealed_reservations(
        &self,
        request: Request<v1::SealedReservationsRequest>,
    ) -> Result<Response<v1::SealedReservationsReply>, Status> {
        let call = async |message, _| self.seals_of(message).await;
        self.own(request, tracing::info_span!("sealed_reservations"), call)
            .await
    }

    async fn open_seal(
        &self,
        request: Request<v1::OpenSealRequest>,
    ) -> Result<Response<v1::OpenSealReply>, Status> {
        let call = async |message, deadline| self.opened_seal(message, deadline).await;
        self.own(request, tracing::info_span!("open_seal"), call)
            .await
    }

    async fn erase_subject(
        &self,
        request: Request<v1::EraseSubjectRequest>,
    ) -> Result<Response<v1::EraseSubjectReply>, Status> {
        let call = async |message, deadline| self.erase(message, deadline).await;
        self.own(request, tracing::info_span!("erase_subject"), call)
            .await
    }
}
