//! The first network's node as a client of any replica: real channels, mutual TLS, every acknowledgement checked.

use crate::Town;
use sekisho_domain::{EntryIndex, Hash, KeyId, Outcome, PublicKey, RequestId};
use sekisho_ledger::signature::VerifyingKey;
use sekisho_ledger::{Leaf, merkle};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::{SubmitError, Submitted, acknowledged};
use sekisho_transport::limits::{ANSWER_WINDOW_BYTES, ANSWERS_WINDOW_BYTES};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Peer, PeerDirectory, channel, key_id, outgoing,
};
use std::sync::Arc;
use std::time::Duration;
use tonic::Code;
use tonic::transport::Channel;

/// How long a question may take that needs nobody else's answer.
const ASK: Duration = Duration::from_secs(2);
/// How long reading all leaves may take.
const READ_ALL: Duration = Duration::from_secs(55);
/// What a connection may take, and what may be silent on one, before it is given up.
const LIMITS: ClientLimits = ClientLimits {
    connect_timeout: Duration::from_secs(1),
    keep_alive_interval: Duration::from_secs(1),
    keep_alive_timeout: Duration::from_secs(2),
    answer_window_bytes: ANSWER_WINDOW_BYTES,
    answers_window_bytes: ANSWERS_WINDOW_BYTES,
};

/// An entry a replica acknowledged, its signature checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledged {
    /// Its place.
    pub index: EntryIndex,
    /// Its leaf's hash.
    pub leaf_hash: Hash,
    /// What it came to.
    pub outcome: Outcome,
    /// The checkpoint key that signed.
    pub by: KeyId,
}

/// What a submission came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is on the ledger.
    Done(Acknowledged),
    /// It is not, and will not be.
    NotSent,
    /// Nobody knows: ask by request id.
    Unknown,
}

/// Where a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether it serves.
    pub ready: bool,
    /// The leader it knows, counted from 0.
    pub leader: Option<usize>,
    /// Its Raft term.
    pub term: u64,
    /// Leaves applied.
    pub size: u64,
    /// Their root.
    pub root: Vec<u8>,
    /// What an operator must look at.
    pub alarms: Vec<String>,
}

/// Nobody else's word is needed: every server's key is told by the genesis file.
struct Nobody;

impl PeerDirectory for Nobody {
    fn peer(&self, _key: &PublicKey) -> Option<Peer> {
        None
    }
}

/// Connections to all replicas.
#[derive(Clone)]
pub struct Caller {
    town: Arc<Town>,
    channels: Vec<Channel>,
}

impl Caller {
    /// Connects at the first question. Called within a runtime.
    pub fn new(town: &Arc<Town>) -> Self {
        let identity = town.members[0].identity();
        let channels = town.genesis.replicas.iter().map(|replica| {
            let expected = Expected::Key(key_id(&replica.transport_key));
            channel(
                &replica.endpoint,
                expected,
                &identity,
                Arc::new(Nobody),
                LIMITS,
            )
            .expect("a channel")
        });
        Self {
            channels: channels.collect(),
            town: Arc::clone(town),
        }
    }

    /// The networks it speaks for.
    pub fn town(&self) -> &Arc<Town> {
        &self.town
    }

    /// How many replicas there are.
    pub fn replicas(&self) -> usize {
        self.channels.len()
    }

    fn client(&self, replica: usize) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.channels[replica].clone())
    }

    /// Submits at a replica. An entry that is refused as invalid, or acknowledged wrongly, is a failure.
    pub async fn submit(
        &self,
        replica: usize,
        envelope: &v1::Envelope,
        patience: Duration,
    ) -> Answer {
        let request = v1::SubmitRequest {
            envelope: Some(envelope.clone()),
            forwarded: false,
            acknowledge: true,
        };
        let deadline = Deadline::after(patience);
        let mut client = self.client(replica);
        let asked = deadline.bound(client.submit(outgoing(request, deadline)));
        match asked.await {
            Ok(Ok(reply)) => {
                let submitted = Submitted::try_from(reply.into_inner())
                    .unwrap_or_else(|e| panic!("replica {replica} acknowledged something: {e}"));
                Answer::Done(self.checked(submitted))
            }
            Ok(Err(status)) => match SubmitError::of(&status) {
                SubmitError::Unknown => Answer::Unknown,
                SubmitError::Unavailable | SubmitError::Overloaded | SubmitError::Stopped => {
                    Answer::NotSent
                }
                error => panic!("replica {replica} refused an entry of ours: {error}"),
            },
            Err(_) => Answer::Unknown,
        }
    }

    fn checked(&self, submitted: Submitted) -> Acknowledged {
        let message = acknowledged(&self.town.ledger, submitted.index, &submitted.leaf_hash);
        let keys = self.town.genesis.replicas.iter().map(|replica| {
            VerifyingKey::parse(&replica.checkpoint_key).expect("a founder's key is a key")
        });
        let Some(said) = &submitted.acknowledgement else {
            panic!("not acknowledged, though asked to: {submitted:?}");
        };
        let signer = keys
            .into_iter()
            .find(|key| key.key_id() == said.by)
            .unwrap_or_else(|| panic!("acknowledged by a stranger: {submitted:?}"));
        signer
            .verify(&message, &said.signature)
            .unwrap_or_else(|e| panic!("an acknowledgement does not verify ({e}): {submitted:?}"));
        Acknowledged {
            index: submitted.index,
            leaf_hash: submitted.leaf_hash,
            outcome: submitted.outcome,
            by: said.by,
        }
    }

    /// What became of a request of the first network, as far as this replica says: its leaf; none if it has none.
    /// An error if it does not answer.
    pub async fn outcome_of(
        &self,
        replica: usize,
        id: RequestId,
    ) -> Result<Option<(EntryIndex, Hash, Outcome)>, Code> {
        let deadline = Deadline::after(ASK);
        let request = v1::OutcomeOfRequest {
            request_id: id.0.to_vec(),
        };
        let mut client = self.client(replica);
        let asked = deadline.bound(client.outcome_of(outgoing(request, deadline)));
        match asked.await {
            Ok(Ok(reply)) => {
                let reply = reply.into_inner();
                let leaf = Leaf::decode(&reply.leaf)
                    .unwrap_or_else(|e| panic!("replica {replica} answers no leaf: {e}"));
                assert_eq!(leaf.entry.request_id, id, "another request's leaf");
                assert_eq!(leaf.index.0, reply.index, "a leaf with two places");
                let hash = merkle::leaf_hash(&reply.leaf);
                Ok(Some((leaf.index, hash, leaf.outcome)))
            }
            Ok(Err(status)) if status.code() == Code::NotFound => Ok(None),
            Ok(Err(status)) => Err(status.code()),
            Err(status) => Err(status.code()),
        }
    }

    /// Where a replica stands; none if it does not answer.
    pub async fn standing(&self, replica: usize) -> Option<Standing> {
        let deadline = Deadline::after(ASK);
        let mut client = self.client(replica);
        let asked = deadline.bound(client.status(outgoing(v1::StatusRequest {}, deadline)));
        let status = asked.await.ok()?.ok()?.into_inner();
        let place = |id: u64| usize::try_from(id.checked_sub(1)?).ok();
        Some(Standing {
            ready: status.ready,
            leader: status.leader.and_then(place),
            term: status.term,
            size: status.tree_size,
            root: status.root,
            alarms: status.alarms,
        })
    }

    /// All leaves a replica has, from the first on, as bytes.
    pub async fn leaves(&self, replica: usize) -> Vec<Vec<u8>> {
        let deadline = Deadline::after(READ_ALL);
        let mut leaves = Vec::new();
        // A stream of its own for each part, so that no number of leaves outlives one deadline.
        loop {
            let from = leaves.len() as u64;
            let request = v1::LeavesRequest { from, max: 10_000 };
            let mut client = self.client(replica);
            let stream = client
                .leaves(outgoing(request, deadline))
                .await
                .unwrap_or_else(|e| panic!("replica {replica} does not show its leaves: {e}"));
            let mut stream = stream.into_inner();
            while let Some(reply) = stream.message().await.unwrap_or_else(|e| {
                panic!(
                    "replica {replica} ended its leaves after {}: {e}",
                    leaves.len()
                )
            }) {
                assert_eq!(reply.index, leaves.len() as u64, "leaves come in order");
                leaves.push(reply.leaf);
            }
            if leaves.len() as u64 == from {
                return leaves;
            }
        }
    }
}
