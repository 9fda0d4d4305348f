//! The threads that answer short questions to the state. They are few and take one after the other: answers of many networks
//! come in together, and a thread woken to check each would cost more than the check. What waits for anything but the
//! state is not for them: it would keep the others waiting.

use crate::ReplicaError;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use tokio::sync::oneshot;

/// Threads for each of the machine's cores: one may wait for the disk while another reads.
const OF_EACH_CORE: usize = 2;
/// Threads at least.
const THREADS_MIN: usize = 4;

type Job = Box<dyn FnOnce() + Send>;

/// Reads that wait, and threads at work.
#[derive(Clone)]
pub(crate) struct Readers(Arc<Mutex<Waiting>>);

struct Waiting {
    jobs: VecDeque<Job>,
    threads: usize,
    threads_max: usize,
}

impl Readers {
    pub fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with(THREADS_MIN.max(cores * OF_EACH_CORE))
    }

    fn with(threads_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Waiting {
            jobs: VecDeque::new(),
            threads: 0,
            threads_max,
        })))
    }

    /// Runs work that reads, off the async threads, in its turn.
    ///
    /// # Errors
    /// The work's own; [`ReplicaError::ShutDown`] if the runtime is going away, or the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ReplicaError> + Send + 'static,
    ) -> Result<T, ReplicaError> {
        #[cfg(feature = "simulation")]
        if crate::simulation::is_on() {
            return crate::simulation::work(work).await;
        }
        let (tell, told) = oneshot::channel();
        let job = Box::new(move || {
            // Whoever asked may have gone.
            let _ = tell.send(work());
        });
        if let Some(thread) = self.put(job) {
            tokio::task::spawn_blocking(move || thread.work());
        }
        told.await.map_err(|_| ReplicaError::ShutDown)?
    }

    /// Puts a job behind the others; a thread for it, unless all are at work.
    fn put(&self, job: Job) -> Option<Thread> {
        let mut waiting = self.waiting();
        waiting.jobs.push_back(job);
        let one_more = waiting.threads < waiting.threads_max;
        waiting.threads += usize::from(one_more);
        one_more.then(|| Thread {
            readers: self.clone(),
            is_counted: true,
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that is counted, from before it begins until it leaves.
struct Thread {
    readers: Readers,
    is_counted: bool,
}

impl Thread {
    fn work(mut self) {
        while let Some(job) = self.next() {
            // What panicked is reported by the panic itself; whoever waits for it hears that there is no answer.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    /// The next job. Where there is none the thread is no longer counted, in the same moment: whoever comes then has
    /// another one begun.
    fn next(&mut self) -> Option<Job> {
        let mut waiting = self.readers.waiting();
        let job = waiting.jobs.pop_front();
        if job.is_none() {
            waiting.threads -= 1;
            self.is_counted = false;
        }
        job
    }
}

impl Drop for Thread {
    /// A runtime that is going away does not begin it. Whoever waits for a thread that does not come hears of it.
    fn drop(&mut self) {
        if !self.is_counted {
            return;
        }
        let mut waiting = self.readers.waiting();
        waiting.threads -= 1;
        let left = match waiting.threads {
            0 => std::mem::take(&mut waiting.jobs),
            _ => VecDeque::new(),
        };
        drop(waiting);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_reads_are_answered_by_few_threads() {
        let readers = Readers::with(3);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut asked = tokio::task::JoinSet::new();
        for n in 0..200 {
            let (readers, now, most) = (readers.clone(), Arc::clone(&now), Arc::clone(&most));
            asked.spawn(async move {
                let read = readers.run(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_micros(200));
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(n)
                });
                (n, read.await.unwrap())
            });
        }
        while let Some(answer) = asked.join_next().await {
            let (n, read) = answer.unwrap();
            assert_eq!(n, read);
        }
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
        // All of them have left, and whoever asks next is answered.
        assert!(readers.run(|| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn a_read_that_panics_takes_no_thread_with_it() {
        let readers = Readers::with(1);
        let panicked = readers.run(|| -> Result<(), _> { panic!("on purpose") });
        assert!(matches!(panicked.await, Err(ReplicaError::ShutDown)));
        assert_eq!(readers.run(|| Ok(1)).await.unwrap(), 1);
    }

    #[test]
    fn whoever_waits_for_a_runtime_that_is_gone_hears_of_it() {
        let readers = Readers::with(1);
        // A thread that was promised and never came.
        let thread = readers.put(Box::new(|| ()));
        let (tell, told) = oneshot::channel::<()>();
        let job = Box::new(move || assert!(tell.send(()).is_ok()));
        assert!(readers.put(job).is_none());
        drop(thread);
        assert!(told.blocking_recv().is_err());
        assert_eq!(readers.waiting().threads, 0);
    }
}
