//! What patterns look at of a leaf, read from its bytes without the rest: whoever watches reads every leaf there is, and of
//! most of a leaf (what each asked network is permitted) nothing is looked at.

use super::Look;
use crate::leaf::{Leaf, LeafError};
use prost::Message;
use sekisho_domain::{
    Body, DenyReason, DomainError, EntryIndex, NetworkId, Outcome, PractitionerId, Purpose,
    SecurityAlert, TimeMs,
};
use sekisho_proto::v1;

/// A leaf, as far as patterns have to do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A decided access request.
    Access {
        /// The practitioner's network.
        viewing: NetworkId,
        /// Who asked.
        practitioner: PractitionerId,
        /// What counts of it.
        look: Look,
    },
    /// An alert that was taken.
    Alert(SecurityAlert),
    /// Anything else.
    Other,
}

impl Seen {
    /// What is seen of a leaf.
    pub fn of(leaf: &Leaf) -> Self {
        match (&leaf.entry.body, &leaf.outcome) {
            (Body::AccessRequest(request), Outcome::Decided(decisions)) => Self::Access {
                viewing: request.viewing.clone(),
                practitioner: request.practitioner_id,
                look: Look::of(leaf.index, leaf.time, request, decisions),
            },
            (Body::SecurityAlert(alert), Outcome::Accepted) => Self::Alert(alert.clone()),
            _ => Self::Other,
        }
    }

    /// The same from the bytes of a replica's own leaf, whose form is not checked again; and the leaf's index.
    ///
    /// # Errors
    /// [`LeafError`] where they are not a leaf's.
    pub fn read(bytes: &[u8]) -> Result<(EntryIndex, Self), LeafError> {
        use v1::entry_glance::Body;
        use v1::outcome_glance::Outcome;
        let protobuf = |e: prost::DecodeError| LeafError::Protobuf(e.to_string());
        let leaf = v1::LeafGlance::decode(bytes).map_err(protobuf)?;
        let envelope = leaf.envelope.ok_or(DomainError::Missing("the envelope"))?;
        let entry = v1::EntryGlance::decode(envelope.payload.as_slice()).map_err(protobuf)?;
        let outcome = leaf.outcome.and_then(|outcome| outcome.outcome);
        let outcome = outcome.ok_or(DomainError::Missing("the outcome"))?;
        let index = EntryIndex(leaf.index);
        let seen = match (entry.body, outcome) {
            (Some(Body::AccessRequest(request)), Outcome::Decided(decided)) => {
                let decisions = decided.decisions.into_iter().map(denied);
                let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
                let purpose = Purpose::from_number(request.purpose.into())?;
                Self::Access {
                    viewing: request.viewing.parse()?,
                    practitioner: request.practitioner_id.as_slice().try_into()?,
                    look: Look {
                        index,
                        time: TimeMs(leaf.time_ms),
                        subject: request.subject.as_slice().try_into()?,
                        ordinary: purpose != Purpose::Disaster,
                        against_will: against_will(decisions.into_iter()),
                    },
                }
            }
            (Some(Body::SecurityAlert(alert)), Outcome::Accepted(_)) => {
                Self::Alert(alert.try_into()?)
            }
            _ => Self::Other,
        };
        Ok((index, seen))
    }
}

fn denied(network: v1::NetworkDecisionGlance) -> Result<Option<DenyReason>, DomainError> {
    use v1::network_decision_glance::Decision;
    match network.decision {
        Some(Decision::Permit(_)) => Ok(None),
        Some(Decision::Deny(denial)) => DenyReason::from_number(denial.reason.into()).map(Some),
        None => Err(DomainError::Missing("the decision")),
    }
}

/// Whether nobody was permitted to answer, and somebody not for the patient's own will.
pub(super) fn against_will(denied: impl Iterator<Item = Option<DenyReason>>) -> bool {
    let all: Option<Vec<_>> = denied.collect();
    all.is_some_and(|all| all.iter().any(|reason| reason.is_the_patients_will()))
}
