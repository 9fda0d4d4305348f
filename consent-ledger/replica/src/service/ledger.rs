//! `LedgerService`: what any member's node may ask of any replica.

use super::internal;
use crate::config::{LEAVES_AT_ONCE, SUBMISSIONS_MAX};
use crate::refusals::Refusal;
use crate::replica::{Place, Replica, Status as ReplicaStatus};
use crate::submit::Submitting;
use crate::{ReplicaError, SubmitError, Submitted, WaitError, state_error};
use futures::Stream;
use sekisho_domain::{EntryIndex, Hash, NetworkId, RequestId, TimeMs};
use sekisho_ledger::attested::{Ask, AskFault};
use sekisho_ledger::{View, tree};
use sekisho_proto::v1::ledger_service_server::LedgerService;
use sekisho_proto::v1::submission_end::End;
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::{Deadline, peer, telemetry};
use std::pin::Pin;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tracing::field::Empty;
use tracing::{Instrument, Span};

pub(super) struct Service(pub(super) Replica);

/// Runs a handler in a span of the caller's trace.
async fn traced<T>(
    span: Span,
    metadata: MetadataMap,
    handler: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    telemetry::set_remote_parent(&span, &metadata);
    handler.instrument(span).await
}

impl Service {
    /// The caller is a member now, this replica serves, and there is time left.
    fn enter<T>(&self, request: &Request<T>) -> Result<Deadline, Status> {
        peer(request)?;
        if !self.0.is_ready() {
            return Err(
                ErrorCode::Unavailable.status("this replica has not caught up since its start")
            );
        }
        Deadline::of(request.metadata())
    }

    /// A place for a submission of this caller; none for one that another replica forwards, which has a place there.
    fn place(&self, from: &NetworkId, forwarded: bool) -> Result<Option<Place>, SubmitError> {
        // Whoever runs no replica forwards nothing, whatever it says.
        if forwarded && self.0.directory_of_replicas().runs(from, None) {
            return Ok(None);
        }
        self.0.place_for(from).map(Some)
    }

    /// What became of one submission, in a span of its caller's trace.
    async fn submitted(
        &self,
        place: Option<Place>,
        submitting: Submitting,
        deadline: Deadline,
        span: Span,
    ) -> Result<Submitted, SubmitError> {
        let noting = span.clone();
        let work = async {
            let submitted = match place {
                None => self.0.submit_as_leader(submitting, deadline).await?,
                Some(place) => self.0.submit_in(place, submitting, deadline).await?,
            };
            noting.record("index", submitted.index.0);
            Ok(submitted)
        };
        work.instrument(span).await
    }

    async fn size(&self) -> Result<u64, Status> {
        self.0
            .read(|state| tree::size(state).map_err(state_error))
            .await
            .map_err(|error| internal(&error))
    }
}

fn proof(hashes: Vec<Hash>) -> Response<v1::ProofReply> {
    Response::new(v1::ProofReply {
        hashes: hashes.iter().map(|hash| hash.0.to_vec()).collect(),
    })
}

fn beyond(size: u64) -> Status {
    ErrorCode::NotFound.status(format!("this replica has applied {size} leaves"))
}

#[tonic::async_trait]
impl LedgerService for Service {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitReply>, Status> {
        let from = peer(&request)?.network;
        let deadline = Deadline::of(request.metadata())?;
        let metadata = request.metadata().clone();
        let v1::SubmitRequest {
            envelope,
            forwarded,
            acknowledge,
        } = request.into_inner();
        let envelope =
            envelope.ok_or_else(|| ErrorCode::Invalid.status("the envelope is missing"))?;
        let replica = self.0.config().replica;
        let span = tracing::info_span!("LedgerService.Submit", %replica, forwarded, index = Empty);
        telemetry::set_remote_parent(&span, &metadata);
        let submitting = Submitting::new(envelope, acknowledge);
        let place = self.place(&from, forwarded).map_err(|e| e.status())?;
        let submitted = self.submitted(place, submitting, deadline, span).await;
        let submitted = submitted.map_err(|error| error.status())?;
        Ok(Response::new(submitted.into()))
    }

    async fn submit_many(
        &self,
        request: Request<v1::SubmitManyRequest>,
    ) -> Result<Response<v1::SubmitManyReply>, Status> {
        let from = peer(&request)?.network;
        let call = Deadline::of(request.metadata())?;
        let v1::SubmitManyRequest {
            submissions,
            forwarded,
        } = request.into_inner();
        let many = submissions.len();
        if !(1..=SUBMISSIONS_MAX).contains(&many) {
            return Err(ErrorCode::Invalid.status(format!(
                "{many} submissions; a call carries 1 to {SUBMISSIONS_MAX}"
            )));
        }
        // Places first: nothing is checked for whoever has too much under way.
        let places = submissions.iter().map(|_| self.place(&from, forwarded));
        let places: Vec<_> = places.collect();
        let placed = submissions.iter().zip(&places);
        let placed = placed.filter(|(_, place)| place.is_ok());
        let all = placed.filter_map(|(submission, _)| submission.envelope.as_ref());
        self.0.check_ahead(all).map_err(|error| internal(&error))?;
        let replica = self.0.config().replica;
        let ends = submissions.into_iter().zip(places).map(|(submission, place)| {
            let span =
                tracing::info_span!("LedgerService.SubmitMany", %replica, forwarded, index = Empty);
            telemetry::set_remote_traceparent(&span, &submission.traceparent);
            let deadline = match submission.deadline_ms {
                0 => call,
                own => call.min(Deadline::at(TimeMs(own))),
            };
            let acknowledge = submission.acknowledge;
            let envelope = submission.envelope;
            let submitting = envelope.map(|envelope| Submitting::new(envelope, acknowledge));
            async move {
                let place = place?;
                let Some(submitting) = submitting else {
                    let missing = "the envelope is missing".to_owned();
                    return Err(SubmitError::InvalidAtLeader(missing));
                };
                self.submitted(place, submitting, deadline, span).await
            }
        });
        let ends = futures::future::join_all(ends).await;
        let ends = ends.into_iter().map(|end| v1::SubmissionEnd {
            end: Some(match end {
                Ok(submitted) => End::Reply(submitted.into()),
                Err(error) => End::Fault((&error).into()),
            }),
        });
        Ok(Response::new(v1::SubmitManyReply {
            ends: ends.collect(),
        }))
    }

    async fn outcome_of(
        &self,
        request: Request<v1::OutcomeOfRequest>,
    ) -> Result<Response<v1::LeafReply>, Status> {
        self.enter(&request)?;
        let by = peer(&request)?.network;
        let id = RequestId::try_from(request.into_inner().request_id.as_slice())
            .map_err(|error| ErrorCode::Invalid.status(error.to_string()))?;
        match self
            .0
            .outcome_of(by, id)
            .await
            .map_err(|error| internal(&error))?
        {
            Some((index, leaf)) => Ok(Response::new(v1::LeafReply {
                index: index.0,
                leaf,
            })),
            None => Err(ErrorCode::NotFound.status("not applied here; it may be later")),
        }
    }

    type LeavesStream = Pin<Box<dyn Stream<Item = Result<v1::LeafReply, Status>> + Send>>;

    async fn leaves(
        &self,
        request: Request<v1::LeavesRequest>,
    ) -> Result<Response<Self::LeavesStream>, Status> {
        self.enter(&request)?;
        let v1::LeavesRequest { from, max } = request.into_inner();
        let max = if max == 0 { u64::MAX } else { u64::from(max) };
        let end = self.size().await?.min(from.saturating_add(max));
        let replica = self.0.clone();
        // Read a few at a time, as the caller takes them.
        let pages = futures::stream::unfold(from, move |at| {
            let replica = replica.clone();
            async move {
                if at >= end {
                    return None;
                }
                let next = end.min(at.saturating_add(LEAVES_AT_ONCE as u64));
                let page = replica.read(move |state| page(state, at, next)).await;
                Some((page, next))
            }
        });
        use futures::StreamExt;
        let leaves = pages.flat_map(|page| {
            futures::stream::iter(match page {
                Ok(leaves) => leaves.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(internal(&error))],
            })
        });
        Ok(Response::new(Box::pin(leaves)))
    }

    async fn inclusion_proof(
        &self,
        request: Request<v1::InclusionProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        self.enter(&request)?;
        let v1::InclusionProofRequest { index, tree_size } = request.into_inner();
        let size = self.size().await?;
        if tree_size > size {
            return Err(beyond(size));
        }
        if index >= tree_size {
            return Err(
                ErrorCode::Invalid.status(format!("leaf {index} is not in a tree of {tree_size}"))
            );
        }
        let hashes = self.0.inclusion_proof(EntryIndex(index), tree_size).await;
        hashes.map(proof).map_err(|error| internal(&error))
    }

    async fn consistency_proof(
        &self,
        request: Request<v1::ConsistencyProofRequest>,
    ) -> Result<Response<v1::ProofReply>, Status> {
        self.enter(&request)?;
        let v1::ConsistencyProofRequest { size1, size2 } = request.into_inner();
        let size = self.size().await?;
        if size2 > size {
            return Err(beyond(size));
        }
        if size1 == 0 || size1 > size2 {
            return Err(
                ErrorCode::Invalid.status(format!("no proof leads from size {size1} to {size2}"))
            );
        }
        let hashes = self.0.consistency_proof(size1, size2).await;
        hashes.map(proof).map_err(|error| internal(&error))
    }

    async fn checkpoint(
        &self,
        request: Request<v1::CheckpointRequest>,
    ) -> Result<Response<v1::CheckpointReply>, Status> {
        let deadline = self.enter(&request)?;
        let metadata = request.metadata().clone();
        let span =
            tracing::info_span!("LedgerService.Checkpoint", replica = %self.0.config().replica);
        let min_size = request.into_inner().min_size;
        traced(span, metadata, async move {
            let collected = self.0.checkpoint(min_size, deadline).await;
            let note = collected.map_err(|error| error.status())?.note.clone();
            Ok(Response::new(v1::CheckpointReply { note }))
        })
        .await
    }

    async fn cosign(
        &self,
        request: Request<v1::CosignRequest>,
    ) -> Result<Response<v1::CosignReply>, Status> {
        let deadline = self.enter(&request)?;
        let v1::CosignRequest { size, root } = request.into_inner();
        let root = Hash::try_from(root.as_slice())
            .map_err(|error| ErrorCode::Invalid.status(error.to_string()))?;
        let reply = self.0.cosign(size, root, deadline).await;
        reply.map(Response::new).map_err(|error| error.status())
    }

    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusReply>, Status> {
        // Answered before the barrier too: it says why nothing else is.
        peer(&request)?;
        let status = self.0.status().await.map_err(|error| internal(&error))?;
        Ok(Response::new(status.into()))
    }

    async fn state(
        &self,
        request: Request<v1::StateRequest>,
    ) -> Result<Response<v1::StateReply>, Status> {
        let deadline = self.enter(&request)?;
        let by = peer(&request)?.network;
        let metadata = request.metadata().clone();
        let replica = self.0.config().replica;
        let span = tracing::info_span!("LedgerService.State", %replica);
        let ask = Ask::try_from(request.into_inner());
        let invalid = |fault: AskFault| ErrorCode::Invalid.status(fault.to_string());
        let ask = ask.map_err(invalid)?;
        traced(span, metadata, async move {
            // One network's questions, and its waiting, hold up nobody else's.
            let Some(_place) = self.0.place(&by) else {
                self.0.refused(Refusal::Overloaded);
                return Err(ErrorCode::Overloaded.status("too much of your network is under way"));
            };
            let waited = self.0.wait_size(ask.min_size, deadline).await;
            waited.map_err(|error| match error {
                WaitError::Deadline => ErrorCode::NotFound.status(error.to_string()),
                WaitError::Stopped => ErrorCode::Unavailable.status(error.to_string()),
            })?;
            let said = self.0.attest(ask).await.map_err(|e| internal(&e))?;
            said.map(Response::new).map_err(invalid)
        })
        .await
    }
}

fn page(
    state: &crate::ReadState,
    from: u64,
    until: u64,
) -> Result<Vec<v1::LeafReply>, ReplicaError> {
    (from..until)
        .map(|index| {
            let leaf = View(state).leaf(EntryIndex(index)).map_err(state_error)?;
            Ok(v1::LeafReply {
                index,
                leaf: leaf.ok_or(ReplicaError::Damaged("a leaf"))?,
            })
        })
        .collect()
}

impl From<ReplicaStatus> for v1::StatusReply {
    fn from(status: ReplicaStatus) -> Self {
        Self {
            replica: status.replica.0,
            network: status.network.to_string(),
            ledger: status.ledger.0.to_vec(),
            ready: status.ready,
            leader: status.leader.map(|leader| leader.0),
            term: status.term,
            log_last: status.log_last,
            log_applied: status.log_applied,
            tree_size: status.tree_size,
            root: status.root.0.to_vec(),
            time_ms: status.time.0,
            quorum_ack_ms: status.quorum_ack_ms,
            published_size: status.published_size,
            alarms: status.alarms.iter().map(ToString::to_string).collect(),
            members: status
                .members
                .into_iter()
                .map(|member| v1::MemberStatus {
                    replica: member.replica.0,
                    network: member.member.network,
                    endpoint: member.member.endpoint,
                    voter: member.voter,
                    log_matched: member.log_matched,
                    promoted: member.promoted,
                    in_group: member.in_group,
                })
                .collect(),
            retired: status.retired.iter().map(|replica| replica.0).collect(),
            waits: status.waits,
            lineage: status.lineage,
            expected_rtt_ms: status.expected_rtt_ms,
            refused: status
                .refused
                .into_iter()
                .map(|(kind, count)| v1::Refusals {
                    kind: kind.to_owned(),
                    count,
                })
                .collect(),
        }
    }
}
