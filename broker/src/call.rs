//! One request's calls to one network: to its best endpoint, and on to the next where that cannot be reached or
//! does not answer now.
//!
//! A kept connection can have died since its last call: the node was restarted, or stood still until somebody
//! gave up waiting for it. Its channel notices only when it is used: the connection breaks under the next
//! call, or an attempt to connect that was begun for an earlier call, and that nobody went on waiting for,
//! gives that call's failure to the next one. Neither says anything about the node now (P8), so the call is
//! made again, at once and within the same deadline, [`CALL_ATTEMPTS_MAX`] times in all (P12).
//!
//! Asking again is safe even where the node took the first question: `AnswerFind` changes nothing there, and
//! for `AnswerRetrieve` a node records one release for each access request: asked the same again, it finds
//! that release standing and adds none (`NodeStore::record_transfer` of the node's server). Another endpoint
//! may be another node with a store of its own, so it is asked for a document only where the first cannot
//! have taken the question. A search's letter is sealed to a key of one machine's, which forgets it once it was
//! used: it is sent [once](Way::once).
//!
//! Each call after a request's first one is paid for ([`Book`](crate::attempts::Book)).

use crate::attempts::Pass;
use crate::counts::UnderWay;
use crate::fault::{Fault, connection_lost, no_connection};
use crate::ledger::Route;
use crate::limits::{CALL_ATTEMPTS_MAX, NO_NODE_FOR, SLOW_FOR};
use crate::nodes::{Lane, Line, Nodes};
use futures::stream::{Peekable, StreamExt as _, TryStreamExt as _};
use sekisho_domain::NetworkId;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use std::error::Error as _;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tonic::transport::Channel;
use tonic::{Code, Response, Status, Streaming};

/// An answer that has begun. From here on nothing is asked again: what breaks now breaks the answer.
pub(crate) struct Answer<'a, E> {
    nodes: &'a Nodes,
    line: Line,
    events: Peekable<Streaming<E>>,
    /// Who answers.
    pub pass: Pass,
    _under_way: UnderWay,
}

/// Why a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the request's first.
    First,
    /// The endpoint before could not be reached, or does not answer now.
    Next,
    /// The first has not begun to answer.
    Hedge,
}

/// The endpoints of one network, as one request goes through them.
pub(crate) struct Way<'a> {
    nodes: &'a Nodes,
    network: &'a NetworkId,
    route: Option<&'a Route>,
    lane: Lane,
    /// Not to be asked again, nor elsewhere.
    once: bool,
    tried: Mutex<Vec<usize>>,
    /// Of the calls that another followed, the fault that says most.
    said: Mutex<Fault>,
}

/// Why a call gave no answer, and whether another endpoint may be asked instead.
struct Missed {
    fault: Fault,
    go_on: bool,
}

impl<'a> Way<'a> {
    pub(crate) fn to(
        nodes: &'a Nodes,
        network: &'a NetworkId,
        route: Option<&'a Route>,
        lane: Lane,
    ) -> Self {
        nodes.open(network, route);
        Self {
            nodes,
            network,
            route,
            lane,
            once: false,
            tried: Mutex::default(),
            said: Mutex::new(Fault::Unreachable),
        }
    }

    /// The way of a question that only the machine that was asked before can answer, and only once.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// A visit to the best endpoint that may be tried now, if there is one.
    pub(crate) fn set_out(&self, turn: Turn) -> Option<Visit<'_, 'a>> {
        self.route?;
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut book, now) = (self.nodes.book(), Instant::now());
        let pass = match turn {
            Turn::First => book.first(self.network, now),
            Turn::Next | Turn::Hedge => book.another(self.network, &tried, now),
        }?;
        tried.push(pass.at);
        let counts = &self.nodes.counts;
        match turn {
            Turn::First => counts.asked(),
            Turn::Next => counts.failed_over(),
            Turn::Hedge => counts.hedged(),
        }
        Some(Visit::of(self, pass))
    }

    /// Puts what is said now in the place of what was.
    fn said(&self, now: Fault) -> Fault {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut said, now)
    }

    /// After how long a second attempt is worth it, if ever.
    pub(crate) fn hedge_after(&self) -> Option<std::time::Duration> {
        self.nodes.book().hedge_after(self.network, Instant::now())
    }

    /// This endpoint answered in full while the others that were called had not begun to.
    pub(crate) fn overtook(&self, pass: &Pass) {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        self.nodes
            .book()
            .overtook(self.network, pass, &tried, Instant::now());
    }

    /// What a request's work on this way comes to until then. Of all faults met on it, the one that says most.
    pub(crate) async fn until<T>(
        &self,
        until: Instant,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let done = timeout_at(until, work).await;
        let done = done.unwrap_or(Err(Fault::TimedOut));
        done.map_err(|fault| self.said(Fault::Unreachable).or(fault))
    }

    /// Calls the network's best endpoint, and goes on from there as [`Way::call`] does.
    pub(crate) async fn ask<E, F>(
        &self,
        ask: impl Fn(NodeServiceClient<Channel>) -> F,
    ) -> Result<Answer<'a, E>, Fault>
    where
        F: Future<Output = Result<Response<Streaming<E>>, Status>>,
    {
        let visit = self.set_out(Turn::First).ok_or(Fault::Unreachable)?;
        self.call(visit, &ask).await
    }

    /// Calls an endpoint, and the next ones where it cannot be reached or does not answer now, until an answer
    /// begins.
    pub(crate) async fn call<E, F>(
        &self,
        mut visit: Visit<'_, 'a>,
        ask: &impl Fn(NodeServiceClient<Channel>) -> F,
    ) -> Result<Answer<'a, E>, Fault>
    where
        F: Future<Output = Result<Response<Streaming<E>>, Status>>,
    {
        loop {
            let missed = match self.visit(visit, ask).await {
                Ok(answer) => return Ok(answer),
                Err(missed) => missed,
            };
            let next = missed.go_on.then(|| self.set_out(Turn::Next)).flatten();
            let Some(next) = next else {
                return Err(missed.fault);
            };
            let before = self.said(Fault::Unreachable);
            self.said(before.or(missed.fault));
            visit = next;
            tracing::debug!("an endpoint did not answer: asking at the next one");
        }
    }

    /// Calls one endpoint.
    async fn visit<E, F>(
        &self,
        mut visit: Visit<'_, 'a>,
        ask: &impl Fn(NodeServiceClient<Channel>) -> F,
    ) -> Result<Answer<'a, E>, Missed>
    where
        F: Future<Output = Result<Response<Streaming<E>>, Status>>,
    {
        let mut attempt = 1;
        loop {
            let line = visit.line()?;
            let began = Instant::now();
            let under_way = UnderWay::call(&self.nodes.counts);
            let asked = ask(line.client.clone());
            let status = match visit.begin(asked, line.connections.clone()).await {
                Ok(events) => {
                    return Ok(Answer {
                        nodes: self.nodes,
                        line,
                        events,
                        pass: visit.answers(began),
                        _under_way: under_way,
                    });
                }
                Err(status) => status,
            };
            let lost = connection_lost(&status, began.elapsed());
            if lost {
                self.nodes.forget(&line);
            }
            let stale = lost && line.earlier;
            let again = stale && attempt < CALL_ATTEMPTS_MAX && !self.once;
            if !again || !self.nodes.book().again(self.network) {
                return Err(visit.missed(&status, stale));
            }
            attempt += 1;
            self.nodes.counts.reconnected();
            tracing::debug!(attempt, "a kept connection was dead: asking over a new one");
        }
    }
}

/// A visit to an endpoint. Dropped before it ends, it tells the book that nothing was found out.
pub(crate) struct Visit<'w, 'a> {
    way: &'w Way<'a>,
    pass: Pass,
    began: Instant,
    told: bool,
}

impl<'w, 'a> Visit<'w, 'a> {
    fn of(way: &'w Way<'a>, pass: Pass) -> Self {
        Self {
            way,
            pass,
            began: Instant::now(),
            told: false,
        }
    }

    /// The line to call on. A probe is to find out whether a connection can be made, so it is over a new one.
    fn line(&self) -> Result<Line, Missed> {
        let (nodes, endpoint) = (self.way.nodes, &self.pass.endpoint);
        let line = || nodes.line(self.way.network, endpoint, self.way.lane);
        let renewed = |line_before: Line| {
            nodes.forget(&line_before);
            line()
        };
        let line = match line() {
            Ok(earlier) if earlier.earlier && self.pass.probes() => renewed(earlier),
            line => line,
        };
        line.map_err(|error| {
            tracing::warn!(%error, "no connection can be set up");
            Missed {
                fault: Fault::Unreachable,
                go_on: true,
            }
        })
    }

    /// The answer's events, if the first is not a failure. Others are kept from the endpoint while a probe
    /// is under way, so a probe says that it connected without waiting for the node's answer.
    async fn begin<E>(
        &mut self,
        call: impl Future<Output = Result<Response<Streaming<E>>, Status>>,
        mut connections: watch::Receiver<u64>,
    ) -> Result<Peekable<Streaming<E>>, Status> {
        let mut begun = pin!(begin(call));
        if self.pass.probes() {
            tokio::select! {
                biased;
                events = &mut begun => return events,
                Ok(_) = connections.wait_for(|made| *made > 0) => self.reached(),
            }
        }
        begun.await
    }

    fn reached(&mut self) {
        self.told = true;
        self.way.nodes.book().reached(self.way.network, &self.pass);
    }

    fn answers(mut self, began: Instant) -> Pass {
        self.reached();
        if self.way.lane == Lane::Lists {
            let now = Instant::now();
            let mut book = self.way.nodes.book();
            book.took(self.way.network, now - began, now);
        }
        self.pass.clone()
    }

    /// There is no answer. A failure to connect that can be an earlier call's says nothing of the endpoint.
    fn missed(mut self, status: &Status, stale: bool) -> Missed {
        let way = self.way;
        let fault = Fault::of(status);
        if no_connection(status) {
            if !stale {
                self.told = true;
                let now = Instant::now();
                if way.nodes.book().not_reached(way.network, &self.pass, now) {
                    way.nodes.counts.opened();
                    tracing::info!("an endpoint is not tried for a while");
                }
            }
            let go_on = !way.once;
            return Missed { fault, go_on };
        }
        let unreachable = matches!(fault, Fault::Unreachable);
        // A status of its own words has no source; one that was made here has.
        if status.source().is_none() {
            self.reached();
        }
        // A replica's machine is an endpoint as well. Where there are others, it is not the network's node
        // that speaks nonsense; it is not there.
        let others = way.route.is_some_and(|route| route.endpoints.len() > 1);
        if status.code() == Code::Unimplemented && others {
            let now = Instant::now();
            way.nodes
                .book()
                .behind(way.network, &self.pass, now + NO_NODE_FOR);
            return Missed {
                fault: Fault::Unreachable,
                go_on: true,
            };
        }
        // It speaks of itself: the network's other machines may do better.
        let not_now = matches!(fault, Fault::Suspended | Fault::Stale);
        if not_now && !way.once {
            let until = Instant::now() + SLOW_FOR;
            way.nodes.book().behind(way.network, &self.pass, until);
        }
        Missed {
            fault,
            go_on: (unreachable || not_now) && way.lane == Lane::Lists && !way.once,
        }
    }
}

impl Drop for Visit<'_, '_> {
    fn drop(&mut self) {
        if !self.told {
            let waited = match self.way.lane {
                Lane::Lists => self.began.elapsed(),
                Lane::Contents => std::time::Duration::ZERO,
            };
            let mut book = self.way.nodes.book();
            book.given_up(self.way.network, &self.pass, waited, Instant::now());
        }
    }
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::ledger::Endpoint;
    use crate::limits::{BREAKER_FAILURES, BREAKER_PAUSE_MIN, Limits};
    use crate::testing::{VIEWING, World};
    use sekisho_domain::KeyId;
    use sekisho_proto::v1::AnswerFindRequest;
    use std::sync::Arc;

    /// As happens to a second attempt when the first ends in the moment it is begun.
    #[tokio::test(start_paused = true)]
    async fn a_visit_that_is_never_made_leaves_the_probe_to_the_next() {
        let world = Arc::new(World::found(&["saga"]));
        let identity = world.identity(VIEWING).clone();
        let nodes = Nodes::new(identity, world, &Limits::default());
        let network: NetworkId = "saga".parse().unwrap();
        let endpoint = Endpoint {
            key: KeyId([1; 32]),
            address: "127.0.0.1:1".to_owned(),
        };
        let route = Route {
            endpoints: vec![endpoint],
        };
        let way = || Way::to(&nodes, &network, Some(&route), Lane::Lists);
        for _ in 0..BREAKER_FAILURES {
            let (way, now) = (way(), Instant::now());
            let mut visit = way.set_out(Turn::First).unwrap();
            nodes.book().not_reached(&network, &visit.pass, now);
            visit.told = true;
        }
        assert!(way().set_out(Turn::First).is_none(), "it is left alone");
        tokio::time::advance(BREAKER_PAUSE_MIN).await;
        let ask = |mut client: NodeServiceClient<Channel>| async move {
            client.answer_find(AnswerFindRequest::default()).await
        };
        let first = way();
        let visit = first.set_out(Turn::First).unwrap();
        assert!(visit.pass.probes() && way().set_out(Turn::First).is_none());
        drop(first.call(visit, &ask));
        let second = way();
        assert!(second.set_out(Turn::First).unwrap().pass.probes());
    }
}
