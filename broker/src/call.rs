//! One call to a node, over the connection there is, and once more over a new one if that was dead.
//!
//! A kept connection can have died since its last call: the node was restarted, or stood still until somebody
//! gave up waiting for it. Its channel notices only when it is used: the connection breaks under the next
//! call, or an attempt to connect that was begun for an earlier call, and that nobody went on waiting for,
//! gives that call's failure to the next one. Neither says anything about the node now (P8), so the call is
//! made again, at once and within the same deadline, [`CALL_ATTEMPTS_MAX`] times in all (P12).
//!
//! Asking again is safe even where the node took the first question: `AnswerFind` changes nothing there, and
//! for `AnswerRetrieve` a node records one release for each access request: asked the same again, it finds
//! that release standing and adds none (`NodeStore::record_transfer` of the node's server).

use crate::fault::{Fault, connection_lost};
use crate::ledger::Route;
use crate::limits::CALL_ATTEMPTS_MAX;
use crate::nodes::{Lane, Line, Nodes};
use futures::stream::{Peekable, StreamExt as _, TryStreamExt as _};
use sekisho_domain::NetworkId;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use std::future::Future;
use std::pin::Pin;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

/// An answer that has begun. From here on nothing is asked again: what breaks now breaks the answer.
pub(crate) struct Answer<'a, E> {
    nodes: &'a Nodes,
    line: Line,
    events: Peekable<Streaming<E>>,
}

/// Calls a network's node and waits for the first event of its answer.
pub(crate) async fn call<'a, E, F>(
    nodes: &'a Nodes,
    (network, route, lane): (&NetworkId, Option<&Route>, Lane),
    ask: impl Fn(NodeServiceClient<Channel>) -> F,
) -> Result<Answer<'a, E>, Fault>
where
    F: Future<Output = Result<Response<Streaming<E>>, Status>>,
{
    let mut attempt = 1;
    loop {
        let line = line(nodes, network, route, lane)?;
        let began = Instant::now();
        let status = match begin(ask(line.client.clone())).await {
            Ok(events) => {
                return Ok(Answer {
                    nodes,
                    line,
                    events,
                });
            }
            Err(status) => status,
        };
        if !connection_lost(&status, began.elapsed()) {
            return Err(Fault::of(&status));
        }
        nodes.forget(&line);
        if !line.earlier || attempt == CALL_ATTEMPTS_MAX {
            return Err(Fault::of(&status));
        }
        attempt += 1;
        tracing::debug!(attempt, "a kept connection was dead: asking over a new one");
    }
}

fn line(
    nodes: &Nodes,
    network: &NetworkId,
    route: Option<&Route>,
    lane: Lane,
) -> Result<Line, Fault> {
    let line = nodes.line(network, route, lane).map_err(|error| {
        tracing::warn!(%error, "no connection can be set up");
        Fault::Unreachable
    })?;
    line.ok_or(Fault::Unreachable)
}

/// The answer's events, if the first is not a failure.
async fn begin<E>(
    call: impl Future<Output = Result<Response<Streaming<E>>, Status>>,
) -> Result<Peekable<Streaming<E>>, Status> {
    let mut events = call.await?.into_inner().peekable();
    let failure = Pin::new(&mut events).next_if(Result::is_err).await;
    match failure {
        Some(Err(status)) => Err(status),
        _ => Ok(events),
    }
}

impl<E> Answer<'_, E> {
    /// The next event, or none at the end of the answer.
    pub(crate) async fn next(&mut self) -> Result<Option<E>, Fault> {
        let waiting = Instant::now();
        self.events.try_next().await.map_err(|status| {
            if connection_lost(&status, waiting.elapsed()) {
                self.nodes.forget(&self.line);
            }
            Fault::of(&status)
        })
    }
}
