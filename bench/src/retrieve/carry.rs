//! What fetches documents for the viewing node: its network's broker, or a part of its own process, by turns.

use sekisho_broker::Broker;
use sekisho_domain::NetworkId;
use sekisho_node::{Carried, Carrier};
use sekisho_proto::v1;
use sekisho_replica::Replica;
use sekisho_transport::Deadline;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tonic::Status;
use tonic::transport::Channel;

pub(super) struct ByTurns {
    pub here: Broker<Replica>,
    pub network: NetworkId,
    pub broker: Channel,
    pub direct: AtomicBool,
}

pub(super) struct Shared(pub Arc<ByTurns>);

impl Carrier for Shared {
    fn retrieve(
        &self,
        request: v1::RetrieveDocumentRequest,
        deadline: Deadline,
    ) -> Pin<Box<dyn Future<Output = Result<Carried, Status>> + Send>> {
        let of = Arc::clone(&self.0);
        Box::pin(async move {
            if !of.direct.load(Ordering::Relaxed) {
                return of.broker.retrieve(request, deadline).await;
            }
            let events = of.here.retrieve_document(&of.network, request, deadline);
            match events.await {
                Ok(events) => Ok(Box::pin(events) as Carried),
                Err(error) => Err(error.status()),
            }
        })
    }
}
