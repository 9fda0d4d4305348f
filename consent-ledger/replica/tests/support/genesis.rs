//! A ledger of invented networks, with keys derived from small numbers.

use sekisho_domain::{FoundingNetwork, FoundingReplica, Genesis, NetworkId, ReplicaId, TimeMs};
use sekisho_ledger::signature::SigningKey;
use sekisho_transport::{Identity, TransportKey};

/// The network that runs replica `n`.
pub fn network(n: u64) -> NetworkId {
    format!("net-{n}").parse().unwrap()
}

fn secret(kind: u8, n: u64) -> [u8; 32] {
    let mut secret = [kind; 32];
    secret[..8].copy_from_slice(&n.to_be_bytes());
    secret
}

/// The governance key of network `n`.
pub fn governance(n: u64) -> SigningKey {
    SigningKey::from_secret(&secret(1, n))
}

/// The checkpoint key of replica `n`.
pub fn checkpoint(n: u64) -> SigningKey {
    SigningKey::from_secret(&secret(2, n))
}

/// The transport identity of replica `n`.
pub fn transport(n: u64) -> Identity {
    Identity::new(TransportKey::from_seed(&zeroize::Zeroizing::new(secret(
        3, n,
    ))))
    .unwrap()
}

/// A ledger whose replica `n` (from 1) answers at `endpoints[n - 1]`.
pub fn genesis(endpoints: &[String]) -> Genesis {
    let ids = 1..=endpoints.len() as u64;
    Genesis {
        created: TimeMs(1_700_000_000_000),
        networks: ids
            .clone()
            .map(|n| FoundingNetwork {
                id: network(n),
                name: format!("network {n}"),
                governance_key: governance(n).public_key(),
            })
            .collect(),
        replicas: ids
            .zip(endpoints)
            .map(|(n, endpoint)| FoundingReplica {
                id: ReplicaId(n),
                network: network(n),
                endpoint: endpoint.clone(),
                transport_key: transport(n).public(),
                checkpoint_key: checkpoint(n).public_key(),
            })
            .collect(),
    }
}
