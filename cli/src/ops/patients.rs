//! Whose chart is whose, and patients looked for in other networks.

use super::exchange::{end_of, incomplete, malformed, next};
use super::{Session, failure_about_patient, failure_of};
use crate::ui::Failure;
use sekisho_domain::{
    AgreementRef, Category, Codes, Decision, DenyReason, DomainError, EntryIndex, NetworkId,
    NetworkOutcome, Side,
};
use sekisho_proto::{ErrorCode, v1};
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

/// Learns weights from the node's charts, and what else is asked for.
///
/// # Errors
/// The process cannot be reached, it is learning already, or there is nothing to take back.
pub async fn learn_weights(
    session: &Session,
    request: v1::LearnWeightsRequest,
) -> Result<v1::LearnWeightsReply, Failure> {
    // Comparing all charts takes as long as it takes: no deadline.
    let call = tonic::Request::new(request);
    let failed = |status: tonic::Status| match ErrorCode::of(&status) {
        ErrorCode::NotFound => Failure::usage(
            "取り消せる学習済みの重みはありません",
            "no learnt weights are in force: there is nothing to take back",
        ),
        _ => failure_of(&status, &session.address),
    };
    let stream = session.operator().learn_weights(call).await;
    let reply = stream.map_err(failed)?.into_inner().message().await;
    reply
        .map_err(failed)?
        .ok_or_else(|| incomplete("what was learnt"))
}

/// What the ledger would decide now for a patient's documents in one network.
#[derive(Debug, Clone)]
pub struct Previewed {
    /// The decision.
    pub decision: Decision,
    /// What the agreements grant.
    pub granted: Codes<Category>,
    /// All that is missing.
    pub missing: Vec<Lacking>,
    /// Whom this patient is said to be there, or was found.
    pub links: Vec<v1::PossibleLink>,
}

/// One thing that is missing.
#[derive(Debug, Clone)]
pub struct Lacking {
    /// The check that fails.
    pub reason: DenyReason,
    /// Whose consent or policy.
    pub side: Option<Side>,
    /// The agreement that says so.
    pub agreement: Option<AgreementRef>,
    /// Whether it is known.
    pub known: bool,
}

impl TryFrom<v1::PreviewReply> for Previewed {
    type Error = DomainError;
    fn try_from(reply: v1::PreviewReply) -> Result<Self, DomainError> {
        let decision = reply.decision.ok_or(DomainError::Missing("the decision"))?;
        let (_, decision): (NetworkId, Decision) = decision.try_into()?;
        let granted = reply.granted.into_iter();
        let granted = granted.map(|c| Category::from_number(c.into()));
        let missing = reply.missing.into_iter();
        Ok(Self {
            decision,
            granted: granted.collect::<Result<_, _>>()?,
            missing: missing.map(Lacking::try_from).collect::<Result<_, _>>()?,
            links: reply.links,
        })
    }
}

impl TryFrom<v1::MissingThing> for Lacking {
    type Error = DomainError;
    fn try_from(one: v1::MissingThing) -> Result<Self, DomainError> {
        let side = (one.side != 0).then(|| Side::from_number(one.side.into()));
        Ok(Self {
            reason: DenyReason::from_number(one.reason.into())?,
            side: side.transpose()?,
            agreement: one.agreement.map(TryInto::try_into).transpose()?,
            known: one.known,
        })
    }
}

/// What the ledger would decide now for a patient's documents in one network, and all that is missing.
///
/// # Errors
/// The process cannot be reached, or knows no such patient.
pub async fn preview(session: &Session, request: v1::PreviewRequest) -> Result<Previewed, Failure> {
    let call = outgoing(request, session.deadline());
    let reply = session.operator().preview(call).await;
    let reply = reply.map_err(|s| failure_about_patient(&s, &session.address))?;
    reply.into_inner().try_into().map_err(|e| malformed(&e))
}
