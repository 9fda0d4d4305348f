//! Answers nobody reads on: how long a connection may leave one standing (P12).
//!
//! HTTP/2 lets a client keep an answer open and take none of it for as long as it answers pings. All that the answer holds
//! would be held so long: its slot, and what is sent next. So each answer of a server notes whether it waits for its
//! client; a connection whose client lets one stand too long is closed ([`Incoming`](crate::Incoming)), and all its
//! answers are dropped with it. An answer that waits for us, not yet written, is no such one.
//!
//! What is handed to HTTP/2 is out of sight: so an answer is handed over in pieces of a frame, the next one when there is
//! room for it. What may stand unseen is what it takes ahead, some 448 KiB of an answer.

use crate::directory::PeerIdentity;
use crate::limits;
use bytes::Bytes;
use http_body::{Body, Frame};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::time::Instant;
use tower::{Layer, Service};

/// The answers of one connection that wait for its client, and since when.
#[derive(Debug, Default)]
pub(crate) struct Unread(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    since: BTreeMap<u64, Instant>,
    begun: u64,
}

impl Unread {
    /// Since when the client has let an answer stand, if it does.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.waiting().since.values().min().copied()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One answer of a connection.
struct Place {
    of: Arc<Unread>,
    number: u64,
}

impl Place {
    fn new(of: &Arc<Unread>) -> Self {
        let mut waiting = of.waiting();
        waiting.begun += 1;
        let number = waiting.begun;
        waiting.since.insert(number, Instant::now());
        Self {
            of: Arc::clone(of),
            number,
        }
    }

    /// The client is to take what it was given.
    fn given(&self) {
        let mut waiting = self.of.waiting();
        waiting.since.insert(self.number, Instant::now());
    }

    /// The client has room for more.
    fn asked(&self) {
        self.of.waiting().since.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.asked();
    }
}

/// An answer's body, which knows whether it is read.
pub struct Watched<B> {
    body: B,
    /// What is left of a message of several pieces.
    rest: Bytes,
    /// None on a connection that nobody watches, as a simulated one.
    place: Option<Place>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(place) = &this.place {
            place.asked();
        }
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => {
                    this.place = None;
                    return Poll::Ready(end);
                }
            }
        }
        if let Some(place) = &this.place {
            place.given();
        }
        let piece = this.rest.len().min(limits::FRAME_BYTES as usize);
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(piece)))))
    }
    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }
}

/// Has each answer of a service note whether it is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watching;

/// A service whose answers do so.
#[derive(Clone, Debug)]
pub struct WatchedService<S>(S);

impl<S> Layer<S> for Watching {
    type Service = WatchedService<S>;
    fn layer(&self, service: S) -> Self::Service {
        WatchedService(service)
    }
}

impl<S, A, B> Service<http::Request<A>> for WatchedService<S>
where
    S: Service<http::Request<A>, Response = http::Response<B>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Watched<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<A>) -> Self::Future {
        let peer = request.extensions().get::<PeerIdentity>();
        let unread = peer.and_then(|peer| peer.unread.clone());
        let answer = self.0.call(request);
        Box::pin(async move {
            let place = |body| Watched {
                body,
                rest: Bytes::new(),
                place: unread.as_ref().map(Place::new),
            };
            answer.await.map(|answer| answer.map(place))
        })
    }
}
