//! Answering which documents there are.

use super::pace::Came;
use super::{Permitted, Question, permitted, statement};
use crate::blocking::blocking;
use crate::bounds::{ANSWER_ENTRIES_MAX, STREAM_AHEAD};
use crate::enforce::{Filter, Scope};
use crate::node::Inner;
use crate::stream::Feed;
use crate::{NodeError, wire};
use sekisho_documents::Cursor;
use sekisho_domain::{AccessRecord, NetworkOutcome};
use sekisho_ledger::AnswerHash;
use sekisho_proto::v1;
use sekisho_transport::Answers;
use std::sync::Arc;

use v1::answer_find_event::Event;

pub(super) type Stream = Answers<v1::AnswerFindEvent>;

/// Checks the question and starts the answer; what is refused is refused before the stream begins. The first page, which
/// mostly is all, is read in the same step as what it rests on.
pub(super) async fn find(
    inner: Arc<Inner>,
    question: Question,
    filter: Filter,
) -> Result<Stream, NodeError> {
    let slot = inner.answer_place(&question.caller)?;
    let deadline = question.deadline;
    let came = Came::now(deadline);
    let begin = move |inner: &Inner, permitted| Listing::begin(inner, permitted, filter);
    let (listing, first) = permitted(&inner, question, begin).await?;
    let (feed, stream) = Feed::new(STREAM_AHEAD, deadline, slot);
    if listing.is_over() {
        if listing.count == 0 {
            came.keep(inner.ledger.pace()).await;
        }
        // There is room for a page and the statement.
        let done = listing.send(&feed, first).await;
        feed.close(done, NodeError::status_of_answer);
        return Ok(stream);
    }
    let task = Arc::clone(&inner);
    inner.spawn(async move {
        let done = answer(&task, &feed, listing, first).await;
        feed.close(done, NodeError::status_of_answer);
    })?;
    Ok(stream)
}

/// Sends what was read, and reads on, to the end.
async fn answer(
    inner: &Arc<Inner>,
    feed: &Feed<v1::AnswerFindEvent>,
    mut listing: Listing,
    mut events: Vec<Event>,
) -> Result<(), NodeError> {
    loop {
        listing.send(feed, events).await?;
        if listing.is_over() {
            return Ok(());
        }
        let task = Arc::clone(inner);
        (listing, events) = blocking(move || {
            let events = listing.read(&task)?;
            Ok((listing, events))
        })
        .await?;
    }
}

/// An answer as far as it was read.
struct Listing {
    record: AccessRecord,
    /// None for a subject this node does not know.
    scope: Option<Scope>,
    filter: Filter,
    left: usize,
    after: Option<Cursor>,
    count: u64,
    hash: AnswerHash,
    /// Once the statement is signed.
    outcome: Option<NetworkOutcome>,
}

impl Listing {
    /// The first page; the statement too, if that is all. Blocks.
    fn begin(
        inner: &Inner,
        permitted: Permitted,
        filter: Filter,
    ) -> Result<(Self, Vec<Event>), NodeError> {
        let max = filter.max.unwrap_or(ANSWER_ENTRIES_MAX);
        let mut listing = Self {
            record: permitted.record,
            scope: permitted.scope,
            filter,
            left: max.min(ANSWER_ENTRIES_MAX),
            after: None,
            count: 0,
            hash: AnswerHash::default(),
            outcome: None,
        };
        let events = listing.read(inner)?;
        Ok((listing, events))
    }

    /// The next page, and the statement behind the last. Blocks.
    fn read(&mut self, inner: &Inner) -> Result<Vec<Event>, NodeError> {
        let mut events = Vec::new();
        let outcome = match &self.scope {
            None => NetworkOutcome::PatientUnknown,
            Some(scope) => {
                if self.left > 0 {
                    let (page, next) =
                        scope.page(inner.index.as_ref(), &self.filter, self.after, self.left)?;
                    self.left = self.left.saturating_sub(page.len());
                    self.count += page.len() as u64;
                    self.after = next;
                    let mut encoder = wire::Encoder::default();
                    let encoded = |entry| encoder.encode(entry);
                    let documents: Vec<_> = page.iter().map(encoded).collect();
                    documents.iter().for_each(|entry| self.hash.entry(entry));
                    if !documents.is_empty() {
                        events.push(Event::Page(v1::DocumentPage { documents }));
                    }
                    if self.left > 0 && self.after.is_some() {
                        return Ok(events);
                    }
                }
                NetworkOutcome::Answered { count: self.count }
            }
        };
        let hash = std::mem::take(&mut self.hash).finish();
        let statement = statement(inner, &self.record, outcome.clone(), hash)?;
        events.push(Event::Statement(statement));
        self.outcome = Some(outcome);
        Ok(events)
    }

    fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    async fn send(
        &self,
        feed: &Feed<v1::AnswerFindEvent>,
        events: Vec<Event>,
    ) -> Result<(), NodeError> {
        if let Some(outcome) = &self.outcome {
            let record = &self.record;
            tracing::info!(access = %record.index, request_id = %record.request_id, outcome = outcome.code(), "answered");
        }
        for event in events {
            feed.send(v1::AnswerFindEvent { event: Some(event) })
                .await?;
        }
        Ok(())
    }
}
