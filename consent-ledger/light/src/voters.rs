//! The named voters, as far as they are known: where they answer, and by which key they sign.

use crate::LightError;
use crate::limits::{REPLY_BYTES_MAX, VOTERS_MAX, VOTERS_MIN};
use sekisho_domain::{Genesis, NetworkId, ReplicaId};
use sekisho_ledger::attested::Voter;
use sekisho_ledger::record::Replica;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::Submitter;
use sekisho_transport::{ClientLimits, Expected, Identity, PeerDirectory, TransportError, channel};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use tonic::transport::Channel;

/// One voter, and the way to it.
pub(crate) struct Known {
    pub(crate) voter: Voter,
    endpoint: String,
    channel: Channel,
    pub(crate) submitter: Submitter,
}

impl Known {
    pub(crate) fn client(&self) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.channel.clone()).max_decoding_message_size(REPLY_BYTES_MAX)
    }
}

/// Those that are named and vote.
pub(crate) struct Voters {
    named: BTreeSet<ReplicaId>,
    identity: Identity,
    directory: Arc<dyn PeerDirectory>,
    known: RwLock<Arc<Vec<Arc<Known>>>>,
}

impl Voters {
    /// Those of the founding file: the first two that are believed must be known by it.
    pub(crate) fn founded(
        genesis: &Genesis,
        named: &[ReplicaId],
        identity: Identity,
        directory: Arc<dyn PeerDirectory>,
    ) -> Result<Self, LightError> {
        let named: BTreeSet<_> = named.iter().copied().collect();
        if !(VOTERS_MIN..=VOTERS_MAX).contains(&named.len()) {
            let got = named.len();
            return Err(LightError::Config(format!(
                "{got} voters are named; {VOTERS_MIN} to {VOTERS_MAX} may be"
            )));
        }
        let founders = genesis.replicas.iter();
        let founders: Vec<_> = founders.filter(|r| named.contains(&r.id)).collect();
        let networks: BTreeSet<_> = founders.iter().map(|r| &r.network).collect();
        if networks.len() < VOTERS_MIN {
            return Err(LightError::Config(format!(
                "of the voters named, {} are in the founding file, of {} networks; name at least two founding \
                 replicas of two networks: by what they say alike the others are known",
                founders.len(),
                networks.len()
            )));
        }
        let voters = Self {
            named,
            identity,
            directory,
            known: RwLock::default(),
        };
        let known = founders.into_iter().map(|founder| {
            let replica = Replica {
                network: founder.network.clone(),
                endpoint: founder.endpoint.clone(),
                transport_key: founder.transport_key,
                checkpoint_key: founder.checkpoint_key,
                votes_from: Some(0),
                retired: None,
            };
            voters.known(founder.id, &replica)
        });
        let known = known.collect::<Result<_, _>>()?;
        voters.put(known);
        Ok(voters)
    }

    pub(crate) fn named(&self) -> &BTreeSet<ReplicaId> {
        &self.named
    }

    /// Those that are named and vote.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Known>>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }

    /// Takes over which replicas vote, as two voters said: one that was retired is asked no more, even where fewer than
    /// two are left and nothing can be believed from now on.
    pub(crate) fn set(&self, replicas: &[(ReplicaId, Replica)]) -> Result<(), LightError> {
        let votes = |r: &Replica| r.votes_from.is_some() && r.retired.is_none();
        let standing = replicas.iter().filter(|(_, replica)| votes(replica));
        let standing = standing.filter(|(id, _)| self.named.contains(id));
        let known: Vec<_> = standing
            .map(|(id, replica)| self.known(*id, replica))
            .collect::<Result<_, _>>()?;
        self.put(known.clone());
        let networks: BTreeSet<&NetworkId> = known.iter().map(|k| &k.voter.network).collect();
        if networks.len() < VOTERS_MIN {
            return Err(LightError::Config(format!(
                "of the voters named, {} still vote, of {} networks; name others in [node] voters",
                known.len(),
                networks.len()
            )));
        }
        Ok(())
    }

    fn put(&self, known: Vec<Arc<Known>>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    fn known(&self, id: ReplicaId, replica: &Replica) -> Result<Arc<Known>, TransportError> {
        let voter = Voter {
            replica: id,
            network: replica.network.clone(),
            key: replica.checkpoint_key,
        };
        let all = self.all();
        let same = |k: &&Arc<Known>| k.voter == voter && k.endpoint == replica.endpoint;
        if let Some(known) = all.iter().find(same) {
            return Ok(Arc::clone(known));
        }
        let expected = Expected::Network(replica.network.clone());
        let (directory, limits) = (Arc::clone(&self.directory), ClientLimits::default());
        let endpoint = replica.endpoint.clone();
        let channel = channel(&endpoint, expected, &self.identity, directory, limits)?;
        Ok(Arc::new(Known {
            voter,
            endpoint,
            submitter: Submitter::new(channel.clone()),
            channel,
        }))
    }
}
