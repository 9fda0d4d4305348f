//! Asking which documents there are.

use super::access::Asking;
use super::broker::{Next, Shares, decided, millis, next, opened};
use super::grounds;
use super::prepare::{Asked, prepare};
use crate::NodeError;
use crate::bounds::STREAM_AHEAD;
use crate::environment::random;
use crate::frozen::Answered;
use crate::ledger::ask;
use crate::node::Inner;
use crate::stream::Feed;
use crate::verify::{Ended, FindCheck, decisions};
use sekisho_domain::{Action, NetworkOutcome};
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_transport::{Answers, Deadline, outgoing};
use std::sync::Arc;
use std::time::Instant;
use tonic::{Response, Streaming};
use v1::find_documents_event::Event;
use v1::find_event::Event as Found;

pub(super) type Stream = Answers<v1::FindEvent>;

/// Signs the request, has the broker ask, and streams what is verified. Fails only before the decision is known;
/// from then on each asked network has its outcome.
pub(super) async fn find(
    inner: Arc<Inner>,
    mut request: v1::FindRequest,
    deadline: Deadline,
) -> Result<Stream, NodeError> {
    let slot = inner.finds.slot()?;
    let started = Instant::now();
    let shares = Shares::of(deadline);
    let id = std::mem::take(&mut request.request_id);
    let grounds = grounds::check(request.purpose, request.grounds.map(grounds::of_find))?;
    // Another filter is the same request: it is no part of what is signed.
    let filter = request.filter.take();
    let asked = Asked::of(&id, &request, inner.environment.as_ref())?;
    let practitioner = request.practitioner.clone();
    let asking = Asking {
        patient: request.patient,
        practitioner: request.practitioner,
        role: request.role,
        facility: request.facility,
        purpose: request.purpose,
        grounds,
        categories: request.categories,
        targets: request.targets,
        action: Action::FindDocuments,
        document: None,
    };
    let (envelope, _) = prepare(&inner, asked, |inner, snapshot| {
        asking.build(inner, snapshot)
    })
    .await?;

    let mut client = BrokerServiceClient::new(inner.broker.clone());
    let question = v1::FindDocumentsRequest {
        request: Some(envelope),
        filter,
    };
    let answer = async {
        let answer = client.find_documents(outgoing(question, shares.broker));
        answer.await.map(Response::into_inner)
    };
    let decision = |first: v1::FindDocumentsEvent| match first.event {
        Some(Event::Decided(decided)) => Some(decided),
        _ => None,
    };
    let (wire, mut stream) = opened(answer, shares, decision).await?;
    let record = decided(&inner, &wire, asked.id, shares).await?;
    let decided = decisions(&record);

    let (feed, answer) = Feed::new(STREAM_AHEAD, shares.caller, ());
    let task = Arc::clone(&inner);
    inner.spawn(async move {
        let work = async {
            feed.send(found(Found::Decided(decided))).await?;
            let check = FindCheck::new(record);
            let check = (check, practitioner);
            pass_on(&task, &feed, &mut stream, check, shares, started).await
        };
        let done = feed.while_heard(work).await;
        feed.close(done, NodeError::status);
        drop(slot);
    })?;
    Ok(answer)
}

async fn pass_on(
    inner: &Arc<Inner>,
    feed: &Feed<v1::FindEvent>,
    stream: &mut Streaming<v1::FindDocumentsEvent>,
    (mut check, practitioner): (FindCheck, String),
    shares: Shares,
    started: Instant,
) -> Result<(), NodeError> {
    let (access, mut answers) = (check.access(), Vec::new());
    let mut happened = NetworkOutcome::Malformed;
    while !check.is_complete() {
        let wire = match next(stream, shares, started).await {
            Next::Message(wire) => wire.event,
            Next::Over(outcome) => {
                happened = outcome;
                break;
            }
        };
        match wire {
            Some(Event::Documents(documents)) => check.documents(documents),
            Some(Event::End(end)) => {
                let (kept, ended) = ask(inner.ledger.as_ref(), move |snapshot| {
                    let ended = check.end(snapshot, end)?;
                    Ok((check, ended))
                })
                .await?;
                check = kept;
                if let Some(ended) = ended {
                    answers.push(Answered::of(&ended));
                    hand_on(feed, ended).await?;
                }
            }
            // Nothing comes after the summary; our own follows below.
            Some(Event::Summary(_)) => break,
            Some(Event::Decided(_)) | None => {
                tracing::warn!("the broker sent an event that has no place here");
            }
        }
    }
    let elapsed_ms = millis(started.elapsed());
    for ended in check.close(&happened, elapsed_ms) {
        answers.push(Answered::of(&ended));
        hand_on(feed, ended).await?;
    }
    let mut summary = check.summary(millis(started.elapsed()));
    let id = random(inner.environment.as_ref())?;
    let now = inner.environment.now();
    summary.result = inner.frozen.keep(id, &practitioner, access, answers, now);
    feed.send(found(Found::Summary(summary))).await
}

async fn hand_on(feed: &Feed<v1::FindEvent>, ended: Ended) -> Result<(), NodeError> {
    for event in ended.into_events() {
        feed.send(event).await?;
    }
    Ok(())
}

fn found(event: Found) -> v1::FindEvent {
    v1::FindEvent { event: Some(event) }
}
