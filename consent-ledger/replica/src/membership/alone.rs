//! What a replica does that no leader reaches: it asks the others.
//!
//! It may have been retired while it was away: they answer, but send it nothing. Or one leads that was given its place
//! meanwhile, and whose key it does not know: it sends entries, and is turned away. The entry that gave it its place is
//! among those this replica lacks; any of the others shows it, and its network's signature under it is what counts.

use crate::replica::Replica;
use crate::{ReplicaError, state_error};
use sekisho_domain::ReplicaId;
use sekisho_ledger::record::Replica as Place;
use sekisho_ledger::{Leaf, Strict, place_to_come};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::Status;

/// Why a replica that leads is not let in.
#[derive(Debug, thiserror::Error)]
enum NotMet {
    #[error("the peer shows no entry: {}", .0.message())]
    Silent(#[from] Status),
    #[error("the entry of its id gives it no place that a governance key known here signed")]
    NoPlace,
    #[error(transparent)]
    Store(#[from] ReplicaError),
}

impl Replica {
    /// Asks the replicas this one knows how they stand, and goes by what they say.
    ///
    /// # Errors
    /// [`ReplicaError::Retired`] where more than half of the other voters this replica knows say so.
    pub(super) async fn when_alone(&self, at_most: Duration) -> Result<(), ReplicaError> {
        let own = self.config().replica;
        let replicas = self.directory_of_replicas().replicas();
        let others: Vec<ReplicaId> = replicas
            .iter()
            .filter(|(id, r)| **id != own && r.retired.is_none())
            .map(|(id, _)| *id)
            .collect();
        let deadline = Deadline::after(at_most);
        let asked = others.iter().map(|id| async {
            let mut client = LedgerServiceClient::new(self.channel(id.0).ok()?);
            let request = outgoing(v1::StatusRequest {}, deadline);
            let reply = deadline.bound(client.status(request)).await.ok()?.ok()?;
            Some((*id, reply.into_inner()))
        });
        let said = futures::future::join_all(asked).await;
        let said: BTreeMap<ReplicaId, v1::StatusReply> = said.into_iter().flatten().collect();
        let votes = |id: &&ReplicaId| replicas.get(id).is_some_and(|r| r.votes_from.is_some());
        let disowns = |id: &&ReplicaId| said.get(id).is_some_and(|s| s.retired.contains(&own.0));
        let voters: Vec<&ReplicaId> = others.iter().filter(votes).collect();
        if 2 * voters.iter().copied().filter(disowns).count() > voters.len() {
            return Err(ReplicaError::Retired {
                replica: own,
                by: None,
            });
        }
        let members = self.members();
        for (peer, leader) in said.iter().filter_map(|(id, s)| Some((id, s.leader?))) {
            if !members.contains_key(&leader) && self.meet(*peer, ReplicaId(leader), at_most).await
            {
                break;
            }
        }
        Ok(())
    }

    /// Lets in a replica that leads, by the entry that gave it its place.
    async fn meet(&self, peer: ReplicaId, leader: ReplicaId, at_most: Duration) -> bool {
        match self.place_of(peer, leader, Deadline::after(at_most)).await {
            Ok(place) => {
                let network = &place.network;
                tracing::info!(%leader, %network, %peer, "a new replica leads: let in by its network's word");
                self.directory_of_replicas().introduce(leader, place);
                true
            }
            Err(why) => {
                tracing::warn!(%leader, %peer, %why, "a new replica leads, and cannot be let in");
                false
            }
        }
    }

    /// The place of a replica that the applied state has not come to, as a peer shows it.
    async fn place_of(
        &self,
        peer: ReplicaId,
        of: ReplicaId,
        deadline: Deadline,
    ) -> Result<Place, NotMet> {
        let asked = v1::LeavesRequest {
            from: of.index(),
            max: 1,
        };
        let asked = outgoing(asked, deadline);
        let mut client = LedgerServiceClient::new(self.channel(peer.0)?);
        let reply = deadline.bound(async {
            let mut leaves = client.leaves(asked).await?.into_inner();
            leaves.message().await
        });
        let reply = reply.await?.map_err(NotMet::Silent)?;
        let shown = reply.and_then(|reply| Leaf::decode(&reply.leaf).ok());
        let place = self.read(move |state| {
            let place = shown.map(|leaf| place_to_come(state, &leaf, &Strict));
            Ok(place.transpose().map_err(state_error)?.flatten())
        });
        match place.await? {
            Some((id, place)) if id == of => Ok(place),
            _ => Err(NotMet::NoPlace),
        }
    }
}
