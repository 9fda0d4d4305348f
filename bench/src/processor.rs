//! Processor time: of a process, and within this one of the parts that have threads of their own by name.

use crate::BenchError;
use std::collections::BTreeMap;
use std::fs;
use tokio::runtime::{Builder, Runtime};

/// Ticks of a second in which the system counts a process' time (`man 5 proc`).
const TICKS: f64 = 100.0;

/// A runtime whose threads have this name (at most 15 bytes).
pub(crate) fn runtime(name: &'static str) -> Result<Runtime, BenchError> {
    build(&mut Builder::new_multi_thread(), name)
}

/// As [`runtime`], with one thread.
pub(crate) fn one_thread(name: &'static str) -> Result<Runtime, BenchError> {
    build(Builder::new_multi_thread().worker_threads(1), name)
}

fn build(builder: &mut Builder, name: &'static str) -> Result<Runtime, BenchError> {
    let runtime = builder.enable_all().thread_name(name).build();
    runtime.map_err(BenchError::system("a runtime"))
}

/// Seconds of a process: user and system time, the 14th and 15th field of its `stat`.
pub(crate) fn of_process(process: u32) -> Result<f64, BenchError> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    let stat = stat.map_err(BenchError::system("a process' times"))?;
    // The second field is the program's name, which may have spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    Ok(ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS)
}

/// What each thread of this process has used until now.
pub(crate) struct Threads(BTreeMap<String, (String, u64)>);

impl Threads {
    pub(crate) fn now() -> Result<Self, BenchError> {
        let failed = || BenchError::system("this process' threads");
        let mut threads = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task").map_err(failed())? {
            let task = task.map_err(failed())?;
            // A thread that ended meanwhile is none of ours any more.
            let read = |name| fs::read_to_string(task.path().join(name)).ok();
            let (Some(name), Some(used)) = (read("comm"), read("schedstat")) else {
                continue;
            };
            let used = used.split_whitespace().next();
            let used_ns = used.and_then(|ns| ns.parse().ok()).unwrap_or(0);
            let id = task.file_name().to_string_lossy().into_owned();
            threads.insert(id, (name.trim().to_owned(), used_ns));
        }
        Ok(Self(threads))
    }

    /// Milliseconds used since then by all threads of a name; what ended meanwhile is left out.
    pub(crate) fn since(&self, earlier: &Self, name: &str) -> f64 {
        let used = self.0.iter().filter(|(_, (of, _))| of == name);
        let used = used.map(|(id, (_, now))| {
            let before = earlier.0.get(id).map_or(0, |(_, before)| *before);
            now.saturating_sub(before)
        });
        used.sum::<u64>() as f64 / 1_000_000.0
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn who_works_is_told_from_who_does_not() {
        let (busy, idle) = (runtime("busy-part").unwrap(), runtime("idle-part").unwrap());
        let (before, process) = (
            Threads::now().unwrap(),
            of_process(std::process::id()).unwrap(),
        );
        let work = async {
            let (begun, from) = (Instant::now(), Threads::now().unwrap());
            while Threads::now().unwrap().since(&from, "busy-part") < 60.0 {
                assert!(begun.elapsed() < Duration::from_secs(20));
            }
        };
        busy.block_on(busy.spawn(work)).unwrap();
        let after = Threads::now().unwrap();
        assert!(after.since(&before, "busy-part") >= 60.0);
        assert!(after.since(&before, "idle-part") < 60.0);
        assert!(of_process(std::process::id()).unwrap() > process);
        drop(idle);
    }
}
