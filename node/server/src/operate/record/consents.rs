//! Consents and reservations, open and sealed.

use super::{evidence, own, period, said};
use crate::NodeError;
use crate::commitments::{SEALED, fresh};
use crate::ledger::Snapshot;
use crate::node::Inner;
use crate::operate::practitioner;
use crate::operate::prepare::Built;
use crate::operate::subject::Named;
use prost::Message;
use sekisho_domain::{Body, Consent, ConsentId, EntryIndex, Reservation, TimeMs};
use sekisho_proto::v1;

/// The ledger's time may be ahead of this machine's; what begins on the ledger begins by the ledger's.
fn ledger_time(inner: &Inner, snapshot: &Snapshot<'_>) -> Result<TimeMs, NodeError> {
    let now = inner.environment.now();
    let ledger = snapshot.view().meta()?.map(|meta| meta.time);
    Ok(ledger.map_or(now, |time| time.max(now)))
}

pub(super) fn grant(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    grant: v1::GrantConsent,
) -> Result<Built, NodeError> {
    use v1::consent::Facilities;
    use v1::grant_consent::Facilities as Asked;
    let subject = Named::try_from(grant.patient)?.resolve(&inner.store)?;
    if grant.practitioners.len() > Consent::PRACTITIONERS_MAX {
        return Err(NodeError::Invalid(
            "a consent names at most 64 practitioners",
        ));
    }
    let practitioners = grant.practitioners.into_iter();
    let practitioners = practitioners
        .map(|wire| Ok(practitioner::named(inner, wire)?.0.to_vec()))
        .collect::<Result<Vec<_>, NodeError>>()?;
    let practitioners =
        (!practitioners.is_empty()).then_some(v1::PractitionerSet { practitioners });
    let evidence = evidence(inner, grant.evidence_note.as_bytes())?;
    let time = ledger_time(inner, snapshot)?;
    let policy = snapshot.view().policy_at(&inner.network, time)?;
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
        counterpart: grant.counterpart,
        practitioners,
        proxy: grant.proxy,
    };
    Ok(Built {
        body: Body::ConsentGrant(Consent::try_from(wire)?),
        about: subject,
        openings: vec![evidence],
    })
}

pub(super) fn withdraw(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    withdraw: v1::ConsentWithdraw,
) -> Result<Built, NodeError> {
    let index = EntryIndex(withdraw.consent);
    let known = snapshot.view().consent(ConsentId(index))?;
    let about = known.map(|r| (r.value.consent.network, r.value.consent.subject));
    let about = own(inner, "consent", index, about)?;
    let evidence = evidence(inner, &withdraw.evidence)?;
    let wire = v1::ConsentWithdraw {
        evidence: evidence.commitment().0.to_vec(),
        ..withdraw
    };
    Ok(Built {
        body: Body::try_from(v1::entry::Body::ConsentWithdraw(wire))?,
        about,
        openings: vec![evidence],
    })
}

pub(super) fn reserve(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    set: v1::SetReservation,
) -> Result<Built, NodeError> {
    use v1::reservation::Viewer;
    use v1::set_reservation::Viewer as Asked;
    let subject = Named::try_from(set.patient)?.resolve(&inner.store)?;
    let viewer = set.viewer.map(|viewer| {
        Ok::<_, NodeError>(match viewer {
            Asked::Anyone(anyone) => Viewer::Anyone(anyone),
            Asked::ViewerNetwork(network) => Viewer::ViewerNetwork(network),
            Asked::ViewerFacility(facility) => Viewer::ViewerFacility(facility),
            Asked::ViewerPractitioner(who) => {
                Viewer::ViewerPractitioner(practitioner::named(inner, who)?.0.to_vec())
            }
        })
    });
    let wire = v1::Reservation {
        network: inner.network.to_string(),
        subject: subject.0.to_vec(),
        viewer: viewer.transpose()?,
        disclosing_facilities: set.disclosing_facilities,
        categories: set.categories,
        period: Some(period(inner, set.period)),
        recorded_by: set.recorded_by,
        purposes: set.purposes,
        proxy: set.proxy,
    };
    let reservation = Reservation::try_from(wire)?;
    if set.sealed {
        seal(inner, snapshot, &reservation)
    } else {
        Ok(said(subject, Body::ReservationSet(reservation)))
    }
}

/// Seals a reservation. The ledger does not see what is in it, so what it asks of an open one is asked here.
fn seal(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    reservation: &Reservation,
) -> Result<Built, NodeError> {
    let view = snapshot.view();
    let time = ledger_time(inner, snapshot)?;
    let facility = view.facility(&reservation.recorded_by)?;
    if facility.is_none_or(|known| known.value.network != inner.network) {
        return Err(NodeError::Invalid(
            "the facility that takes the reservation is not one of this network's",
        ));
    }
    if reservation.period.has_ended(time) {
        return Err(NodeError::Invalid("the reservation's period is over"));
    }
    if let Some(proxy) = reservation.proxy {
        let speaks = view.proxy(proxy)?.is_some_and(|known| {
            let of = (&known.value.proxy.network, known.value.proxy.subject);
            of == (&inner.network, reservation.subject) && known.value.holds(time)
        });
        if !speaks {
            return Err(NodeError::Invalid(
                "the proxy does not speak for this patient now",
            ));
        }
    }
    let value = v1::Reservation::from(reservation).encode_to_vec();
    let opening = fresh(inner.environment.as_ref(), SEALED, &value)?;
    Ok(Built {
        body: Body::ReservationSeal {
            sealed: opening.commitment(),
        },
        about: reservation.subject,
        openings: vec![opening],
    })
}
