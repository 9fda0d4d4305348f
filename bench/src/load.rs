//! Clients that each ask again as soon as they were answered, and how long each answer took.

use crate::{BenchError, Row, median, percentile};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// One client of a system that is measured.
pub(crate) trait Client: Send + 'static {
    /// Asks once and waits for the answer; false if it has nothing left to ask. A wrong answer is an error.
    fn ask(&mut self) -> impl Future<Output = Result<bool, BenchError>> + Send;
}

/// One run.
pub(crate) struct Run {
    pub(crate) each_ms: Vec<f64>,
    pub(crate) elapsed: Duration,
}

impl Run {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.each_ms.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Milliseconds that so many percent of the answers took at most.
    pub(crate) fn percentile_ms(&self, percent: f64) -> f64 {
        percentile(&self.each_ms, percent).unwrap_or(f64::NAN)
    }
}

/// Every client asks one thing after the other, at least one, until the time is over or nothing is left to ask. What
/// is under way then may take another `patience`.
pub(crate) async fn run<C: Client>(
    clients: Vec<C>,
    slice: Duration,
    patience: Duration,
) -> Result<Run, BenchError> {
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for mut client in clients {
        tasks.spawn(async move {
            let mut each_ms = Vec::new();
            loop {
                let asked = Instant::now();
                if !client.ask().await? {
                    break;
                }
                each_ms.push(asked.elapsed().as_secs_f64() * 1_000.0);
                if begun.elapsed() >= slice {
                    break;
                }
            }
            Ok(each_ms)
        });
    }
    let max = slice + patience;
    let all = tokio::time::timeout(max, joined(&mut tasks)).await;
    let all = all.map_err(|_| BenchError::TooSlow {
        what: "one run",
        max_s: max.as_secs(),
    })??;
    Ok(Run {
        each_ms: all.into_iter().flatten().collect(),
        elapsed: begun.elapsed(),
    })
}

/// The results of all tasks, or the first fault.
pub(crate) async fn joined<T: 'static>(
    tasks: &mut JoinSet<Result<T, BenchError>>,
) -> Result<Vec<T>, BenchError> {
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.push(done.map_err(|error| BenchError::System {
            what: "a client",
            source: error.into(),
        })??);
    }
    Ok(all)
}

/// The runs of one system with one number of clients.
#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) rate: Vec<f64>,
    pub(crate) p50: Vec<f64>,
    pub(crate) p99: Vec<f64>,
    requests: usize,
}

impl Runs {
    pub(crate) fn add(&mut self, run: &Run) {
        self.rate.push(run.rate());
        self.p50.push(run.percentile_ms(50.0));
        self.p99.push(run.percentile_ms(99.0));
        self.requests += run.each_ms.len();
    }

    /// What they came to, in words.
    pub(crate) fn said(&self) -> String {
        let rates = self.rate.iter().copied();
        let least = rates.clone().fold(f64::MAX, f64::min);
        let most = rates.fold(0.0, f64::max);
        format!(
            "{} requests in {} runs, {least:.0} to {most:.0} a second",
            self.requests,
            self.rate.len()
        )
    }
}

/// A row of medians.
pub(crate) fn row(case: String, ours: &[f64], peer: &[f64], unit: &'static str) -> Row {
    Row {
        case,
        ours: median(ours).unwrap_or(f64::NAN),
        peer: median(peer).unwrap_or(f64::NAN),
        unit,
    }
}

/// `1 client`, `64 clients`.
pub(crate) fn clients(count: usize) -> String {
    match count {
        1 => "1 client".to_owned(),
        many => format!("{many} clients"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    struct Counts(usize);

    impl Client for Counts {
        async fn ask(&mut self) -> Result<bool, BenchError> {
            tokio::task::yield_now().await;
            self.0 = self.0.saturating_sub(1);
            Ok(self.0 > 0)
        }
    }

    struct Silent;

    impl Client for Silent {
        async fn ask(&mut self) -> Result<bool, BenchError> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_run_ends_when_nothing_is_left_and_does_not_wait_for_ever() {
        let long = Duration::from_secs(60);
        let done = run(vec![Counts(4), Counts(11)], long, long).await.unwrap();
        assert_eq!(done.each_ms.len(), 3 + 10);
        assert!(done.rate() > 0.0 && done.percentile_ms(50.0) >= 0.0);
        let short = Duration::from_millis(10);
        let silent = run(vec![Silent], short, short).await;
        assert!(matches!(silent, Err(BenchError::TooSlow { .. })));
    }
}
