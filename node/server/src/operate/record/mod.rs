//! What patients said and what happens around them, put on the ledger.
//!
//! Notes of evidence stay here; the ledger gets salted commitments. Every record is kept under the subject it is about,
//! so that erasing the subject finds it (P11); what refers to a record that is not this network's is not signed.

mod consents;
mod life;

use super::prepare::{Asked, Built, prepare};
use super::seals;
use super::subject::Named;
use crate::NodeError;
use crate::bounds::{
    CONFIRMED_BY_MAX, EVIDENCE_BYTES_MAX, PRACTITIONER_BYTES_MAX, REPLICA_WAIT_MAX,
};
use crate::commitments::{EVIDENCE, fresh};
use crate::deadline::{earlier, margin};
use crate::ledger::{Committed, Snapshot};
use crate::node::Inner;
use sekisho_domain::{
    Body, EntryIndex, NetworkId, ProxyId, ReservationId, SealId, SubjectId, SubjectRef,
};
use sekisho_ledger::commitment::Opening;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::BTreeSet;
use std::sync::Arc;
use v1::record_request::Record;

/// Signs and submits a record.
pub(super) async fn record(
    inner: &Arc<Inner>,
    mut request: v1::RecordRequest,
    deadline: Deadline,
) -> Result<v1::RecordReply, NodeError> {
    let id = std::mem::take(&mut request.request_id);
    if id.is_empty() {
        return Err(NodeError::Invalid("a record needs a request id"));
    }
    let asked = Asked::of(&id, &request, inner.environment.as_ref())?;
    let record = request
        .record
        .ok_or(NodeError::Invalid("what to record is missing"))?;
    let committed = commit(inner, asked, deadline, move |inner, snapshot| {
        build(inner, snapshot, record)
    })
    .await?;
    Ok(v1::RecordReply {
        index: committed.index.0,
        time_ms: committed.time.0,
        outcome: Some((&committed.outcome).into()),
        duplicate: committed.duplicate,
    })
}

/// Signs an entry and puts it on the ledger; the next question to the own replica sees it, if that is not far behind.
pub(super) async fn commit(
    inner: &Arc<Inner>,
    asked: Asked,
    deadline: Deadline,
    build: impl FnOnce(&Inner, &Snapshot<'_>) -> Result<Built, NodeError> + Send + 'static,
) -> Result<Committed, NodeError> {
    let (envelope, _) = prepare(inner, asked, build).await?;
    let committed = inner.ledger.submit(envelope, deadline).await?;
    tracing::info!(request_id = %asked.id, index = %committed.index, "recorded");
    let wait = earlier(deadline, margin(deadline)).min(Deadline::after(REPLICA_WAIT_MAX));
    if inner
        .ledger
        .wait_applied(committed.index, wait)
        .await
        .is_err()
    {
        // It is on the ledger all the same, and holds there.
        tracing::warn!(index = %committed.index, "the own replica has not applied a record yet");
    }
    Ok(committed)
}

fn build(inner: &Inner, snapshot: &Snapshot<'_>, record: Record) -> Result<Built, NodeError> {
    let view = snapshot.view();
    match record {
        Record::GrantConsent(grant) => consents::grant(inner, snapshot, grant),
        Record::WithdrawConsent(withdraw) => consents::withdraw(inner, snapshot, withdraw),
        Record::SetReservation(set) => consents::reserve(inner, snapshot, set),
        Record::ClearReservation(clear) => {
            let index = EntryIndex(clear.reservation);
            let known = view.reservation(ReservationId(index))?;
            let about = known.map(|r| (r.value.reservation.network, r.value.reservation.subject));
            let about = own(inner, "reservation", index, about)?;
            plain(about, v1::entry::Body::ReservationClear(clear))
        }
        Record::UnsealReservation(unseal) => {
            let index = EntryIndex(unseal.seal);
            let about = seals::subject_of(inner, snapshot, SealId(index))?;
            plain(about, v1::entry::Body::ReservationUnseal(unseal))
        }
        Record::LinkSubject(mut link) => {
            let confirmed_by = std::mem::take(&mut link.confirmed_by);
            let (own, other) = linked(inner, link)?;
            confirmed(inner, own, &other, confirmed_by)?;
            Ok(said(own, Body::SubjectLink { own, other }))
        }
        Record::UnlinkSubject(link) => {
            let (own, other) = linked(inner, link)?;
            Ok(said(own, Body::SubjectUnlink { own, other }))
        }
        Record::RegisterProxy(proxy) => life::register_proxy(inner, proxy),
        Record::EndProxy(end) => {
            let index = EntryIndex(end.proxy);
            let known = view.proxy(ProxyId(index))?;
            let about = known.map(|r| (r.value.proxy.network, r.value.proxy.subject));
            let about = own(inner, "proxy", index, about)?;
            plain(about, v1::entry::Body::ProxyEnd(end))
        }
        Record::RecordDeath(death) => {
            let (subject, recorded_by) = life::death(inner, death)?;
            Ok(said(
                subject,
                Body::DeathRecord {
                    subject,
                    recorded_by,
                },
            ))
        }
        Record::RetractDeath(death) => {
            let (subject, recorded_by) = life::death(inner, death)?;
            Ok(said(
                subject,
                Body::DeathRetract {
                    subject,
                    recorded_by,
                },
            ))
        }
        Record::TellPatient(told) => {
            let index = EntryIndex(told.access);
            let known = view.emergency(index)?;
            let about = known.map(|r| (r.value.viewing, r.value.subject));
            let about = own(inner, "access by break-glass", index, about)?;
            plain(about, v1::entry::Body::PatientTold(told))
        }
    }
}

/// Whose record it is that an entry refers to by its index: this network's, or it is not signed.
pub(super) fn own(
    inner: &Inner,
    what: &'static str,
    index: EntryIndex,
    found: Option<(NetworkId, SubjectId)>,
) -> Result<SubjectId, NodeError> {
    found
        .filter(|(network, _)| *network == inner.network)
        .map(|(_, subject)| subject)
        .ok_or(NodeError::NotOnLedger { what, index })
}

fn said(about: SubjectId, body: Body) -> Built {
    Built {
        body,
        about,
        openings: Vec::new(),
    }
}

fn plain(about: SubjectId, wire: v1::entry::Body) -> Result<Built, NodeError> {
    Ok(said(about, Body::try_from(wire)?))
}

/// A commitment to a note, which stays here.
pub(super) fn evidence(inner: &Inner, note: &[u8]) -> Result<Opening, NodeError> {
    if note.len() > EVIDENCE_BYTES_MAX {
        return Err(NodeError::Invalid("the evidence note is over 16 KiB"));
    }
    fresh(inner.environment.as_ref(), EVIDENCE, note)
}

/// The period asked for; from now on where it names no beginning.
fn period(inner: &Inner, wire: Option<v1::Period>) -> v1::Period {
    let mut period = wire.unwrap_or_default();
    if period.from_ms == 0 {
        period.from_ms = inner.environment.now().0;
    }
    period
}

/// A link to somebody whom a search in a disaster found among others needs two people here who looked at both.
fn confirmed(
    inner: &Inner,
    own: SubjectId,
    other: &SubjectRef,
    by: Vec<String>,
) -> Result<(), NodeError> {
    let Some(mut found) = inner.store.found_here(&own, other)? else {
        return Ok(());
    };
    let people: BTreeSet<&str> = by.iter().map(|who| who.trim()).collect();
    let named = people.iter().filter(|who| !who.is_empty()).count();
    if found.disaster && named < 2 {
        return Err(NodeError::SecondPerson);
    }
    if by.len() > CONFIRMED_BY_MAX || by.iter().any(|who| who.len() > PRACTITIONER_BYTES_MAX) {
        return Err(NodeError::Invalid(
            "there are too many or too long names of who confirms",
        ));
    }
    found.confirmed_by = by;
    Ok(inner.store.put_proposal(&own, other, &found)?)
}

fn linked(inner: &Inner, link: v1::LinkSubject) -> Result<(SubjectId, SubjectRef), NodeError> {
    let own = Named::try_from(link.patient)?.resolve(&inner.store)?;
    let other = link
        .other
        .ok_or(NodeError::Invalid("the other network's subject is missing"))?;
    Ok((own, SubjectRef::try_from(other)?))
}
