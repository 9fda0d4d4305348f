//! Who asks, and whom consents and reservations name.

use crate::NodeError;
use crate::blocking::blocking;
use crate::bounds::PRACTITIONER_BYTES_MAX;
use crate::environment::random;
use crate::node::Inner;
use sekisho_domain::PractitionerId;
use sekisho_proto::v1;
use std::sync::Arc;
use v1::practitioner::Practitioner as Wire;

/// A local identifier of one of this network's practitioners, within its bound.
///
/// # Errors
/// [`NodeError::Invalid`].
pub(super) fn local(id: &str) -> Result<&str, NodeError> {
    if (1..=PRACTITIONER_BYTES_MAX).contains(&id.len()) {
        Ok(id)
    } else {
        Err(NodeError::Invalid(
            "the practitioner must be 1 to 256 bytes",
        ))
    }
}

/// The pseudonym of one of this network's practitioners, made where there is none. Blocks.
pub(super) fn own(inner: &Inner, id: &str) -> Result<PractitionerId, NodeError> {
    let fresh = PractitionerId(random(inner.environment.as_ref())?);
    Ok(inner.store.practitioner_or(local(id)?, fresh)?.0)
}

/// A practitioner as named for a consent or a reservation: another network's by pseudonym. Blocks.
pub(super) fn named(inner: &Inner, wire: v1::Practitioner) -> Result<PractitionerId, NodeError> {
    match wire.practitioner {
        None => Err(NodeError::Invalid("the practitioner is missing")),
        Some(Wire::LocalId(id)) => own(inner, &id),
        Some(Wire::Pseudonym(bytes)) => Ok(PractitionerId::try_from(bytes.as_slice())?),
    }
}

/// A practitioner of this network, by either name. One is made only of a local identifier, if `create` says so.
pub(super) async fn practitioner(
    inner: &Arc<Inner>,
    request: v1::PractitionerRequest,
) -> Result<v1::PractitionerReply, NodeError> {
    let wire = request.practitioner.and_then(|p| p.practitioner);
    let wire = wire.ok_or(NodeError::Invalid("the practitioner is missing"))?;
    let task = Arc::clone(inner);
    let (pseudonym, local_id, created) = blocking(move || {
        let unknown = NodeError::NoSuchPractitioner;
        Ok(match wire {
            Wire::LocalId(id) if request.create => {
                let fresh = PractitionerId(random(task.environment.as_ref())?);
                let (known, created) = task.store.practitioner_or(local(&id)?, fresh)?;
                (known, id, created)
            }
            Wire::LocalId(id) => {
                let known = task.store.practitioner_of(local(&id)?)?;
                (known.ok_or(unknown)?, id, false)
            }
            Wire::Pseudonym(bytes) => {
                let pseudonym = PractitionerId::try_from(bytes.as_slice())?;
                let id = task.store.practitioner(&pseudonym)?;
                (pseudonym, id.ok_or(unknown)?, false)
            }
        })
    })
    .await?;
    Ok(v1::PractitionerReply {
        network: inner.network.to_string(),
        pseudonym: pseudonym.0.to_vec(),
        local_id,
        created,
    })
}
