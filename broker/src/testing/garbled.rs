//! A service under the node's name whose messages are none of the node's.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};

/// Field 1 is a message in the node's answers; here it is bytes that cannot be one.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Garbage {
    #[prost(bytes = "vec", tag = "1")]
    field: Vec<u8>,
}

/// Takes any question and answers it with garbage.
#[derive(Clone)]
pub(super) struct Garbled;

impl NamedService for Garbled {
    const NAME: &'static str = "sekisho.v1.NodeService";
}

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl ServerStreamingService<()> for Garbled {
    type Response = Garbage;
    type ResponseStream = tokio_stream::Iter<std::vec::IntoIter<Result<Garbage, Status>>>;
    type Future = Answer<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _question: Request<()>) -> Self::Future {
        let field = vec![0xff; 32];
        let answer = tokio_stream::iter(vec![Ok(Garbage { field })]);
        Box::pin(async move { Ok(Response::new(answer)) })
    }
}

impl Service<http::Request<Body>> for Garbled {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::<Garbage, ()>::default();
            Ok(Grpc::new(codec).server_streaming(Garbled, request).await)
        })
    }
}
