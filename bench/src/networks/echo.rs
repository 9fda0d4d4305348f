//! The least a gRPC service can do: an answer of so many bytes. It stands beside each node, behind the same mutual
//! TLS and the same relay.

use crate::BenchError;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// Bytes of an answer, at most: gRPC's own bound of a message is not reached.
const ANSWER_BYTES_MAX: u32 = 1 << 20;

#[derive(Clone, PartialEq, prost::Message)]
struct Asked {
    #[prost(uint32, tag = "1")]
    bytes: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answered {
    #[prost(bytes = "vec", tag = "1")]
    bytes: Vec<u8>,
}

/// The service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "sekisho.bench.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec: ProstCodec<Answered, Asked> = ProstCodec::default();
            Ok(tonic::server::Grpc::new(codec)
                .unary(Answers, request)
                .await)
        })
    }
}

struct Answers;

impl Service<Request<Asked>> for Answers {
    type Response = Response<Answered>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Asked>) -> Self::Future {
        let bytes = request.into_inner().bytes.min(ANSWER_BYTES_MAX);
        ready(Ok(Response::new(Answered {
            bytes: vec![0x5a; bytes as usize],
        })))
    }
}

/// Asks the service at the other end for so many bytes.
pub(crate) async fn echo(channel: Channel, bytes: usize) -> Result<(), BenchError> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.map_err(|error| BenchError::Wrong {
        what: "an echo",
        expected: "a connection".to_owned(),
        got: error.to_string(),
    })?;
    let asked = Asked {
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
    };
    let path = PathAndQuery::from_static("/sekisho.bench.Echo/Answer");
    let codec: ProstCodec<Asked, Answered> = ProstCodec::default();
    let answer = grpc.unary(Request::new(asked), path, codec).await?;
    let got = answer.into_inner().bytes.len();
    if got == bytes {
        Ok(())
    } else {
        Err(BenchError::Wrong {
            what: "an echo",
            expected: format!("{bytes} bytes"),
            got: format!("{got}"),
        })
    }
}
