//! A network that loses, delays, repeats, reorders and cuts.
//!
//! Each call is a request and a reply, lost or late each by itself. What a caller learns is what it would over TCP and
//! TLS: a connection that could not be made was not used; one that broke, or was silent until the deadline, may have
//! been. TLS repeats nothing, so only Raft's own messages, which must bear it, are delivered twice.

mod fate;
mod serve;

pub use fate::Weather;
pub use serve::Host;

use crate::life::Life;
use crate::random::Random;
use crate::trace::Trace;
use crate::wire::Tap;
use fate::Fate;
use futures::future::BoxFuture;
use sekisho_domain::PublicKey;
use sekisho_replica::simulation::{Answer, Call, Network};
use sekisho_transport::ConnectFailure;
use sekisho_transport::deadline::TIMEOUT_HEADER;
use sekisho_transport::limits::DEADLINE_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::Status;

/// Whoever sends or receives: a replica by its id, a network's node by [`node`].
pub type Place = u64;

/// The place of a network's node.
pub fn node(network: u64) -> Place {
    1000 + network
}

/// The call that brings a snapshot.
const SNAPSHOT: &str = "/InstallSnapshot";
/// Time after which somebody who was given up may still be heard of.
const LATE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(8));

/// The network. All clones are one.
#[derive(Clone)]
pub struct Net(Arc<Mutex<Inner>>);

struct Inner {
    random: Random,
    trace: Trace,
    tap: Tap,
    weather: Weather,
    hosts: BTreeMap<String, (Place, Host)>,
    /// Ways on which nothing arrives.
    cut: BTreeSet<(Place, Place)>,
    /// Places that everything takes longer to and from.
    slow: BTreeMap<Place, Duration>,
    /// Hears of each snapshot on its way.
    on_snapshot: Option<OnSnapshot>,
}

/// Hears where a snapshot goes.
pub type OnSnapshot = Box<dyn FnMut(Place) + Send>;

impl Net {
    /// One on which nobody listens yet.
    pub fn new(random: Random, trace: Trace, tap: Tap, weather: Weather) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random,
            trace,
            tap,
            weather,
            hosts: BTreeMap::new(),
            cut: BTreeSet::new(),
            slow: BTreeMap::new(),
            on_snapshot: None,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a replica's start answer at an endpoint.
    pub fn listen(&self, place: Place, endpoint: &str, host: Host) {
        self.inner()
            .hosts
            .insert(endpoint.to_owned(), (place, host));
    }

    /// From now on nobody answers there.
    pub fn leave(&self, endpoint: &str) {
        self.inner().hosts.remove(endpoint);
    }

    /// The world is over. Until then whoever answers and what it is reached by hold each other.
    pub fn end(&self) {
        let hosts = std::mem::take(&mut self.inner().hosts);
        // Not while the network is locked: what goes with them may still send.
        drop(hosts);
    }

    /// Changes what usually goes wrong.
    pub fn set_weather(&self, weather: Weather) {
        self.inner().weather = weather;
    }

    /// Lets nothing arrive on a way.
    pub fn cut(&self, from: Place, to: Place) {
        self.inner().cut.insert((from, to));
    }

    /// Lets things arrive again on a way.
    pub fn mend(&self, from: Place, to: Place) {
        self.inner().cut.remove(&(from, to));
    }

    /// Makes everything to and from a place take longer.
    pub fn slow(&self, place: Place, by: Duration) {
        self.inner().slow.insert(place, by);
    }

    /// Tells somebody of each snapshot on its way, or nobody.
    pub fn on_snapshot(&self, hears: Option<OnSnapshot>) {
        self.inner().on_snapshot = hears;
    }

    /// Nothing is cut or slow any more.
    pub fn mend_all(&self) {
        let mut inner = self.inner();
        inner.cut.clear();
        inner.slow.clear();
    }

    /// How a start of a replica, or a network's node, sends.
    pub fn port(&self, from: Place, key: PublicKey, life: &Life) -> Port {
        Port {
            net: self.clone(),
            from,
            key,
            life: life.clone(),
        }
    }
}

impl Inner {
    fn is_cut(&self, from: Place, to: Place) -> bool {
        self.cut.contains(&(from, to))
    }

    fn fate(&mut self, from: Place, to: Place, path: &str) -> Fate {
        let slow = |place| self.slow.get(&place).copied().unwrap_or_default();
        let extra = slow(from) + slow(to);
        let twice = path.starts_with("/sekisho.v1.RaftService/");
        self.weather.fate(&mut self.random, extra, twice)
    }
}

/// One sender's way into the network.
#[derive(Clone)]
pub struct Port {
    net: Net,
    from: Place,
    key: PublicKey,
    life: Life,
}

/// A connection nobody accepted.
fn refused(endpoint: &str) -> Answer {
    Err(Box::new(ConnectFailure::Unreachable {
        address: endpoint.to_owned(),
        source: ErrorKind::ConnectionRefused.into(),
    }))
}

/// A connection that ended in the middle.
fn broken() -> Answer {
    Err(Box::new(Status::unavailable("the connection broke")))
}

/// The time a caller gives, as tonic's own channel reads it.
fn limit(call: &Call) -> Duration {
    let header = call.headers().get(TIMEOUT_HEADER);
    let ms = header.and_then(|value| value.to_str().ok()?.strip_suffix('m')?.parse().ok());
    ms.map_or(DEADLINE_MAX, Duration::from_millis)
}

impl Network for Port {
    fn call(&self, endpoint: &str, call: Call) -> BoxFuture<'static, Answer> {
        let (this, endpoint) = (self.clone(), endpoint.to_owned());
        Box::pin(async move {
            let limit = limit(&call);
            match timeout(limit, this.carry(&endpoint, call, limit)).await {
                Ok(answer) => answer,
                Err(_) => Err(Box::new(Status::cancelled("Timeout expired")) as _),
            }
        })
    }
}

impl Port {
    async fn carry(self, endpoint: &str, call: Call, limit: Duration) -> Answer {
        if self.life.is_over() {
            return std::future::pending().await;
        }
        let (from, path) = (self.from, call.uri().path().to_owned());
        let listens = self.net.inner().hosts.get(endpoint).map(|(to, _)| *to);
        let Some(to) = listens else {
            sleep(Duration::from_millis(1)).await;
            return refused(endpoint);
        };
        let fate = {
            let mut inner = self.net.inner();
            inner.tap.sent(from, &path, call.body());
            let fate = inner.fate(from, to, &path);
            let kind = match path.ends_with(SNAPSHOT) {
                true => "snapshot",
                false => "send",
            };
            inner.trace.note(kind, || {
                let digest = crate::wire::short(call.body());
                format!(
                    "{from} > {to} {path} {} bytes {digest} {fate:?}",
                    call.body().len()
                )
            });
            fate
        };
        if let Some(after) = fate.again {
            self.clone()
                .deliver_later(endpoint, call.clone(), after, limit);
        }
        sleep(fate.there).await;
        if self.net.inner().is_cut(from, to) {
            return if fate.told {
                sleep(fate.back).await;
                refused(endpoint)
            } else {
                std::future::pending().await
            };
        }
        if fate.request_lost {
            if fate.told {
                sleep(fate.back).await;
                return broken();
            }
            if let Some(after) = fate.late {
                self.deliver_later(endpoint, call, after, limit);
            }
            return std::future::pending().await;
        }
        let host = self.host(endpoint, to);
        let Some(host) = host else {
            sleep(fate.back).await;
            return refused(endpoint);
        };
        if path.ends_with(SNAPSHOT)
            && let Some(hears) = &mut self.net.inner().on_snapshot
        {
            hears(to);
        }
        let answer = host.serve(call, self.key, limit, fate.given_up).await;
        if host.life().is_over() {
            // Its machine says so, or is gone as well.
            if fate.told {
                sleep(fate.back).await;
                return broken();
            }
            return std::future::pending().await;
        }
        if let Ok((head, body)) = &answer {
            let inner = self.net.inner();
            inner.tap.answered(to, &path, body);
            inner.trace.note("answer", || {
                let digest = crate::wire::short(body);
                format!(
                    "{to} > {from} {path} {} {} bytes {digest}",
                    head.code,
                    body.len()
                )
            });
        }
        sleep(fate.back).await;
        if fate.reply_lost || self.net.inner().is_cut(to, from) {
            if fate.told {
                return broken();
            }
            return std::future::pending().await;
        }
        match answer {
            Ok((head, body)) => Ok(head.response(body)),
            Err(error) => Err(error),
        }
    }

    fn host(&self, endpoint: &str, to: Place) -> Option<Host> {
        let inner = self.net.inner();
        let (place, host) = inner.hosts.get(endpoint)?;
        (*place == to && !host.life().is_over()).then(|| host.clone())
    }

    /// Delivers a call of which nobody waits for the answer.
    fn deliver_later(&self, endpoint: &str, call: Call, after: Duration, limit: Duration) {
        let (this, endpoint) = (self.clone(), endpoint.to_owned());
        tokio::spawn(async move {
            sleep(after).await;
            let to = this.net.inner().hosts.get(&endpoint).map(|(to, _)| *to);
            let Some(host) = to.and_then(|to| this.host(&endpoint, to)) else {
                return;
            };
            let (from, to) = (this.from, to.unwrap_or_default());
            if this.net.inner().is_cut(from, to) {
                return;
            }
            let path = call.uri().path().to_owned();
            this.net
                .inner()
                .trace
                .note("late", || format!("{from} > {to} {path}"));
            let answer = host.serve(call, this.key, limit, false).await;
            if let (Ok((_, body)), false) = (&answer, host.life().is_over()) {
                this.net.inner().tap.answered(to, &path, body);
            }
        });
    }
}
