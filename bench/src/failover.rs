//! `failover`: from the SIGKILL of the leader's process until a survivor has committed the next request.
//!
//! Three replicas, each a process of this program, with the timing of replicas one millisecond apart
//! (`Timing::LOOPBACK`). A client submits to one of the survivors at once and is answered when a new leader has
//! committed its request; so an election, the new leader's first entry and the request itself are in the time. The peer
//! is the timing's longest election timeout. The killed replica is started again before the next round.

use crate::cluster::{PATIENCE, REPLICAS, submit};
use crate::group::{Group, Settings};
use crate::replicated::{permitted, set_up, signed_request};
use crate::{BenchError, ROUNDS, Row, median};
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_replica::Timing;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tonic::Code;

/// How often the leader is killed.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Rounds, after one that is not counted.
    pub rounds: usize,
}

impl Sizes {
    /// Thrice as often as other benchmarks: an election's length is drawn by lot.
    pub const FULL: Self = Self { rounds: 3 * ROUNDS };

    /// Short, to see that it works.
    pub const QUICK: Self = Self { rounds: 1 };
}

/// Runs it; two rows, the median and the longest. `program` is this one: its replicas are processes of it.
///
/// # Errors
/// The replicas cannot be run, or do not go on.
pub fn run(
    sizes: &Sizes,
    program: &Path,
    progress: &mut dyn Write,
) -> Result<Vec<Row>, BenchError> {
    let client = Runtime::new().map_err(BenchError::system("a runtime"))?;
    let mut group = Group::found(program, REPLICAS)?;
    group.start_all(&client, Settings::usual())?;
    let leader = group.leader(&client)?;
    {
        let channel = {
            let _on = client.enter();
            group.connect(leader)?
        };
        client.block_on(set_up(&group.federation, &[channel]))?;
    }
    let mut each_ms = Vec::new();
    for round in 0..=sizes.rounds {
        let elapsed = once(&mut group, &client, round as u64)?;
        let ms = elapsed.as_secs_f64() * 1_000.0;
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "round {round}: {ms:.0} ms");
        if round > 0 {
            each_ms.push(ms);
        }
    }
    let timeout_ms = Timing::LOOPBACK.election_max.as_secs_f64() * 1_000.0;
    let row = |what: &str, ours: f64| Row {
        case: format!(
            "SIGKILL of the leader until the next commit, {what}, against the election timeout"
        ),
        ours,
        peer: timeout_ms,
        unit: "ms",
    };
    let longest = each_ms.iter().copied().fold(f64::NAN, f64::max);
    Ok(vec![
        row("median", median(&each_ms).unwrap_or(f64::NAN)),
        row(&format!("longest of {}", each_ms.len()), longest),
    ])
}

fn once(group: &mut Group, client: &Runtime, round: u64) -> Result<Duration, BenchError> {
    let leader = group.leader(client)?;
    let survivor = (leader + 1) % REPLICAS;
    let channel = {
        let _on = client.enter();
        group.connect(survivor)?
    };
    let mut ledger = LedgerServiceClient::new(channel);
    // Connected before the kill: a client's own handshake is not the ledger's time.
    client.block_on(async {
        let envelope = signed_request(&group.federation, 2 * round);
        permitted(submit(&mut ledger, envelope).await?)
    })?;
    let envelope = signed_request(&group.federation, 2 * round + 1);
    let killed = Instant::now();
    group.kill(leader)?;
    client.block_on(async {
        loop {
            match submit(&mut ledger, envelope.clone()).await {
                Ok(reply) => return permitted(reply),
                // It could not be sent, or nobody knows: the same entry again has one outcome only.
                Err(BenchError::Refused {
                    code: Code::Unavailable | Code::Unknown | Code::DeadlineExceeded | Code::Aborted,
                    ..
                }) if killed.elapsed() < PATIENCE => {}
                Err(error) => return Err(error),
            }
        }
    })?;
    let elapsed = killed.elapsed();
    group.start(leader, Settings::usual())?;
    for n in 0..REPLICAS {
        group.ready(client, n, PATIENCE)?;
    }
    Ok(elapsed)
}
