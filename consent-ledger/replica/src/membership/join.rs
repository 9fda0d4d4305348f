//! Taking a place: the store of a new replica filled from any peer, and nothing written that was not verified.
//!
//! ```text
//! peer: checkpoint ─▶ claimed size and root
//! peer: leaves, some thousand at a time
//!   each applied again: signatures checked, rules run, the same bytes must come out
//!   peer: consistency proof of the tree so far with the claimed root ─▶ holds: written, durably
//! at the end: the voters that the tree itself names cosigned its root, and it gives this replica its place
//! ```
//!
//! What is written is a beginning of the claimed tree, each leaf following from an entry its author signed; no
//! replica starts on it before its end. Cut off anywhere, it goes on where it was, with this peer or another: what
//! is there is first proved to be a beginning of the new peer's tree. A peer that serves altered history is caught
//! by the proof or by the leaf itself, before anything of it is written.

use super::place;
use crate::checkpoint::{Claimed, Cosigned};
use crate::config::{Config, Keys};
use crate::directory::Directory;
use crate::store::{Import, blocking};
use crate::tiles::Tiles;
use crate::{ReplicaError, state_error};
use sekisho_domain::{Genesis, Hash, NetworkId};
use sekisho_ledger::merkle::{RightEdge, leaf_hash, parse_proof, verify_consistency};
use sekisho_ledger::{Leaf, Nodes, ProofError, ledger_id};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_transport::{ClientLimits, Deadline, Expected, Failure, channel, classify, outgoing};
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;

/// Leaves between two proofs and two writes: what is lost at most by a cut.
const LEAVES_AT_ONCE: u64 = 1024;
/// Time for a peer to learn that this machine was given a place: it follows the leader within a heartbeat or two.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);
/// Pause before a peer that refused is asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// Time for a peer to answer a question, or to send the next leaf.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The network that runs it: it must show a key of this network.
    pub network: NetworkId,
    /// `host:port` where it answers.
    pub endpoint: String,
}

/// What a join came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Leaves in the store now.
    pub size: u64,
    /// Of these, leaves that an earlier run had fetched.
    pub resumed: u64,
    /// Their root.
    pub root: Hash,
}

/// Why a peer could not be used, or nothing could.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The peer does not answer, or answers an error.
    #[error("{peer} does not answer: {what}")]
    Unreachable {
        /// Where.
        peer: String,
        /// What it said, if anything.
        what: String,
    },
    /// What the peer serves is not this ledger's history.
    #[error("{peer} serves a history that does not hold: {what}")]
    Altered {
        /// Where.
        peer: String,
        /// The first thing that does not hold.
        what: String,
    },
    /// No peer could be used.
    #[error("no peer could be used: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoPeer(Vec<JoinError>),
    /// The store cannot be filled, or the ledger gives this replica no place.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Fills the store of the replica that `config` names from the first of these peers that can be used, and checks that
/// the ledger gives it its place. `progress` hears of how many of how many leaves are done.
///
/// # Errors
/// [`JoinError::NoPeer`] with why each could not be used; or the store is not one of a replica that has never run.
pub async fn join(
    config: &Config,
    genesis: &Genesis,
    keys: &Keys,
    peers: &[Source],
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Joined, JoinError> {
    let (opening, founding) = (config.clone(), genesis.clone());
    let directory = Arc::new(Directory::default());
    let known = Arc::clone(&directory);
    let (store, resumed) = blocking(move || {
        let store = Import::open(&opening, &founding)?;
        known.reload(&store.state()?)?;
        let size = store.size()?;
        Ok((Arc::new(store), size))
    })
    .await?;
    let mut joining = Joining {
        config,
        genesis,
        keys,
        store,
        directory,
        progress,
    };
    let mut faults = Vec::new();
    for peer in peers {
        match joining.fetch(peer).await {
            Ok(checkpoint) => {
                let (size, root) = (checkpoint.checkpoint.size(), checkpoint.checkpoint.root());
                joining.complete(checkpoint).await?;
                return Ok(Joined {
                    size,
                    resumed,
                    root,
                });
            }
            Err(error @ JoinError::Replica(_)) => return Err(error),
            Err(fault) => {
                tracing::warn!(%fault, "a peer could not be used");
                faults.push(fault);
            }
        }
    }
    Err(JoinError::NoPeer(faults))
}

struct Joining<'a> {
    config: &'a Config,
    genesis: &'a Genesis,
    keys: &'a Keys,
    store: Arc<Import>,
    directory: Arc<Directory>,
    progress: &'a mut (dyn FnMut(u64, u64) + Send),
}

/// One peer.
struct Line {
    peer: String,
    client: LedgerServiceClient<crate::raft::network::Line>,
}

impl Line {
    fn unreachable(&self, status: &Status) -> JoinError {
        let said = match classify(status) {
            Failure::Refused => "it does not know this machine's key, or refuses it".to_owned(),
            Failure::WrongCertificate => "it does not show a key of its network".to_owned(),
            _ => status.message().to_owned(),
        };
        let peer = self.peer.clone();
        JoinError::Unreachable { peer, what: said }
    }

    fn silent(&self) -> JoinError {
        let (peer, what) = (self.peer.clone(), "it fell silent".to_owned());
        JoinError::Unreachable { peer, what }
    }

    fn altered(&self, what: impl ToString) -> JoinError {
        let (peer, what) = (self.peer.clone(), what.to_string());
        JoinError::Altered { peer, what }
    }

    /// A peer that has not applied this machine's allocation yet refuses it for a moment.
    async fn checkpoint(&mut self, min_size: u64) -> Result<String, JoinError> {
        let known_by = Deadline::after(KNOWN_WITHIN);
        loop {
            let message = v1::CheckpointRequest { min_size };
            let request = outgoing(message, Deadline::after(PEER_TIMEOUT));
            match self.client.checkpoint(request).await {
                Ok(reply) => return Ok(reply.into_inner().note),
                Err(status)
                    if classify(&status) == Failure::Refused && !known_by.remaining().is_zero() =>
                {
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
                Err(status) => return Err(self.unreachable(&status)),
            }
        }
    }

    async fn consistency(&mut self, size1: u64, size2: u64) -> Result<Vec<Hash>, JoinError> {
        if size1 == 0 || size1 == size2 {
            return Ok(Vec::new());
        }
        let request = v1::ConsistencyProofRequest { size1, size2 };
        let request = outgoing(request, Deadline::after(PEER_TIMEOUT));
        let reply = self.client.consistency_proof(request).await;
        let reply = reply.map_err(|s| self.unreachable(&s))?.into_inner();
        parse_proof(&reply.hashes).map_err(|e| self.altered(e))
    }

    /// Leaves from an index on, as encoded.
    async fn leaves(&mut self, from: u64, until: u64) -> Result<Vec<Vec<u8>>, JoinError> {
        let max = u32::try_from(until - from).unwrap_or(u32::MAX);
        let request = v1::LeavesRequest { from, max };
        let request = outgoing(request, Deadline::after(PEER_TIMEOUT));
        let stream = self.client.leaves(request).await;
        let mut stream = stream.map_err(|s| self.unreachable(&s))?.into_inner();
        let mut leaves = Vec::new();
        for expected in from..until {
            let next = tokio::time::timeout(PEER_TIMEOUT, stream.message()).await;
            let reply = next.map_err(|_| self.silent())?;
            let reply = reply.map_err(|s| self.unreachable(&s))?;
            let reply = reply.ok_or_else(|| self.silent())?;
            if reply.index != expected {
                return Err(self.altered(format!("leaf {} came for {expected}", reply.index)));
            }
            leaves.push(reply.leaf);
        }
        Ok(leaves)
    }
}

/// Checks that one tree is the beginning of another.
fn continues(size: u64, root: &Hash, claimed: &Claimed, proof: &[Hash]) -> Result<(), ProofError> {
    let checkpoint = claimed.checkpoint();
    if size == 0 {
        return Ok(());
    }
    verify_consistency(size, checkpoint.size(), proof, root, &checkpoint.root())
}

impl Joining<'_> {
    /// Fetches everything up to a peer's checkpoint.
    async fn fetch(&mut self, peer: &Source) -> Result<Cosigned, JoinError> {
        let channel = channel(
            &peer.endpoint,
            Expected::Network(peer.network.clone()),
            &self.keys.transport,
            Arc::clone(&self.directory) as _,
            ClientLimits::default(),
        )
        .map_err(ReplicaError::from)?;
        #[cfg(feature = "simulation")]
        let channel = match &self.config.world {
            Some(world) => world.line(&peer.endpoint),
            None => channel.into(),
        };
        let mut line = Line {
            peer: format!("{} ({})", peer.endpoint, peer.network),
            client: LedgerServiceClient::new(channel),
        };
        let store = Arc::clone(&self.store);
        let (mut edge, root) = blocking(move || {
            let state = store.state()?;
            let edge = RightEdge::load(&Nodes(&state), store.size()?);
            let edge = edge.map_err(|e| ReplicaError::State(Box::new(e)))?;
            let root = edge.root();
            Ok((edge, root))
        })
        .await?;
        // The tree must hold the entry that gives this replica its place, and all that is here already.
        let place = self.config.replica.index().saturating_add(1);
        let note = line.checkpoint(edge.size().max(place)).await?;
        let ledger = ledger_id(self.genesis);
        let claimed = Claimed::parse(ledger, note.as_bytes()).map_err(|e| line.altered(e))?;
        let wanted = claimed.checkpoint().size();
        if wanted < edge.size() {
            return Err(line.altered(format!(
                "its checkpoint covers {wanted} leaves, {} are here already",
                edge.size()
            )));
        }
        let proof = line.consistency(edge.size(), wanted).await?;
        continues(edge.size(), &root, &claimed, &proof).map_err(|e| line.altered(e))?;
        while edge.size() < wanted {
            let from = edge.size();
            let until = wanted.min(from.saturating_add(LEAVES_AT_ONCE));
            let bytes = line.leaves(from, until).await?;
            let mut leaves = Vec::with_capacity(bytes.len());
            for (index, bytes) in (from..).zip(&bytes) {
                let leaf = Leaf::decode(bytes);
                leaves.push(leaf.map_err(|e| line.altered(format!("leaf {index}: {e}")))?);
                edge.append(leaf_hash(bytes)).map_err(|e| line.altered(e))?;
            }
            let proof = line.consistency(until, wanted).await?;
            continues(until, &edge.root(), &claimed, &proof)
                .map_err(|e| line.altered(format!("up to leaf {until}: {e}")))?;
            let (store, directory) = (Arc::clone(&self.store), Arc::clone(&self.directory));
            let written = blocking(move || {
                let differs = store.append(&leaves, &bytes)?;
                directory.reload(&store.state()?)?;
                Ok(differs)
            });
            if let Err(differs) = written.await? {
                let index = from + differs.place as u64;
                return Err(line.altered(format!("leaf {index}: {}", differs.why)));
            }
            (self.progress)(until, wanted);
        }
        let store = Arc::clone(&self.store);
        let voters = blocking(move || {
            let state = store.state()?;
            let voters = sekisho_ledger::View(&state).checkpoint_voters(wanted);
            voters.map_err(state_error)
        })
        .await?;
        claimed.verify(&voters).map_err(|e| line.altered(e))
    }

    /// Makes it the store of a replica that may start.
    async fn complete(self, checkpoint: Cosigned) -> Result<(), JoinError> {
        place(
            &self.directory.replicas(),
            self.config.replica,
            self.keys,
            false,
        )?;
        let (store, config) = (self.store, self.config.clone());
        let completed = blocking(move || {
            Tiles::of(&config.data_dir).write_checkpoint(&checkpoint.note)?;
            let (size, root) = (checkpoint.checkpoint.size(), checkpoint.checkpoint.root());
            let store = Arc::into_inner(store).ok_or(ReplicaError::ShutDown)?;
            store.complete(size, root)
        });
        Ok(completed.await?)
    }
}
