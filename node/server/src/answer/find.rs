//! Answering which documents there are.

use super::{Permitted, Question, permitted, statement};
use crate::blocking::blocking;
use crate::bounds::{ANSWER_ENTRIES_MAX, STREAM_AHEAD};
use crate::enforce::Filter;
use crate::node::Inner;
use crate::stream::Feed;
use crate::{NodeError, wire};
use sekisho_domain::NetworkOutcome;
use sekisho_ledger::AnswerHash;
use sekisho_proto::v1;
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use v1::answer_find_event::Event;

pub(super) type Stream = ReceiverStream<Result<v1::AnswerFindEvent, Status>>;

/// Checks the question and starts the answer; what is refused is refused before the stream begins.
pub(super) async fn find(
    inner: Arc<Inner>,
    question: Question,
    filter: Filter,
) -> Result<Stream, NodeError> {
    let slot = inner.answers.slot()?;
    let deadline = question.deadline;
    let permitted = permitted(&inner, question).await?;
    let (feed, stream) = Feed::new(STREAM_AHEAD, deadline);
    let task = Arc::clone(&inner);
    inner.spawn(async move {
        let done = answer(&task, &feed, permitted, filter).await;
        feed.close(done).await;
        drop(slot);
    })?;
    Ok(stream)
}

async fn answer(
    inner: &Arc<Inner>,
    feed: &Feed<v1::AnswerFindEvent>,
    permitted: Permitted,
    filter: Filter,
) -> Result<(), NodeError> {
    let Permitted { record, scope } = permitted;
    let mut hash = AnswerHash::default();
    let outcome = match scope {
        None => NetworkOutcome::PatientUnknown,
        Some(scope) => {
            let scope = Arc::new(scope);
            let mut left = filter
                .max
                .unwrap_or(ANSWER_ENTRIES_MAX)
                .min(ANSWER_ENTRIES_MAX);
            let mut count = 0;
            let mut after = None;
            while left > 0 {
                let (index, scope) = (Arc::clone(&inner.index), Arc::clone(&scope));
                let (page, next) =
                    blocking(move || scope.page(index.as_ref(), &filter, after, left)).await?;
                left = left.saturating_sub(page.len());
                count += page.len() as u64;
                let documents: Vec<_> = page.iter().map(wire::document).collect();
                documents.iter().for_each(|document| hash.entry(document));
                if !documents.is_empty() {
                    feed.send(event(Event::Page(v1::DocumentPage { documents })))
                        .await?;
                }
                after = next;
                if after.is_none() {
                    break;
                }
            }
            NetworkOutcome::Answered { count }
        }
    };
    tracing::info!(access = %record.index, request_id = %record.request_id, outcome = outcome.code(), "answered");
    let statement = statement(inner, &record, outcome, hash.finish())?;
    feed.send(event(Event::Statement(statement))).await
}

fn event(event: Event) -> v1::AnswerFindEvent {
    v1::AnswerFindEvent { event: Some(event) }
}
