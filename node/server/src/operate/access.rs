//! Building a signed access request.

use super::practitioner;
use super::prepare::Built;
use super::subject::Named;
use crate::NodeError;
use crate::commitments::{PRACTITIONER, fresh};
use crate::ledger::Snapshot;
use crate::node::Inner;
use sekisho_domain::{AccessRequest, Action, Body, Grounds};
use sekisho_ledger::commitment::Opening;
use sekisho_proto::v1;

/// Who asks for what, as the network's people put it.
pub(super) struct Asking {
    pub patient: Option<v1::Patient>,
    pub practitioner: String,
    pub role: i32,
    pub facility: String,
    pub purpose: i32,
    pub grounds: Grounds,
    pub categories: Option<v1::CategorySet>,
    /// Empty: every member network.
    pub targets: Vec<String>,
    pub action: Action,
    /// Opens the commitment to the document, when retrieving.
    pub document: Option<Opening>,
}

impl Asking {
    /// The access request, with the practitioner only as a pseudonym and a salted commitment.
    pub fn build(self, inner: &Inner, snapshot: &Snapshot<'_>) -> Result<Built, NodeError> {
        let subject = Named::try_from(self.patient)?.resolve(&inner.store)?;
        let id = practitioner::own(inner, &self.practitioner)?;
        let practitioner = fresh(
            inner.environment.as_ref(),
            PRACTITIONER,
            self.practitioner.as_bytes(),
        )?;
        let mut targets = self.targets;
        if targets.is_empty() {
            let members = snapshot.view().networks()?;
            // Its own patients a network knows without asking.
            let own = (self.action == Action::FindPatients).then_some(&inner.network);
            let asked = members.into_iter().filter(|(id, _)| Some(id) != own);
            targets = asked.map(|(id, _)| id.to_string()).collect();
        }
        let wire = v1::AccessRequest {
            viewing: inner.network.to_string(),
            facility: self.facility,
            role: self.role,
            practitioner: practitioner.commitment().0.to_vec(),
            purpose: self.purpose,
            subject: subject.0.to_vec(),
            action: self.action.number().into(),
            document: self
                .document
                .as_ref()
                .map(|opening| opening.commitment().0.to_vec()),
            categories: self.categories,
            targets,
            practitioner_id: id.0.to_vec(),
            grounds: Some(self.grounds.into()),
        };
        let request = AccessRequest::try_from(wire)?;
        // Here a request is new: one that is sent again spends nothing.
        inner.spending.spend(
            &self.practitioner,
            request.facility.as_str(),
            request.purpose,
            inner.environment.now(),
        )?;
        Ok(Built {
            about: subject,
            body: Body::AccessRequest(request),
            openings: [Some(practitioner), self.document]
                .into_iter()
                .flatten()
                .collect(),
        })
    }
}
