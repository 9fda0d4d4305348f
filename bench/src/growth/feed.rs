//! Signed entries in the order of their numbers, made by as many threads as there are cores while those made before
//! are submitted.

use super::REPLICA;
use crate::BenchError;
use crate::authorize::grouped;
use crate::cluster::{PATIENCE, now, submit_along};
use crate::federation::{FIRST_REQUEST, Federation};
use crate::group::Group;
use crate::load::{self, Client, Run};
use crate::replicated::{CONNECTIONS, PERSONS, outcome, wrong};
use sekisho_domain::{Body, Outcome};
use sekisho_proto::v1;
use sekisho_replica::Submitter;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tonic::transport::Channel;

/// Clients that feed: where a replica commits most.
const CLIENTS: usize = 256;
/// Entries signed ahead of their submission.
const CHUNK: u64 = 16_384;
/// Longest time one chunk may take.
const CHUNK_MAX: Duration = Duration::from_secs(250);
/// Time between two words on how far it is.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// The first person nobody saw before.
const FIRST_PERSON: u64 = 1_000_000;

type Signed = Arc<Mutex<VecDeque<v1::Envelope>>>;

/// How far it is.
pub(super) struct Feed {
    /// Entries of the growth itself.
    done: u64,
    /// All entries made, those of the timed commits among them: the next one's number.
    next: u64,
    total: u64,
    spent: Duration,
}

impl Feed {
    pub(super) fn new(total: u64) -> Self {
        Self {
            done: 0,
            next: 0,
            total,
            spent: Duration::ZERO,
        }
    }

    /// Feeds until there are that many.
    pub(super) fn until(
        &mut self,
        stop: u64,
        group: &Group,
        client: &Runtime,
        progress: &mut dyn Write,
    ) -> Result<(), BenchError> {
        if self.done >= stop {
            return Ok(());
        }
        let channels = {
            let _on = client.enter();
            let channels = (0..CONNECTIONS).map(|_| group.connect(REPLICA));
            channels.collect::<Result<Vec<_>, _>>()?
        };
        let federation = &group.federation;
        let (begun, mut said) = (Instant::now(), Instant::now());
        let before = self.spent;
        let mut ready = signed(federation, self.take((stop - self.done).min(CHUNK)));
        while self.done < stop {
            let count = ready.len() as u64;
            let ahead = self.take((stop - self.done - count).min(CHUNK));
            ready = std::thread::scope(|scope| {
                let ahead = scope.spawn(|| signed(federation, ahead));
                let run = submit_all(client, &channels, ready, CLIENTS)?;
                if run.each_ms.len() as u64 != count {
                    return Err(wrong("a feeding", "all are taken", &run.each_ms.len()));
                }
                ahead.join().map_err(|_| BenchError::Wrong {
                    what: "a thread that signs",
                    expected: "it ends".to_owned(),
                    got: "it panicked".to_owned(),
                })
            })?;
            self.done += count;
            self.spent = before + begun.elapsed();
            if said.elapsed() > SAY_EVERY {
                said = Instant::now();
                // Progress nobody can see is no reason to stop.
                let _ = writeln!(progress, "{}", self.said());
            }
        }
        let _ = writeln!(progress, "{}", self.said());
        Ok(())
    }

    fn said(&self) -> String {
        let rate = self.done as f64 / self.spent.as_secs_f64();
        let left_s = (self.total - self.done) as f64 / rate;
        format!(
            "{} of {} entries, {rate:.0} a second, about {:.0} min of feeding left",
            grouped(self.done),
            grouped(self.total),
            (left_s / 60.0).ceil()
        )
    }

    /// Timed commits of one client, one after the other, of entries like the others.
    pub(super) fn one_by_one(
        &mut self,
        group: &Group,
        client: &Runtime,
        commits: usize,
    ) -> Result<Run, BenchError> {
        let channel = {
            let _on = client.enter();
            group.connect(REPLICA)?
        };
        let numbers = self.take(commits as u64);
        let ready = signed(&group.federation, numbers);
        submit_all(client, &[channel], ready, 1)
    }

    /// All entries submitted so far.
    pub(super) fn made(&self) -> u64 {
        self.next
    }

    fn take(&mut self, count: u64) -> std::ops::Range<u64> {
        let first = self.next;
        self.next += count;
        first..self.next
    }
}

fn submit_all(
    client: &Runtime,
    channels: &[Channel],
    ready: VecDeque<v1::Envelope>,
    clients: usize,
) -> Result<Run, BenchError> {
    let signed: Signed = Arc::new(Mutex::new(ready));
    let ways: Vec<_> = channels.iter().cloned().map(Submitter::new).collect();
    let feeding = ways.iter().cycle().take(clients).map(|way| Feeding {
        way: way.clone(),
        signed: Arc::clone(&signed),
    });
    client.block_on(load::run(feeding.collect(), CHUNK_MAX, PATIENCE))
}

/// The entries of these numbers, signed by all cores.
fn signed(federation: &Federation, numbers: std::ops::Range<u64>) -> VecDeque<v1::Envelope> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let each = (numbers.end - numbers.start).div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..cores)
            .map(|part| {
                let from = (numbers.start + part * each).min(numbers.end);
                let until = (from + each).min(numbers.end);
                scope.spawn(move || (from..until).map(|n| entry(federation, n)).collect())
            })
            .collect();
        let parts = parts.into_iter().filter_map(|part| part.join().ok());
        parts.flat_map(|part: Vec<_>| part).collect()
    })
}

/// The n-th entry.
fn entry(federation: &Federation, n: u64) -> v1::Envelope {
    let (east, north) = (&federation.east, &federation.north);
    let (member, body) = match n % 16 {
        0..12 => {
            let request = federation.long_request(n % PERSONS, &federation.west);
            (east, Body::AccessRequest(request))
        }
        12..15 => (east, federation.viewing_consent(FIRST_PERSON + n)),
        _ => (north, federation.reservation(FIRST_PERSON + n)),
    };
    federation.node_says(member, FIRST_REQUEST + n, now(), body)
}

/// Submits what is signed; each must take effect, or be decided.
struct Feeding {
    way: Submitter,
    signed: Signed,
}

impl Client for Feeding {
    async fn ask(&mut self) -> Result<bool, BenchError> {
        let envelope = {
            let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
            signed.pop_front()
        };
        let Some(envelope) = envelope else {
            return Ok(false);
        };
        match outcome(submit_along(&self.way, envelope).await?)? {
            Outcome::Accepted | Outcome::Decided(_) => Ok(true),
            other => Err(wrong("an entry", "it takes effect", &other)),
        }
    }
}
