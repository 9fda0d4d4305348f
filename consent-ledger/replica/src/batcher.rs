//! Many submissions, one Raft entry: what makes one fsync serve hundreds of callers (R1).
//!
//! While nothing is under way a batch leaves at once, so a lone caller waits for nobody. While one is, the
//! next lingers for company, and leaves when it is full, when [`BATCH_LINGER`] is over and a place is free.

use crate::config::{
    BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BATCH_LINGER, BATCHES_IN_FLIGHT_MAX, Clock, QUEUE_MAX,
};
use crate::raft::{Proposal, Raft};
use prost::Message;
use sekisho_ledger::Applied;
use sekisho_proto::v1;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Where submissions wait. When the last clone is dropped, what waits is still proposed.
#[derive(Clone)]
pub(crate) struct Queue(mpsc::Sender<Job>);

/// Why a submission was not put in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no place.
    Full,
    /// Nobody serves it any more.
    Closed,
}

/// The batch was proposed, but what became of it is not known here: leadership or the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

struct Job {
    envelope: v1::Envelope,
    ticket: Ticket,
    reply: oneshot::Sender<Result<Applied, Lost>>,
}

/// Settles between caller and batcher whether the submission left, so that "not sent" is never a guess.
#[derive(Clone)]
pub(crate) struct Ticket(Arc<AtomicU8>);

const WAITING: u8 = 0;
const SENT: u8 = 1;
const ABANDONED: u8 = 2;

impl Ticket {
    fn new() -> Self {
        Self(Arc::new(AtomicU8::new(WAITING)))
    }

    fn take(&self, to: u8) -> bool {
        self.0
            .compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Whether the submission stays unsent for good; false if it has left.
    pub(crate) fn abandon(&self) -> bool {
        self.take(ABANDONED) || self.0.load(Ordering::Acquire) == ABANDONED
    }
}

impl Queue {
    /// Queues an admitted envelope.
    pub(crate) fn push(
        &self,
        envelope: v1::Envelope,
    ) -> Result<(Ticket, oneshot::Receiver<Result<Applied, Lost>>), Refused> {
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket::new();
        let job = Job {
            envelope,
            ticket: ticket.clone(),
            reply,
        };
        match self.0.try_send(job) {
            Ok(()) => Ok((ticket, answer)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Refused::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Refused::Closed),
        }
    }
}

/// The queue, and the task that serves it until the queue is dropped.
pub(crate) fn batcher(raft: Raft, clock: Arc<dyn Clock>) -> (Queue, impl Future<Output = ()>) {
    let (sender, jobs) = mpsc::channel(QUEUE_MAX);
    (Queue(sender), run(jobs, raft, clock))
}

#[derive(Default)]
struct Filling {
    jobs: Vec<Job>,
    bytes: usize,
}

impl Filling {
    /// Takes a job, or gives it back if it does not fit.
    fn add(&mut self, job: Job) -> Option<Job> {
        let bytes = self.bytes + job.envelope.encoded_len();
        if !self.jobs.is_empty()
            && (self.jobs.len() >= BATCH_ENTRIES_MAX || bytes > BATCH_BYTES_MAX)
        {
            return Some(job);
        }
        self.bytes = bytes;
        self.jobs.push(job);
        None
    }

    /// Takes what waits; gives back the first job that does not fit.
    fn add_waiting(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        while let Ok(job) = jobs.try_recv() {
            if let Some(next) = self.add(job) {
                return Some(next);
            }
        }
        None
    }

    async fn linger(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        let until = Instant::now() + BATCH_LINGER;
        while let Ok(Some(job)) = timeout_at(until, jobs.recv()).await {
            if let Some(next) = self.add(job) {
                return Some(next);
            }
        }
        None
    }
}

async fn run(mut jobs: mpsc::Receiver<Job>, raft: Raft, clock: Arc<dyn Clock>) {
    let places = Arc::new(Semaphore::new(BATCHES_IN_FLIGHT_MAX));
    let (mut next, mut last_ms) = (None, 0);
    loop {
        let first = match next.take() {
            Some(job) => job,
            None => match jobs.recv().await {
                Some(job) => job,
                None => break,
            },
        };
        let mut batch = Filling::default();
        next = batch.add(first);
        if next.is_none() {
            next = batch.add_waiting(&mut jobs);
        }
        if next.is_none() && places.available_permits() < BATCHES_IN_FLIGHT_MAX {
            next = batch.linger(&mut jobs).await;
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        if next.is_none() {
            next = batch.add_waiting(&mut jobs);
        }
        let sent: Vec<Job> = batch
            .jobs
            .into_iter()
            .filter(|job| job.ticket.take(SENT))
            .collect();
        if sent.is_empty() {
            continue;
        }
        last_ms = clock.now().0.max(last_ms);
        let (envelopes, replies): (Vec<_>, Vec<_>) = sent
            .into_iter()
            .map(|job| (job.envelope, job.reply))
            .unzip();
        let proposal = Proposal::new(v1::Batch {
            time_ms: last_ms,
            envelopes,
        });
        // Queued here, in order; waited for elsewhere, so that the next batch can fill meanwhile.
        let proposed = raft.client_write_ff(proposal).await;
        tokio::spawn(async move {
            let applied = match proposed {
                Ok(answer) => answer
                    .await
                    .ok()
                    .and_then(Result::ok)
                    .map(|written| written.data.0),
                Err(_) => None,
            };
            drop(place);
            let mut applied = applied.unwrap_or_default().into_iter();
            for reply in replies {
                // A caller that no longer waits asks again by its request id.
                let _ = reply.send(applied.next().ok_or(Lost));
            }
        });
    }
    // Batches under way end before the task does.
    let _ = places.acquire_many(BATCHES_IN_FLIGHT_MAX as u32).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(bytes: usize) -> Job {
        let envelope = v1::Envelope {
            payload: vec![0; bytes],
            ..Default::default()
        };
        Job {
            envelope,
            ticket: Ticket::new(),
            reply: oneshot::channel().0,
        }
    }

    #[test]
    fn a_batch_keeps_its_bounds() {
        let mut full = Filling::default();
        for n in 0..BATCH_ENTRIES_MAX {
            assert!(full.add(job(1)).is_none(), "entry {n} fits");
        }
        assert!(full.add(job(1)).is_some(), "one more does not");
        let mut heavy = Filling::default();
        assert!(
            heavy.add(job(BATCH_BYTES_MAX * 2)).is_none(),
            "a single one always fits"
        );
        assert!(heavy.add(job(1)).is_some());
        let mut bytes = Filling::default();
        while bytes.add(job(16 * 1024)).is_none() {}
        assert!(bytes.bytes <= BATCH_BYTES_MAX && bytes.bytes > BATCH_BYTES_MAX - 17 * 1024);
    }

    #[test]
    fn a_submission_is_sent_or_abandoned_never_both() {
        let ticket = Ticket::new();
        assert!(ticket.take(SENT));
        assert!(!ticket.abandon());
        let ticket = Ticket::new();
        assert!(ticket.abandon() && ticket.abandon());
        assert!(!ticket.take(SENT));
    }
}
