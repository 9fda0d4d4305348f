//! What would be decided, without asking: nothing is signed, nobody is told, nothing is recorded.

use super::subject::Named;
use crate::NodeError;
use crate::ledger::{Snapshot, ask};
use crate::node::Inner;
use sekisho_domain::{
    AccessRequest, Action, Commitment, Grounds, NetworkId, PractitionerId, Purpose, Role,
    SubjectId, SubjectRef,
};
use sekisho_proto::v1;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the ledger would decide now for one network, by this node's own replica. Consents that name practitioners count
/// for none here: nobody in particular asks.
pub(super) async fn preview(
    inner: &Arc<Inner>,
    request: v1::PreviewRequest,
) -> Result<v1::PreviewReply, NodeError> {
    let named = Named::try_from(request.patient)?;
    let network: NetworkId = request.network.parse()?;
    let facility = request.facility.parse()?;
    let role = Role::from_number(request.role.into())?;
    let purpose = Purpose::from_number(request.purpose.into())?;
    let task = Arc::clone(inner);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let subject = named.resolve(&task.store)?;
        let request = AccessRequest {
            viewing: task.network.clone(),
            facility,
            role,
            practitioner: Commitment([0; 32]),
            practitioner_id: PractitionerId([0; 16]),
            purpose,
            grounds: Grounds::Ordinary,
            subject,
            action: Action::FindDocuments,
            document: None,
            categories: None,
            targets: [network.clone()].into(),
        };
        request.check()?;
        let now = task.environment.now();
        let view = snapshot.view();
        let decided = sekisho_ledger::authorize(view, &request, now)?;
        let decision = decided.first().ok_or(NodeError::Forbidden)?;
        let outlook = sekisho_ledger::outlook(view, &request, &network, now)?;
        let missing = outlook.missing.into_iter();
        Ok(v1::PreviewReply {
            decision: Some(decision.into()),
            granted: outlook.granted.iter().map(|c| c.number().into()).collect(),
            missing: missing
                .map(|one| v1::MissingThing {
                    reason: one.reason.number().into(),
                    side: one.side.map_or(0, |side| side.number().into()),
                    agreement: one.agreement.as_ref().map(Into::into),
                    known: one.known,
                })
                .collect(),
            links: links(&task, snapshot, subject, &network)?,
        })
    })
    .await
}

/// Whom somebody said this patient is in another network, and whom a search of this network found there.
fn links(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    subject: SubjectId,
    network: &NetworkId,
) -> Result<Vec<v1::PossibleLink>, NodeError> {
    let own = SubjectRef {
        network: inner.network.clone(),
        subject,
    };
    let mut links: BTreeMap<SubjectRef, v1::PossibleLink> = BTreeMap::new();
    let known = snapshot.view().links_of(&own, network)?.into_iter();
    // What both took back is no link any more.
    for (subject, said) in known.filter(|(_, link)| !link.said_by.is_empty()) {
        let network = network.clone();
        let link = links.entry(SubjectRef { network, subject }).or_default();
        link.said_here = said.said_by.contains_key(&inner.network);
        link.said_there = said.said_by.keys().any(|by| *by != inner.network);
    }
    for (of, other, found) in inner.store.proposals()? {
        if of == subject && other.network == *network && found.here {
            let link = links.entry(other).or_default();
            link.found = true;
            link.certain = found.certain && !found.disaster;
        }
    }
    let links = links.into_iter();
    Ok(links
        .map(|(other, link)| v1::PossibleLink {
            other: Some(v1::SubjectRef::from(&other)),
            ..link
        })
        .collect())
}
