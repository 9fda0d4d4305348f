//! Whom a request is about.

use crate::NodeError;
use crate::blocking::blocking;
use crate::environment::random;
use crate::ledger::ask;
use crate::node::Inner;
use crate::store::NodeStore;
use sekisho_documents::Patient;
use sekisho_domain::SubjectId;
use sekisho_proto::v1;
use std::sync::Arc;

/// A patient as the network's people name one.
pub(super) enum Named {
    /// By a facility's local id.
    Chart(Patient),
    /// By pseudonym.
    Subject(SubjectId),
}

impl TryFrom<Option<v1::Patient>> for Named {
    type Error = NodeError;
    fn try_from(wire: Option<v1::Patient>) -> Result<Self, NodeError> {
        use v1::patient::Patient as Wire;
        match wire.and_then(|p| p.patient) {
            None => Err(NodeError::Invalid("the patient is missing")),
            Some(Wire::Subject(bytes)) => Ok(Self::Subject(SubjectId::try_from(bytes.as_slice())?)),
            Some(Wire::Local(local)) => Ok(Self::Chart(Patient {
                facility: local.facility.parse()?,
                local_patient_id: local
                    .local_id
                    .parse()
                    .map_err(|_| NodeError::Invalid("the local patient id is not a valid one"))?,
            })),
        }
    }
}

impl Named {
    /// The pseudonym, where it is one of this node's or was before it was erased. Blocks.
    ///
    /// # Errors
    /// [`NodeError::NoSuchPatient`], or the store failed.
    pub fn resolve_or_erased(&self, store: &NodeStore) -> Result<SubjectId, NodeError> {
        match self {
            Self::Subject(subject) if store.erased(subject)?.is_some() => Ok(*subject),
            named => named.resolve(store),
        }
    }

    /// The pseudonym, which must be one of this node's. Blocks.
    ///
    /// # Errors
    /// [`NodeError::NoSuchPatient`], or the store failed.
    pub fn resolve(&self, store: &NodeStore) -> Result<SubjectId, NodeError> {
        let known = match self {
            Self::Chart(patient) => store.subject_of(patient)?,
            Self::Subject(subject) => (!store.charts_of(subject)?.is_empty()).then_some(*subject),
        };
        known.ok_or(NodeError::NoSuchPatient)
    }
}

/// The pseudonym of a patient; made if there is none and `create` says so.
pub(super) async fn subject(
    inner: &Arc<Inner>,
    request: v1::SubjectRequest,
) -> Result<v1::SubjectReply, NodeError> {
    let named = Named::try_from(request.patient)?;
    if let (Named::Chart(patient), true) = (&named, request.create) {
        // A slip in a facility's code would make a patient nobody ever finds again.
        let (facility, network) = (patient.facility.clone(), inner.network.clone());
        let own = ask(inner.ledger.as_ref(), move |snapshot| {
            Ok(snapshot.view().facility_of(&facility, &network)?.is_some())
        });
        if !own.await? {
            return Err(NodeError::Invalid(
                "the facility is not one of this network's",
            ));
        }
    }
    let task = Arc::clone(inner);
    let (subject, created) = blocking(move || match &named {
        Named::Chart(patient) if request.create => {
            let fresh = SubjectId(random(task.environment.as_ref())?);
            Ok(task.store.subject_or(patient, fresh)?)
        }
        named => Ok((named.resolve(&task.store)?, false)),
    })
    .await?;
    Ok(v1::SubjectReply {
        network: inner.network.to_string(),
        subject: subject.0.to_vec(),
        created,
    })
}
