//! Patients and practitioners of this network, as its node keeps them apart from the ledger.

use super::entries::request_id;
use super::{Session, failure_about_patient, failure_of};
use crate::ui::{Exit, Failure};
use sekisho_domain::{Commitment, DomainError, EntryIndex, PractitionerId};
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::outgoing;

fn malformed(error: &DomainError) -> Failure {
    Failure::of(
        Exit::Unverified,
        "応答を読むことが",
        "read the answer",
        error,
    )
}

/// The network's pseudonym of one of its own practitioners, made where there is none yet.
///
/// # Errors
/// The process cannot be reached.
pub async fn practitioner(session: &Session, local_id: &str) -> Result<PractitionerId, Failure> {
    use v1::practitioner::Practitioner;
    let request = v1::PractitionerRequest {
        practitioner: Some(v1::Practitioner {
            practitioner: Some(Practitioner::LocalId(local_id.to_owned())),
        }),
        create: true,
    };
    let call = outgoing(request, session.deadline());
    let reply = session.operator().practitioner(call).await;
    let reply = reply.map_err(|status| failure_of(&status, &session.address))?;
    let pseudonym = reply.into_inner().pseudonym;
    PractitionerId::try_from(pseudonym.as_slice()).map_err(|e| malformed(&e))
}

/// The local identifier of one of this network's practitioners; none for a pseudonym the node does not know.
///
/// # Errors
/// The process cannot be reached.
pub async fn practitioner_of(
    session: &Session,
    pseudonym: &PractitionerId,
) -> Result<Option<String>, Failure> {
    use v1::practitioner::Practitioner;
    let request = v1::PractitionerRequest {
        practitioner: Some(v1::Practitioner {
            practitioner: Some(Practitioner::Pseudonym(pseudonym.0.to_vec())),
        }),
        create: false,
    };
    let call = outgoing(request, session.deadline());
    match session.operator().practitioner(call).await {
        Ok(reply) => Ok(Some(reply.into_inner().local_id)),
        Err(status) if ErrorCode::of(&status) == ErrorCode::NotFound => Ok(None),
        Err(status) => Err(failure_of(&status, &session.address)),
    }
}

/// Has the node keep a note about an access of this network; the salted commitment to it.
///
/// # Errors
/// The process cannot be reached, or the index is no access of this network.
pub async fn keep_note(
    session: &Session,
    access: EntryIndex,
    note: &str,
) -> Result<Commitment, Failure> {
    let request = v1::KeepNoteRequest {
        access: access.0,
        note: note.to_owned(),
    };
    let call = outgoing(request, session.deadline());
    let reply = session.operator().keep_note(call).await;
    let failed = |status: tonic::Status| match ErrorCode::of(&status) {
        ErrorCode::NotFound => Failure::usage(
            format!("台帳 {access} 番は、このネットワークの照会ではありません"),
            format!("ledger index {access} is no access request of this network"),
        ),
        _ => failure_of(&status, &session.address),
    };
    let commitment = reply.map_err(failed)?.into_inner().commitment;
    Commitment::try_from(commitment.as_slice()).map_err(|e| malformed(&e))
}

/// A patient's sealed reservations, as this node keeps them.
///
/// # Errors
/// The process cannot be reached, or knows no such patient.
pub async fn sealed_reservations(
    session: &Session,
    patient: v1::Patient,
) -> Result<Vec<v1::SealedReservation>, Failure> {
    let request = v1::SealedReservationsRequest {
        patient: Some(patient),
    };
    let call = outgoing(request, session.deadline());
    let reply = session.operator().sealed_reservations(call).await;
    let reply = reply.map_err(|status| failure_about_patient(&status, &session.address))?;
    Ok(reply.into_inner().reservations)
}

/// Opens one sealed reservation of this network: what it says, its salt, and proof that it was sealed then.
///
/// # Errors
/// The process cannot be reached, no majority cosigns, or the index is no seal this node keeps.
pub async fn open_seal(session: &Session, seal: EntryIndex) -> Result<v1::OpenSealReply, Failure> {
    let call = outgoing(v1::OpenSealRequest { seal: seal.0 }, session.deadline());
    let reply = session.operator().open_seal(call).await;
    let failed = |status: tonic::Status| match ErrorCode::of(&status) {
        ErrorCode::NotFound => Failure::usage(
            format!("台帳 {seal} 番は、このノードが持つ封をした留保ではありません"),
            format!("ledger index {seal} is no sealed reservation this node keeps"),
        ),
        _ => failure_of(&status, &session.address),
    };
    Ok(reply.map_err(failed)?.into_inner())
}

/// Destroys everything in the node that ties a pseudonym to a person; withdraws what consents still stand first,
/// where told how.
///
/// # Errors
/// The process cannot be reached, knows no such patient, or consents still stand.
pub async fn erase(
    session: &Session,
    patient: v1::Patient,
    withdraw_first: Option<v1::WithdrawAll>,
) -> Result<v1::EraseSubjectReply, Failure> {
    let request = v1::EraseSubjectRequest {
        patient: Some(patient),
        request_id: request_id()?.0.to_vec(),
        withdraw_first,
    };
    let call = outgoing(request, session.deadline());
    let reply = session.operator().erase_subject(call).await;
    let failed = |status: tonic::Status| match ErrorCode::of(&status) {
        ErrorCode::Conflict => Failure::new(
            Exit::Refused,
            "まだ有効な同意があります。--withdraw-by と --withdraw-way で撤回を記録してから消去します",
            format!(
                "consents still stand; name --withdraw-by and --withdraw-way to record their withdrawal first ({})",
                status.message()
            ),
        ),
        _ => failure_about_patient(&status, &session.address),
    };
    Ok(reply.map_err(failed)?.into_inner())
}
