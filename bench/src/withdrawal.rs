//! `withdrawal`: from the submission of a withdrawal until every replica denies.
//!
//! East's node submits over mutual TLS to its own replica, which forwards it to the leader if another leads. At each of
//! the three replicas someone waits for the next leaf and then has that replica's own state decide a request that was
//! permitted before: the time ends when the last of the three has denied. Nothing else is asked of the replicas.

use crate::cluster::{Cluster, PATIENCE, Running, now, submit};
use crate::federation::{FIRST_REQUEST, Federation};
use crate::load::joined;
use crate::replicated::{accepted, outcome, set_up, wrong};
use crate::yardstick::fdatasync_ms;
use crate::{BenchError, ROUNDS, Row, percentile};
use sekisho_domain::{AccessRequest, ConsentId, Decision, EntryIndex, Outcome};
use sekisho_ledger::{View, authorize};
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::{Replica, ReplicaError};
use sekisho_transport::Deadline;
use std::io::Write;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// The first person who withdraws; those before are the set-up's.
const FIRST_PERSON: u64 = 10_000;
/// Time of the peer's part of a round.
const PEER_SLICE: Duration = Duration::from_millis(400);

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Alternating rounds, after one that is not counted.
    pub rounds: usize,
    /// Withdrawals of a round on loopback.
    pub near: u64,
    /// Withdrawals of a round over the longer way.
    pub far: u64,
    /// How long that way is, there and back.
    pub round_trip: Duration,
}

impl Sizes {
    /// 700 withdrawals on loopback, 210 over 20 ms.
    pub const FULL: Self = Self {
        rounds: ROUNDS,
        near: 100,
        far: 30,
        round_trip: Duration::from_millis(20),
    };

    /// Short, to see that it works.
    pub const QUICK: Self = Self {
        rounds: 1,
        near: 5,
        far: 3,
        round_trip: Duration::from_millis(20),
    };
}

/// Runs it; two rows on loopback, two over the longer way.
///
/// # Errors
/// The replicas cannot be run, or one decides otherwise than it must.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    let mut rows = Vec::new();
    let round_trip_ms = sizes.round_trip.as_millis();
    for (far, count) in [(None, sizes.near), (Some(sizes.round_trip), sizes.far)] {
        let total = count * (sizes.rounds as u64 + 1);
        let withdrawing = Withdrawing::start(far, total)?;
        let (mut each_ms, mut peer_ms) = (Vec::new(), Vec::new());
        for round in 0..=sizes.rounds {
            let first = round as u64 * count;
            let ours = (first..first + count).map(|n| withdrawing.once(n));
            let ours = ours.collect::<Result<Vec<_>, _>>()?;
            let peer = match far {
                None => fdatasync_ms(withdrawing.cluster.directory(), PEER_SLICE)?,
                Some(round_trip) => vec![round_trip.as_secs_f64() * 1_000.0],
            };
            if round > 0 {
                each_ms.extend(ours);
                peer_ms.extend(peer);
            }
        }
        let (place, against) = match far {
            None => ("on loopback".to_owned(), "one fdatasync".to_owned()),
            Some(_) => (
                format!("with {round_trip_ms} ms between replicas"),
                format!("one round trip of {round_trip_ms} ms"),
            ),
        };
        say(format!(
            "{place}: {} withdrawals, submitted at {}",
            each_ms.len(),
            withdrawing.role()?
        ));
        rows.extend([50.0, 99.0].map(|percent| {
            let of = |values: &[f64]| percentile(values, percent).unwrap_or(f64::NAN);
            let peer = if far.is_none() {
                format!("p{percent} of {against}")
            } else {
                against.clone()
            };
            Row {
                case: format!(
                    "withdrawal submitted until every replica denies, {place}, p{percent}, against {peer}"
                ),
                ours: of(&each_ms),
                peer: of(&peer_ms),
                unit: "ms",
            }
        }));
    }
    Ok(rows)
}

struct Withdrawing {
    // Dropped in this order.
    channel: Channel,
    cluster: Cluster,
    client: Runtime,
    /// Of each person in turn.
    consents: Vec<ConsentId>,
    /// The index of the first withdrawal's leaf.
    first: EntryIndex,
}

impl Withdrawing {
    /// Three replicas, and as many persons with one consent each.
    fn start(far: Option<Duration>, persons: u64) -> Result<Self, BenchError> {
        let client = Runtime::new().map_err(BenchError::system("a runtime"))?;
        let cluster = Cluster::start_apart(far)?;
        let channel = {
            let _on = client.enter();
            cluster.connect_to_own()?
        };
        let (federation, channels) = (&cluster.federation, [channel.clone()]);
        client.block_on(set_up(federation, &channels))?;
        let (east, west) = (&federation.east, &federation.west);
        let mut request = FIRST_REQUEST;
        let mut says = |member, body| {
            request += 1;
            federation.node_says(member, request, now(), body)
        };
        let all = FIRST_PERSON..FIRST_PERSON + persons;
        let links: Vec<v1::Envelope> = all
            .clone()
            .flat_map(|person| {
                [
                    says(east, federation.link(east, west, person)),
                    says(west, federation.link(west, east, person)),
                ]
            })
            .collect();
        client.block_on(accepted(&channels, links))?;
        let consents = all.map(|person| says(east, federation.viewing_consent(person)));
        let places = client.block_on(accepted(&channels, consents.collect()))?;
        let last = places.iter().max().map_or(0, |index| index.0);
        Ok(Self {
            channel,
            cluster,
            client,
            consents: places.into_iter().map(ConsentId).collect(),
            first: EntryIndex(last + 1),
        })
    }

    /// Whom east's node submits to.
    fn role(&self) -> Result<&'static str, BenchError> {
        let [own, ..] = self.cluster.running() else {
            return Ok("nobody");
        };
        let status = own.runtime.block_on(own.replica.status())?;
        Ok(if status.leader == Some(status.replica) {
            "the leader"
        } else {
            "a replica that does not lead"
        })
    }

    /// The n-th withdrawal; its milliseconds.
    fn once(&self, n: u64) -> Result<f64, BenchError> {
        let federation: &Federation = &self.cluster.federation;
        let request = federation.request(FIRST_PERSON + n, &federation.west);
        let index = EntryIndex(self.first.0 + n);
        let consent = self.consents[n as usize];
        let withdrawal = federation.node_says(
            &federation.east,
            FIRST_REQUEST * 2 + n,
            now(),
            federation.withdrawal(consent),
        );
        for running in self.cluster.running() {
            // All that was before is applied, or a denial could be for want of it.
            let before = EntryIndex(index.0 - 1);
            let applied = running
                .replica
                .wait_applied(before, Deadline::after(PATIENCE));
            let decided = running.runtime.block_on(async {
                applied.await.map_err(late)?;
                decided(&running.replica, &request).await
            })?;
            if !matches!(decided, Decision::Permit(_)) {
                return Err(wrong(
                    "a request before the withdrawal",
                    "a permit",
                    &decided,
                ));
            }
        }
        let mut denials = JoinSet::new();
        for Running {
            replica, runtime, ..
        } in self.cluster.running()
        {
            let (replica, request) = (replica.clone(), request.clone());
            let denied = async move {
                let applied = replica.wait_applied(index, Deadline::after(PATIENCE));
                applied.await.map_err(late)?;
                let decided = decided(&replica, &request).await?;
                if matches!(decided, Decision::Deny(_)) {
                    Ok(Instant::now())
                } else {
                    Err(wrong(
                        "a request after the withdrawal",
                        "a denial",
                        &decided,
                    ))
                }
            };
            denials.spawn_on(denied, runtime.handle());
        }
        self.client.block_on(async {
            let begun = Instant::now();
            let mut client = LedgerServiceClient::new(self.channel.clone());
            let reply = submit(&mut client, withdrawal).await?;
            let place = EntryIndex(reply.index);
            let denied = joined(&mut denials).await?;
            match outcome(reply)? {
                Outcome::Accepted if place == index => {}
                other => {
                    let expected = format!("accepted at {}", index.0);
                    return Err(wrong("a withdrawal", &expected, &(place, other)));
                }
            }
            let last = denied.into_iter().max().unwrap_or(begun);
            Ok(last.duration_since(begun).as_secs_f64() * 1_000.0)
        })
    }
}

fn late(_: sekisho_replica::WaitError) -> BenchError {
    BenchError::TooSlow {
        what: "applying an entry at every replica",
        max_s: PATIENCE.as_secs(),
    }
}

/// What a replica's state, as applied there now, says to a request.
async fn decided(replica: &Replica, request: &AccessRequest) -> Result<Decision, BenchError> {
    let request = request.clone();
    let mut decisions = replica
        .read(move |state| {
            authorize(View(state), &request, now())
                .map_err(|error| ReplicaError::State(Box::new(error)))
        })
        .await?;
    match (decisions.pop(), decisions.as_slice()) {
        (Some((_, decision)), []) => Ok(decision),
        other => Err(wrong("a request", "one decision", &other)),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn withdrawals_are_seen_near_and_far_and_not_before_they_can_be() {
        let rows = run(&Sizes::QUICK, &mut std::io::sink()).unwrap();
        assert_eq!(rows.len(), 4);
        assert!(rows.iter().all(|row| row.ours > 0.0 && row.peer > 0.0));
        // To a majority and back, and on to whoever did not hear of it yet.
        let far = &rows[2];
        assert!(far.ours >= far.peer, "{far:?}");
    }
}
