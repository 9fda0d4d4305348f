//! What would be decided, without asking: nothing is signed, nobody is told, nothing is recorded.

use super::subject::Named;
use crate::NodeError;
use crate::ledger::ask;
use crate::node::Inner;
use sekisho_domain::{
    AccessRequest, Action, Commitment, Grounds, NetworkId, PractitionerId, Purpose, Role,
};
use sekisho_proto::v1;
use std::sync::Arc;

/// What the ledger would decide now for one network, by this node's own replica. Consents that name practitioners count
/// for none here: nobody in particular asks.
pub(super) async fn preview(
    inner: &Arc<Inner>,
    request: v1::PreviewRequest,
) -> Result<v1::NetworkDecision, NodeError> {
    let named = Named::try_from(request.patient)?;
    let network: NetworkId = request.network.parse()?;
    let facility = request.facility.parse()?;
    let role = Role::from_number(request.role.into())?;
    let purpose = Purpose::from_number(request.purpose.into())?;
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let request = AccessRequest {
            viewing: task.network.clone(),
            facility,
            role,
            practitioner: Commitment([0; 32]),
            practitioner_id: PractitionerId([0; 16]),
            purpose,
            grounds: Grounds::Ordinary,
            subject: named.resolve(&task.store)?,
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets: [network].into(),
        };
        request.check()?;
        let now = task.environment.now();
        let decided = sekisho_ledger::authorize(snapshot.view(), &request, now)?;
        let decision = decided.first().ok_or(NodeError::Forbidden)?;
        Ok(v1::NetworkDecision::from(decision))
    })
    .await
}
