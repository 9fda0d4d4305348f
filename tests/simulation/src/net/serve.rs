//! The receiving side of a call: the replica's own gRPC services.

use crate::life::Life;
use bytes::Bytes;
use futures::FutureExt;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sekisho_domain::PublicKey;
use sekisho_replica::Replica;
use sekisho_replica::simulation::Call;
use sekisho_transport::{PeerDirectory, simulation};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;
use tonic::body::Body;
use tower::ServiceExt;
use tower::util::BoxCloneService;

type Services = BoxCloneService<http::Request<Body>, http::Response<Body>, Infallible>;

/// What answers at an endpoint: one start of a replica.
#[derive(Clone)]
pub struct Host {
    ledger: Arc<Mutex<Services>>,
    raft: Arc<Mutex<Services>>,
    directory: Arc<dyn PeerDirectory>,
    life: Life,
}

/// An answer's beginning and end; its body travels apart.
#[derive(Debug, Clone)]
pub(super) struct Head {
    head: http::HeaderMap,
    trailers: Option<http::HeaderMap>,
    /// gRPC's own.
    pub code: String,
}

impl Head {
    pub fn response(self, body: Bytes) -> http::Response<Body> {
        let data = (!body.is_empty()).then(|| Ok(Frame::data(body)));
        let trailers = self.trailers.map(|trailers| Ok(Frame::trailers(trailers)));
        let frames: Vec<Result<_, tonic::Status>> = data.into_iter().chain(trailers).collect();
        let body = StreamBody::new(futures::stream::iter(frames));
        let mut response = http::Response::new(Body::new(body));
        *response.headers_mut() = self.head;
        response
    }
}

/// Ends the server's work when the caller no longer waits.
struct GivesUp(Option<AbortHandle>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        if let Some(work) = &self.0 {
            work.abort();
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Host {
    /// A replica's services.
    pub fn new(replica: &Replica, life: &Life) -> Self {
        Self {
            ledger: Arc::new(Mutex::new(BoxCloneService::new(replica.ledger_service()))),
            raft: Arc::new(Mutex::new(BoxCloneService::new(replica.raft_service()))),
            directory: replica.directory(),
            life: life.clone(),
        }
    }

    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    /// Lets the replica answer, in a task of its own.
    pub(super) async fn serve(
        &self,
        call: Call,
        key: PublicKey,
        limit: Duration,
        given_up: bool,
    ) -> Result<(Head, Bytes), BoxError> {
        let services = match call.uri().path().starts_with("/sekisho.v1.RaftService/") {
            true => &self.raft,
            false => &self.ledger,
        };
        let services = services
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (head, body) = call.into_parts();
        let body = Body::new(http_body_util::Full::new(body));
        let mut request = http::Request::from_parts(head, body);
        request
            .extensions_mut()
            .insert(simulation::identity(key, Arc::clone(&self.directory)));
        let work = tokio::spawn(tokio::time::timeout(limit, async move {
            let response = match services.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let (head, body) = response.into_parts();
            let collected = body.collect().await?;
            let trailers = collected.trailers().cloned();
            let code = [Some(&head.headers), trailers.as_ref()]
                .into_iter()
                .flatten()
                .find_map(|headers| headers.get("grpc-status"))
                .and_then(|code| code.to_str().ok())
                .unwrap_or("?")
                .to_owned();
            let head = Head {
                head: head.headers,
                trailers,
                code,
            };
            Ok::<_, BoxError>((head, collected.to_bytes()))
        }));
        let _given_up = GivesUp(given_up.then(|| work.abort_handle()));
        match work.map(Result::ok).await {
            Some(Ok(answer)) => answer,
            // As tonic's server says it.
            Some(Err(_)) => Err(Box::new(tonic::Status::cancelled("Timeout expired"))),
            None => Err("the service panicked".into()),
        }
    }
}
