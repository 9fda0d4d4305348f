//! The way to a peer: the real channel, or a simulated one.

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::transport::Channel;
use tower::Service;

/// What ends a call without an answer.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One call, its body complete, so that it can be held, lost, or delivered twice.
pub type Call = http::Request<Bytes>;
/// What came of it.
pub type Answer = Result<http::Response<Body>, BoxError>;

/// How one replica, or one node, reaches the others.
pub trait Network: Send + Sync + 'static {
    /// Calls whoever answers at an endpoint (`host:port`).
    fn call(&self, endpoint: &str, call: Call) -> BoxFuture<'static, Answer>;
}

/// A way to one peer, as tonic's clients take it.
#[derive(Clone)]
pub struct Line(Kind);

#[derive(Clone)]
enum Kind {
    Real(Channel),
    Simulated {
        network: Arc<dyn Network>,
        endpoint: Arc<str>,
    },
}

impl Line {
    /// Over a simulated network.
    pub fn simulated(network: Arc<dyn Network>, endpoint: &str) -> Self {
        Self(Kind::Simulated {
            network,
            endpoint: endpoint.into(),
        })
    }
}

impl From<Channel> for Line {
    fn from(channel: Channel) -> Self {
        Self(Kind::Real(channel))
    }
}

impl Service<http::Request<Body>> for Line {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Answer>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            Kind::Real(channel) => Service::poll_ready(channel, context).map_err(Into::into),
            Kind::Simulated { .. } => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: http::Request<Body>) -> BoxFuture<'static, Answer> {
        match &mut self.0 {
            Kind::Real(channel) => {
                let answer = channel.call(request);
                Box::pin(async move { Ok(answer.await?) })
            }
            Kind::Simulated { network, endpoint } => {
                let (network, endpoint) = (Arc::clone(network), Arc::clone(endpoint));
                Box::pin(async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let call = http::Request::from_parts(head, body);
                    network.call(&endpoint, call).await
                })
            }
        }
    }
}
