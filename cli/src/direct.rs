//! Documents fetched from the disclosing nodes themselves, without a broker between (`retrieve = "direct"`).

use crate::config::Config;
use crate::side::Side;
use sekisho_broker::{Broker, Limits};
use sekisho_domain::NetworkId;
use sekisho_node::{Carried, Carrier};
use sekisho_proto::v1;
use sekisho_transport::{Deadline, Identity};
use std::pin::Pin;
use tonic::Status;

/// Does in this process what a broker does elsewhere: the same decisions, checks and outcomes.
pub(crate) struct Direct {
    broker: Broker<Side>,
    network: NetworkId,
}

impl Direct {
    /// For this network's own people.
    pub(crate) fn new(config: &Config, side: &Side, identity: &Identity) -> Self {
        let directory = side.directory();
        let limits = Limits::default();
        Self {
            broker: Broker::new(side.clone(), identity.clone(), directory, limits),
            network: config.network.clone(),
        }
    }
}

impl Carrier for Direct {
    fn retrieve(
        &self,
        request: v1::RetrieveDocumentRequest,
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Result<Carried, Status>> + Send>> {
        let (broker, network) = (self.broker.clone(), self.network.clone());
        Box::pin(async move {
            match broker.retrieve_document(&network, request, deadline).await {
                Ok(events) => Ok(Box::pin(events) as Carried),
                Err(error) => Err(error.status()),
            }
        })
    }
}
