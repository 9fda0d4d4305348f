//! Every gRPC call passes here: it is counted while it is under way, and not taken once its service is closed.
//!
//! A process that stops closes its services one after the other, each when nothing is under way in those before it:
//! people's requests go through the broker, the broker's through nodes, and all of them need the ledger to the end.

use crate::metrics::Calls;
use http::{Request, Response};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::sync::watch;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// Header of a refusal that says that the request was not taken: nothing of it was done, another process may be asked.
pub const NOT_TAKEN: &str = "sekisho-not-taken";

/// A kind of callers, in the order in which they are let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The network's own people (`OperatorService`).
    People,
    /// Nodes that ask (`BrokerService`).
    Queries,
    /// Brokers that ask this node (`NodeService`).
    Answers,
    /// Whoever reads the ledger or writes to it (`LedgerService`).
    Ledger,
    /// The other replicas (`RaftService`).
    Consensus,
    /// Health, reflection, and what is no service of ours.
    Other,
}

impl Part {
    const ALL: [Self; 6] = [
        Self::People,
        Self::Queries,
        Self::Answers,
        Self::Ledger,
        Self::Consensus,
        Self::Other,
    ];
    /// Those that are closed one by one while the rest goes on.
    pub const CLOSED_FIRST: [Self; 3] = [Self::People, Self::Queries, Self::Answers];

    /// Of the path of a call, `/package.Service/Method`.
    fn of(path: &str) -> Self {
        let service = path.trim_start_matches('/').split('/').next();
        match service.and_then(|service| service.strip_prefix("sekisho.v1.")) {
            Some("OperatorService") => Self::People,
            Some("BrokerService") => Self::Queries,
            Some("NodeService") => Self::Answers,
            Some("LedgerService") => Self::Ledger,
            Some("RaftService") => Self::Consensus,
            _ => Self::Other,
        }
    }

    /// In metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::People => "operator",
            Self::Queries => "broker",
            Self::Answers => "node",
            Self::Ledger => "ledger",
            Self::Consensus => "raft",
            Self::Other => "other",
        }
    }

    /// Of another network's answer a draining node says what it is, so that nobody takes it for a broken one (P8).
    fn refusal(self) -> Status {
        let mut status = match self {
            Self::Answers => sekisho_broker::suspended(),
            _ => Status::unavailable("this process is about to stop; the request was not taken"),
        };
        let yes = MetadataValue::from_static("1");
        status.metadata_mut().insert(NOT_TAKEN, yes);
        status
    }
}

/// What is under way of one part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Room {
    closed: bool,
    under_way: usize,
}

/// The way into every service. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Door {
    rooms: Arc<BTreeMap<Part, watch::Sender<Room>>>,
    calls: Option<Calls>,
}

impl Door {
    /// An open one, which counts if it is given what to count in.
    pub fn new(calls: Option<Calls>) -> Self {
        let room = |part| (part, watch::Sender::new(Room::default()));
        Self {
            rooms: Arc::new(Part::ALL.map(room).into()),
            calls,
        }
    }

    /// Takes nothing more for a part.
    pub fn close(&self, part: Part) {
        if let Some(room) = self.rooms.get(&part) {
            room.send_modify(|room| room.closed = true);
        }
    }

    /// How much of a part is under way.
    pub fn under_way(&self, part: Part) -> usize {
        let room = self.rooms.get(&part);
        room.map_or(0, |room| room.borrow().under_way)
    }

    /// Waits until nothing of a part is under way.
    pub async fn empty(&self, part: Part) {
        if let Some(room) = self.rooms.get(&part) {
            // The sender is ours: it does not close.
            let _ = room.subscribe().wait_for(|room| room.under_way == 0).await;
        }
    }

    /// The way in, if it is open; the call is under way until the pass is dropped.
    pub(super) fn enter(&self, part: Part) -> Option<Pass> {
        // Counted before anybody can see an open door with nothing under way behind it.
        let entered = self.rooms.get(&part)?.send_if_modified(|room| {
            room.under_way += usize::from(!room.closed);
            !room.closed
        });
        if !entered {
            if let Some(calls) = &self.calls {
                calls.not_taken(part.name());
            }
            return None;
        }
        if let Some(calls) = &self.calls {
            calls.began(part.name());
        }
        Some(Pass {
            door: self.clone(),
            part,
            began: Instant::now(),
            code: Code::Cancelled,
        })
    }
}

/// A call under way, until it is dropped.
pub(super) struct Pass {
    door: Door,
    part: Part,
    began: Instant,
    /// What it ended in; cancelled if nobody waited for its end.
    code: Code,
}

impl Pass {
    /// Notes the status where headers or trailers have one.
    fn note(&mut self, headers: &http::HeaderMap) {
        if let Some(status) = headers.get(Status::GRPC_STATUS) {
            self.code = Code::from_bytes(status.as_bytes());
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(room) = self.door.rooms.get(&self.part) {
            room.send_modify(|room| room.under_way = room.under_way.saturating_sub(1));
        }
        if let Some(calls) = &self.door.calls {
            calls.ended(self.part.name(), self.code, self.began.elapsed());
        }
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;
    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            door: self.clone(),
        }
    }
}

/// A service behind the door.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    inner: S,
    door: Door,
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let part = Part::of(request.uri().path());
        let Some(mut pass) = self.door.enter(part) else {
            return Box::pin(std::future::ready(Ok(part.refusal().into_http())));
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            pass.note(response.headers());
            Ok(response.map(|body| {
                // The call lasts as long as its answer's body.
                Body::new(body.map_frame(move |frame| {
                    if let Some(trailers) = frame.trailers_ref() {
                        pass.note(trailers);
                    }
                    frame
                }))
            }))
        })
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
#[path = "door_test.rs"]
mod tests;
