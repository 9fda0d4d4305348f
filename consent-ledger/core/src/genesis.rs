//! Founding a ledger.

use crate::ProofError;
use crate::apply::put_key;
use crate::note::KeyName;
use crate::record::{self, CoreError, Key, Network, Record, Replica};
use crate::signature::VerifyingKey;
use crate::store::{StateWrite, Table};
use crate::view::{META_KEY, Meta, NETWORKS_MAX, View, replica_key};
use prost::Message;
use sekisho_domain::{
    DomainError, Genesis, Hash, KeyPurpose, LedgerId, NetworkId, PublicKey, ReplicaId,
    check_endpoint, check_name,
};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Replicas a ledger may be founded with: each cosigns its checkpoints, and that many signatures fit a note.
pub const REPLICAS_MAX: usize = crate::note::NOTE_SIGNATURES_MAX;

/// What a founding file gets wrong; all of it is reported together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisFault {
    /// A ledger of nobody.
    #[error("no network founds the ledger")]
    NoNetwork,
    /// More members or replicas than a ledger may have.
    #[error("{got} {what} found the ledger, at most {max} may")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// The bound.
        max: usize,
    },
    /// Nobody to keep it.
    #[error("no replica is named to keep the ledger")]
    NoReplica,
    /// Networks and replicas stand in ascending order, each once.
    #[error("networks and replicas must be listed once each, in ascending order of their ids")]
    Order,
    /// A replica of a network that does not found the ledger.
    #[error("replica {0} belongs to {1}, which is not among the networks")]
    StrangerReplica(ReplicaId, NetworkId),
    /// A name or address that does not fit.
    #[error("of {network}: {fault}")]
    Text {
        /// Whose.
        network: NetworkId,
        /// What is wrong with it.
        fault: DomainError,
    },
    /// A key that may not be registered.
    #[error("a key of {network}: {fault}")]
    Key {
        /// Whose.
        network: NetworkId,
        /// What is wrong with it.
        fault: ProofError,
    },
    /// One key for two uses.
    #[error("key {0} is used more than once")]
    KeyReused(PublicKey),
}

/// The ledger's id: SHA-256 over `"sekisho/genesis/v1\n"` and the genesis' encoding.
pub fn ledger_id(genesis: &Genesis) -> LedgerId {
    let mut hash = Sha256::new();
    hash.update(b"sekisho/genesis/v1\n");
    hash.update(v1::Genesis::from(genesis).encode_to_vec());
    LedgerId(hash.finalize().into())
}

/// The origin line of a ledger's checkpoints (C2SP tlog-checkpoint).
pub fn checkpoint_origin(ledger: &LedgerId) -> String {
    format!("sekisho/{ledger}")
}

/// The founding voters as they appear on checkpoints: `replica-ID.NETWORK` and the key.
///
/// # Errors
/// [`ProofError`] where a name would not be a note's key name; ids of networks always are.
pub fn checkpoint_voters(genesis: &Genesis) -> Result<Vec<(KeyName, PublicKey)>, ProofError> {
    genesis
        .replicas
        .iter()
        .map(|r| {
            let name = voter_name(r.id, &r.network)?;
            Ok((name, r.checkpoint_key))
        })
        .collect()
}

/// A replica's name on checkpoints: `replica-ID.NETWORK`.
///
/// # Errors
/// [`ProofError`] where it would not be a note's key name; ids of networks always are.
pub fn voter_name(id: ReplicaId, network: &NetworkId) -> Result<KeyName, ProofError> {
    format!("replica-{id}.{network}").parse()
}

/// Everything that is wrong with a genesis; empty if it can found a ledger.
pub fn check_genesis(genesis: &Genesis) -> Vec<GenesisFault> {
    let mut faults = Vec::new();
    let (networks, replicas) = (&genesis.networks, &genesis.replicas);
    if networks.is_empty() {
        faults.push(GenesisFault::NoNetwork);
    }
    if networks.len() > NETWORKS_MAX {
        faults.push(GenesisFault::TooMany {
            what: "networks",
            got: networks.len(),
            max: NETWORKS_MAX,
        });
    }
    if replicas.len() > REPLICAS_MAX {
        faults.push(GenesisFault::TooMany {
            what: "replicas",
            got: replicas.len(),
            max: REPLICAS_MAX,
        });
    }
    if replicas.is_empty() {
        faults.push(GenesisFault::NoReplica);
    }
    if !networks.is_sorted_by(|a, b| a.id < b.id) || !replicas.is_sorted_by(|a, b| a.id < b.id) {
        faults.push(GenesisFault::Order);
    }
    for replica in replicas {
        if !networks.iter().any(|n| n.id == replica.network) {
            faults.push(GenesisFault::StrangerReplica(
                replica.id,
                replica.network.clone(),
            ));
        }
    }
    let names = networks.iter().map(|n| (&n.id, check_name(&n.name)));
    let endpoints = replicas
        .iter()
        .map(|r| (&r.network, check_endpoint(&r.endpoint)));
    for (network, checked) in names.chain(endpoints) {
        if let Err(fault) = checked {
            let network = network.clone();
            faults.push(GenesisFault::Text { network, fault });
        }
    }
    let mut seen = BTreeSet::new();
    for (network, key) in keys(genesis) {
        if let Err(fault) = VerifyingKey::register(&key) {
            faults.push(GenesisFault::Key {
                network: network.clone(),
                fault,
            });
        }
        if !seen.insert(key) {
            faults.push(GenesisFault::KeyReused(key));
        }
    }
    faults
}

fn keys(genesis: &Genesis) -> impl Iterator<Item = (&NetworkId, PublicKey)> {
    let governance = genesis.networks.iter().map(|n| (&n.id, n.governance_key));
    let replicas = genesis.replicas.iter();
    governance.chain(replicas.flat_map(|r| {
        [
            (&r.network, r.transport_key),
            (&r.network, r.checkpoint_key),
        ]
    }))
}

/// Founds a ledger in an empty state. Does nothing to a state that was founded by the same genesis.
///
/// # Errors
/// Storage failed; the state holds another ledger; or the genesis has faults ([`check_genesis`] tells all).
pub fn found<S: StateWrite>(
    state: &mut S,
    genesis: &Genesis,
) -> Result<LedgerId, CoreError<S::Error>> {
    let ledger = ledger_id(genesis);
    if let Some(meta) = View(&*state).meta()? {
        return if meta.ledger == ledger {
            Ok(ledger)
        } else {
            Err(CoreError::Tree(format!(
                "the state holds ledger {}, the genesis founds {ledger}",
                meta.ledger
            )))
        };
    }
    if let Some(fault) = check_genesis(genesis).first() {
        return Err(CoreError::Tree(fault.to_string()));
    }
    for network in &genesis.networks {
        let value = Network {
            name: network.name.clone(),
        };
        record::put(
            state,
            Table::Network,
            network.id.as_str().as_bytes(),
            &Record::founded(value),
        )?;
        found_key(
            state,
            &network.id,
            KeyPurpose::Governance,
            network.governance_key,
            None,
        )?;
    }
    for replica in &genesis.replicas {
        let endpoint = Some(replica.endpoint.clone());
        found_key(
            state,
            &replica.network,
            KeyPurpose::Transport,
            replica.transport_key,
            endpoint,
        )?;
        found_key(
            state,
            &replica.network,
            KeyPurpose::Checkpoint,
            replica.checkpoint_key,
            None,
        )?;
        let value = Replica {
            network: replica.network.clone(),
            endpoint: replica.endpoint.clone(),
            transport_key: replica.transport_key,
            checkpoint_key: replica.checkpoint_key,
            votes_from: Some(0),
            retired: None,
        };
        let key = replica_key(replica.id);
        record::put(state, Table::Replica, &key, &Record::founded(value))?;
    }
    let digest = Hash(ledger.0);
    let meta = Meta {
        ledger,
        lineage: 1,
        size: 0,
        time: genesis.created,
        digest,
    };
    record::put(state, Table::Meta, META_KEY, &Record::founded(meta))?;
    Ok(ledger)
}

fn found_key<S: StateWrite>(
    state: &mut S,
    network: &NetworkId,
    purpose: KeyPurpose,
    public_key: PublicKey,
    endpoint: Option<String>,
) -> Result<(), CoreError<S::Error>> {
    put_key(
        state,
        &Record::founded(Key {
            network: network.clone(),
            purpose,
            public_key,
            endpoint,
            revoked: None,
        }),
    )
}
