//! What patients said, put on the ledger.

use super::prepare::{Asked, Built, prepare};
use super::subject::Named;
use crate::NodeError;
use crate::bounds::EVIDENCE_BYTES_MAX;
use crate::commitments::{EVIDENCE, fresh};
use crate::ledger::Snapshot;
use crate::node::Inner;
use sekisho_domain::{Body, Consent, Reservation, SubjectRef};
use sekisho_ledger::commitment::Opening;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
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
    let (envelope, _) = prepare(inner, asked, move |inner, snapshot| {
        build(inner, snapshot, record)
    })
    .await?;
    let committed = inner.ledger.submit(envelope, deadline).await?;
    tracing::info!(request_id = %asked.id, index = %committed.index, "recorded");
    Ok(v1::RecordReply {
        index: committed.index.0,
        time_ms: committed.time.0,
        outcome: Some((&committed.outcome).into()),
        duplicate: committed.duplicate,
    })
}

fn build(inner: &Inner, snapshot: &Snapshot<'_>, record: Record) -> Result<Built, NodeError> {
    let plain = |body| Built {
        body,
        openings: Vec::new(),
    };
    Ok(match record {
        Record::GrantConsent(grant) => grant_consent(inner, snapshot, grant)?,
        Record::WithdrawConsent(withdraw) => {
            let evidence = evidence(inner, &withdraw.evidence)?;
            let wire = v1::ConsentWithdraw {
                evidence: evidence.commitment().0.to_vec(),
                ..withdraw
            };
            Built {
                body: body(v1::entry::Body::ConsentWithdraw(wire))?,
                openings: vec![evidence],
            }
        }
        Record::SetReservation(set) => plain(set_reservation(inner, set)?),
        Record::ClearReservation(clear) => plain(body(v1::entry::Body::ReservationClear(clear))?),
        Record::LinkSubject(link) => {
            let (own, other) = linked(inner, link)?;
            plain(Body::SubjectLink { own, other })
        }
        Record::UnlinkSubject(link) => {
            let (own, other) = linked(inner, link)?;
            plain(Body::SubjectUnlink { own, other })
        }
    })
}

fn body(wire: v1::entry::Body) -> Result<Body, NodeError> {
    Ok(Body::try_from(wire)?)
}

/// A commitment to a note, which stays here.
fn evidence(inner: &Inner, note: &[u8]) -> Result<Opening, NodeError> {
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

fn grant_consent(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    grant: v1::GrantConsent,
) -> Result<Built, NodeError> {
    use v1::consent::Facilities;
    use v1::grant_consent::Facilities as Asked;
    let subject = Named::try_from(grant.patient)?.resolve(&inner.store)?;
    let evidence = evidence(inner, grant.evidence_note.as_bytes())?;
    let view = snapshot.view();
    // The ledger's time may be ahead of this machine's; a policy begins by the ledger's.
    let ledger_time = view.meta()?.map(|meta| meta.time);
    let now = inner.environment.now();
    let policy = view.policy_at(&inner.network, ledger_time.map_or(now, |t| t.max(now)))?;
    let wire = v1::Consent {
        network: inner.network.to_string(),
        subject: subject.0.to_vec(),
        side: grant.side,
        facilities: grant.facilities.map(|facilities| match facilities {
            Asked::AllFacilities(all) => Facilities::AllFacilities(all),
            Asked::ListedFacilities(set) => Facilities::ListedFacilities(set),
        }),
        categories: grant.categories,
        purposes: grant.purposes,
        period: Some(period(inner, grant.period)),
        capture: grant.capture,
        recorded_by: grant.recorded_by,
        // Without a policy in force the ledger refuses the consent, and its refusal is evidence.
        policy_version: policy.map_or(1, |p| p.policy.version),
        evidence: evidence.commitment().0.to_vec(),
    };
    Ok(Built {
        body: Body::ConsentGrant(Consent::try_from(wire)?),
        openings: vec![evidence],
    })
}

fn set_reservation(inner: &Inner, set: v1::SetReservation) -> Result<Body, NodeError> {
    use v1::reservation::Viewer;
    use v1::set_reservation::Viewer as Asked;
    let subject = Named::try_from(set.patient)?.resolve(&inner.store)?;
    let wire = v1::Reservation {
        network: inner.network.to_string(),
        subject: subject.0.to_vec(),
        viewer: set.viewer.map(|viewer| match viewer {
            Asked::Anyone(anyone) => Viewer::Anyone(anyone),
            Asked::ViewerNetwork(network) => Viewer::ViewerNetwork(network),
            Asked::ViewerFacility(facility) => Viewer::ViewerFacility(facility),
        }),
        disclosing_facilities: set.disclosing_facilities,
        categories: set.categories,
        period: Some(period(inner, set.period)),
        recorded_by: set.recorded_by,
    };
    Ok(Body::ReservationSet(Reservation::try_from(wire)?))
}

fn linked(
    inner: &Inner,
    link: v1::LinkSubject,
) -> Result<(sekisho_domain::SubjectId, SubjectRef), NodeError> {
    let own = Named::try_from(link.patient)?.resolve(&inner.store)?;
    let other = link
        .other
        .ok_or(NodeError::Invalid("the other network's subject is missing"))?;
    Ok((own, SubjectRef::try_from(other)?))
}
