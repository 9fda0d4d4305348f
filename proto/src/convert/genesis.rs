//! The founding act.

use crate::v1;
use sekisho_domain::{FoundingNetwork, FoundingReplica, Genesis};

impl From<&Genesis> for v1::Genesis {
    fn from(g: &Genesis) -> Self {
        Self {
            created_ms: g.created.0,
            networks: g
                .networks
                .iter()
                .map(
                    |FoundingNetwork {
                         id,
                         name,
                         governance_key,
                     }| v1::FoundingNetwork {
                        id: id.to_string(),
                        name: name.clone(),
                        governance_key: governance_key.0.to_vec(),
                    },
                )
                .collect(),
            replicas: g
                .replicas
                .iter()
                .map(
                    |FoundingReplica {
                         id,
                         network,
                         endpoint,
                         transport_key,
                         checkpoint_key,
                     }| v1::FoundingReplica {
                        id: id.0,
                        network: network.to_string(),
                        endpoint: endpoint.clone(),
                        transport_key: transport_key.0.to_vec(),
                        checkpoint_key: checkpoint_key.0.to_vec(),
                    },
                )
                .collect(),
        }
    }
}
