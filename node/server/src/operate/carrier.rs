//! Who fetches a document for the network's people.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_transport::{Deadline, outgoing};
use tonic::Status;
use tonic::transport::Channel;

/// What a carrier brings: as `BrokerService.RetrieveDocument` would stream it.
pub type Carried = BoxStream<'static, Result<v1::RetrieveDocumentEvent, Status>>;

/// Has a signed request decided, asks the disclosing node and brings its answer, sealed. It is believed in nothing:
/// a broker across the network is one, and so is a part of this process that asks the disclosing node itself.
pub trait Carrier: Send + Sync + 'static {
    /// Begins one retrieval, or goes on with one.
    fn retrieve(
        &self,
        request: v1::RetrieveDocumentRequest,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Carried, Status>>;
}

/// Through the network's broker.
impl Carrier for Channel {
    fn retrieve(
        &self,
        request: v1::RetrieveDocumentRequest,
        deadline: Deadline,
    ) -> BoxFuture<'static, Result<Carried, Status>> {
        let mut client = BrokerServiceClient::new(self.clone());
        async move {
            let answer = client
                .retrieve_document(outgoing(request, deadline))
                .await?;
            Ok(answer.into_inner().boxed())
        }
        .boxed()
    }
}
