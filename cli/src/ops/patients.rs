//! Whose chart is whose, and patients looked for in other networks.

use super::exchange::{end_of, incomplete, malformed, next};
use super::{Session, failure_about_patient};
use crate::ui::Failure;
use sekisho_domain::{Decision, DomainError, EntryIndex, NetworkId, NetworkOutcome};
use sekisho_proto::v1;
use sekisho_transport::outgoing;

/// What one asked network said of who was looked for.
#[derive(Debug, Clone)]
pub struct SearchEnd {
    /// The network.
    pub network: NetworkId,
    /// Its outcome.
    pub outcome: NetworkOutcome,
    /// Whom it found.
    pub finding: Option<v1::patient_finding::Finding>,
}

/// What a search came to.
#[derive(Debug, Clone)]
pub struct Searched {
    /// The access request's ledger index.
    pub index: EntryIndex,
    /// One for each asked network.
    pub ends: Vec<SearchEnd>,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// Looks for a patient in other networks. `heard` is called with each network's end as it comes.
///
/// # Errors
/// The process cannot be reached, the ledger has no quorum, nothing is known of the patient, or the answer breaks its
/// form.
pub async fn search(
    session: &Session,
    request: v1::SearchRequest,
    mut heard: impl FnMut(&SearchEnd),
) -> Result<Searched, Failure> {
    use v1::search_event::Event;
    let end = end_of(session);
    let call = outgoing(request, session.deadline());
    let stream = session.operator().search(call).await;
    let mut stream = stream
        .map_err(|s| failure_about_patient(&s, &session.address))?
        .into_inner();
    let (mut index, mut ends, mut summary) = (None, Vec::new(), None);
    while let Some(event) = next(session, &mut stream, end).await? {
        match event.event {
            Some(Event::Decided(decided)) => index = Some(EntryIndex(decided.index)),
            Some(Event::End(one)) => {
                let one = end_in(one).map_err(|e| malformed(&e))?;
                heard(&one);
                ends.push(one);
            }
            Some(Event::Summary(last)) => summary = Some(last),
            None => return Err(incomplete("an event")),
        }
    }
    match (index, summary) {
        (Some(index), Some(summary)) if summary.asked as usize == ends.len() => Ok(Searched {
            index,
            ends,
            elapsed_ms: summary.elapsed_ms,
        }),
        _ => Err(incomplete("one end for each asked network")),
    }
}

fn end_in(end: v1::SearchEnd) -> Result<SearchEnd, DomainError> {
    Ok(SearchEnd {
        network: end.network.parse()?,
        outcome: end
            .outcome
            .ok_or(DomainError::Missing("the outcome"))?
            .try_into()?,
        finding: end.finding.and_then(|finding| finding.finding),
    })
}

/// Makes a call of the node's own people: its reply, or why there is none.
macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident($request:ty) -> $reply:ty;)+) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// The process cannot be reached, or refuses.
        pub async fn $name(session: &Session, request: $request) -> Result<$reply, Failure> {
            let call = outgoing(request, session.deadline());
            let reply = session.operator().$name(call).await;
            let reply = reply.map_err(|s| failure_about_patient(&s, &session.address))?;
            Ok(reply.into_inner())
        }
    )+};
}

calls! {
    /// The charts of a patient's person, and why.
    person(v1::PersonRequest) -> v1::PersonReply;
    /// Pairs of charts that wait for somebody to decide.
    reviews(v1::ReviewsRequest) -> v1::ReviewsReply;
    /// Keeps a decision about two charts.
    decide_charts(v1::DecideChartsRequest) -> v1::DecideChartsReply;
    /// Takes a decision back.
    undo_decision(v1::UndoDecisionRequest) -> v1::DecideChartsReply;
    /// Makes a card for a patient.
    issue_card(v1::IssueCardRequest) -> v1::IssueCardReply;
    /// Links other networks wait for.
    proposals(v1::ProposalsRequest) -> v1::ProposalsReply;
}

/// What the ledger would decide now for a patient's documents in one network.
///
/// # Errors
/// The process cannot be reached, or knows no such patient.
pub async fn preview(session: &Session, request: v1::PreviewRequest) -> Result<Decision, Failure> {
    let call = outgoing(request, session.deadline());
    let reply = session.operator().preview(call).await;
    let reply = reply.map_err(|s| failure_about_patient(&s, &session.address))?;
    let decided: Result<(NetworkId, Decision), DomainError> = reply.into_inner().try_into();
    decided
        .map(|(_, decision)| decision)
        .map_err(|e| malformed(&e))
}
