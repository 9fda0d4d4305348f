//! Whose chart is whose, as the network's people see and decide it; cards; links other networks wait for.

use super::card::Card;
use super::subject::Named;
use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::REASON_BYTES_MAX;
use crate::ledger::{Snapshot, ask};
use crate::linker;
use crate::node::Inner;
use crate::people::{self, Decided, Known, compared};
use crate::seals;
use crate::store::{Said, StoredDecision};
use sekisho_documents::{PAGE_ENTRIES_MAX, Patient};
use sekisho_domain::SubjectId;
use sekisho_identity::{Folded, judge_folded};
use sekisho_proto::v1;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reviews on a page that names no number.
const PAGE_DEFAULT: usize = 100;
/// Between the two charts of a place in the list of reviews: in no local id.
const BETWEEN: char = '\n';

fn chart(wire: Option<v1::Chart>) -> Result<Patient, NodeError> {
    let wire = wire.ok_or(NodeError::Invalid("a chart is missing"))?;
    Ok(Patient {
        facility: wire.facility.parse()?,
        local_patient_id: wire
            .local_id
            .parse()
            .map_err(|_| NodeError::Invalid("the local patient id is not a valid one"))?,
    })
}

fn wire_chart(chart: &Patient) -> v1::Chart {
    v1::Chart {
        facility: chart.facility.to_string(),
        local_id: chart.local_patient_id.as_str().to_owned(),
    }
}

fn wire_charts(charts: &BTreeSet<Patient>) -> Vec<v1::Chart> {
    charts.iter().map(wire_chart).collect()
}

/// The charts of a patient's person, why, and what was decided about them.
pub(super) async fn person(
    inner: &Arc<Inner>,
    request: v1::PersonRequest,
) -> Result<v1::PersonReply, NodeError> {
    let named = Named::try_from(request.patient)?;
    let inner = Arc::clone(inner);
    blocking(move || {
        let (store, directory) = (&inner.store, &inner.directory);
        let one = match &named {
            Named::Chart(chart) => Some(chart.clone()),
            Named::Subject(subject) => store.charts_of(subject)?.into_iter().next(),
        };
        let one = one.ok_or(NodeError::NoSuchPatient)?;
        let subject = store.subject_of(&one)?;
        if subject.is_none() && directory.chart(&one)?.is_none() {
            return Err(NodeError::NoSuchChart);
        }
        let known = Known::read(store)?;
        let found = people::person(directory, &known, &one)?;
        let mut charts = found.charts;
        if let Some(subject) = &subject {
            charts.extend(store.charts_of(subject)?);
        }
        let decisions = known.about(&charts);
        Ok(v1::PersonReply {
            subject: subject.map_or(Vec::new(), |subject| subject.0.to_vec()),
            charts: wire_charts(&charts),
            why: found
                .judgements
                .iter()
                .map(|(a, b, judged)| compared(a, b, judged))
                .collect(),
            decisions: decisions
                .into_iter()
                .map(|(id, decision)| wire_decision(id, decision))
                .collect(),
        })
    })
    .await
}

fn wire_decision(id: u64, decision: &StoredDecision) -> v1::ChartDecision {
    v1::ChartDecision {
        id,
        a: Some(wire_chart(&decision.a)),
        b: Some(wire_chart(&decision.b)),
        same: decision.same,
        who: decision.said.who.clone(),
        why: decision.said.why.clone(),
        at_ms: decision.said.at.0,
        undone: decision.undone.as_ref().map(|said| v1::Undone {
            who: said.who.clone(),
            why: said.why.clone(),
            at_ms: said.at.0,
        }),
    }
}

/// Pairs that wait for somebody, a page of them; those people have decided about are left out.
pub(super) async fn reviews(
    inner: &Arc<Inner>,
    request: v1::ReviewsRequest,
) -> Result<v1::ReviewsReply, NodeError> {
    let after = match request.after.as_slice() {
        [] => None,
        bytes => Some(place(bytes)?),
    };
    let max = match usize::try_from(request.max).unwrap_or(usize::MAX) {
        0 => PAGE_DEFAULT,
        max if max <= PAGE_ENTRIES_MAX => max,
        _ => return Err(NodeError::Invalid("a page has at most 1000 reviews")),
    };
    let inner = Arc::clone(inner);
    blocking(move || {
        let known = Known::read(&inner.store)?;
        let mut at = after;
        let mut reviews = Vec::new();
        loop {
            let found = inner.directory.reviews(at.as_ref(), max)?;
            let last = found.len() < max;
            for (a, b) in found {
                at = Some((a.clone(), b.clone()));
                if known.said(&a, &b)
                    || people::person(&inner.directory, &known, &a)?
                        .charts
                        .contains(&b)
                {
                    continue;
                }
                let (x, y) = (inner.directory.chart(&a)?, inner.directory.chart(&b)?);
                if let (Some(x), Some(y)) = (x, y) {
                    let (x, y) = (Folded::of(&x.demographics), Folded::of(&y.demographics));
                    let judged = judge_folded(&x, &y, &inner.directory.model());
                    reviews.push(compared(&a, &b, &judged));
                }
                if reviews.len() == max {
                    let next = at.as_ref().map(bytes_of).unwrap_or_default();
                    return Ok(v1::ReviewsReply { reviews, next });
                }
            }
            if last {
                let next = Vec::new();
                return Ok(v1::ReviewsReply { reviews, next });
            }
        }
    })
    .await
}

fn bytes_of((a, b): &(Patient, Patient)) -> Vec<u8> {
    let one = |chart: &Patient| format!("{}/{}", chart.facility, chart.local_patient_id.as_str());
    format!("{}{BETWEEN}{}", one(a), one(b)).into_bytes()
}

fn place(bytes: &[u8]) -> Result<(Patient, Patient), NodeError> {
    let one = |text: &str| {
        let (facility, id) = text.split_once('/')?;
        Some(Patient {
            facility: facility.parse().ok()?,
            local_patient_id: id.parse().ok()?,
        })
    };
    let parse = || {
        let (a, b) = std::str::from_utf8(bytes).ok()?.split_once(BETWEEN)?;
        Some((one(a)?, one(b)?))
    };
    parse().ok_or(NodeError::Invalid("there is no such page"))
}

pub(super) fn said(inner: &Inner, who: String, why: String) -> Result<Said, NodeError> {
    if who.trim().is_empty() || why.trim().is_empty() {
        return Err(NodeError::Invalid("a decision needs who makes it, and why"));
    }
    if who.len() > REASON_BYTES_MAX || why.len() > REASON_BYTES_MAX {
        return Err(NodeError::Invalid("who decides, or why, is over 2 KiB"));
    }
    let at = inner.environment.now();
    Ok(Said { who, why, at })
}

/// Keeps a decision about two charts.
pub(super) async fn decide(
    inner: &Arc<Inner>,
    request: v1::DecideChartsRequest,
) -> Result<v1::DecideChartsReply, NodeError> {
    let (a, b) = (chart(request.a)?, chart(request.b)?);
    let said = said(inner, request.who, request.why)?;
    let (task, same) = (Arc::clone(inner), request.same);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let inner = task.as_ref();
        let reserved = |subject: &SubjectId| reserved(inner, snapshot, subject);
        let (store, directory) = (&inner.store, &inner.directory);
        let decided = people::decide(store, directory, (&a, &b), (same, said), &reserved)?;
        Ok(wire_decided(&decided))
    })
    .await
}

/// Takes a decision back.
pub(super) async fn undo(
    inner: &Arc<Inner>,
    request: v1::UndoDecisionRequest,
) -> Result<v1::DecideChartsReply, NodeError> {
    let said = said(inner, request.who, request.why)?;
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let inner = task.as_ref();
        let reserved = |subject: &SubjectId| reserved(inner, snapshot, subject);
        let (store, directory) = (&inner.store, &inner.directory);
        let decided = people::undo(store, directory, (request.id, &said), &reserved)?;
        Ok(wire_decided(&decided))
    })
    .await
}

fn wire_decided(decided: &Decided) -> v1::DecideChartsReply {
    v1::DecideChartsReply {
        id: decided.id,
        person_a: wire_charts(&decided.person_a),
        person_b: wire_charts(&decided.person_b),
        left: decided.left.map(|subject| subject.0.to_vec()),
    }
}

/// Whether anything a patient refused stands under a pseudonym (P4: it must not fall away with it).
fn reserved(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    subject: &SubjectId,
) -> Result<bool, NodeError> {
    let now = inner.environment.now();
    let open = snapshot.view().reservations_of(&inner.network, subject)?;
    let open = open
        .iter()
        .any(|given| given.cleared.is_none() && !given.reservation.period.has_ended(now));
    let sealed = seals::of(&inner.store, snapshot, &inner.network, subject)?;
    Ok(open || sealed.iter().any(|seal| seal.holds()))
}

/// Makes a card for a patient.
pub(super) async fn card(
    inner: &Arc<Inner>,
    request: v1::IssueCardRequest,
) -> Result<v1::IssueCardReply, NodeError> {
    let named = Named::try_from(request.patient)?;
    let inner = Arc::clone(inner);
    blocking(move || {
        let subject = named.resolve(&inner.store)?;
        let card = Card::fresh(inner.network.clone(), inner.environment.as_ref())?;
        inner.store.put_card(&subject, &card.secret)?;
        Ok(v1::IssueCardReply {
            card: card.to_string(),
        })
    })
    .await
}

/// Links that other networks' searches gave rise to and this network has not said.
pub(super) async fn proposals(inner: &Arc<Inner>) -> Result<v1::ProposalsReply, NodeError> {
    let open = linker::open(inner).await?;
    let inner = Arc::clone(inner);
    blocking(move || {
        let mut proposals = Vec::with_capacity(open.len());
        for one in open {
            let charts = inner.store.charts_of(&one.own)?;
            let agreed = one.proposal.agreed.into_iter();
            proposals.push(v1::LinkProposal {
                own: one.own.0.to_vec(),
                other: Some(v1::SubjectRef::from(&one.other)),
                access: one.proposal.access.0,
                certain: one.proposal.certain,
                said: one.said,
                at_ms: one.proposal.at.0,
                agreed: agreed
                    .map(|(item, level)| v1::Agreed { item, level })
                    .collect(),
                charts: charts.iter().map(wire_chart).collect(),
            });
        }
        Ok(v1::ProposalsReply { proposals })
    })
    .await
}
