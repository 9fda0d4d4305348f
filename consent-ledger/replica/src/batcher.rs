//! Many submissions, one Raft entry: what makes one fsync serve hundreds of callers (R1).
//!
//! While nothing is under way a batch leaves at once, so a lone caller waits for nobody. While one is, the
//! next lingers for company, and leaves when there is enough for a full one, when [`BATCH_LINGER`] is over and a
//! place is free, or when nothing is under way any more. Only then is it filled, one entry of each network that waits after
//! the other ([`Fair`]).

use crate::config::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BATCH_LINGER, Clock, QUEUE_MAX};
use crate::fair::{Fair, Pushed};
use crate::raft::{Member, Proposal, Raft};
use openraft::metrics::RaftServerMetrics;
use prost::Message;
use sekisho_domain::NetworkId;
use sekisho_ledger::Applied;
use sekisho_proto::v1;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

/// What of openraft changes with leadership alone.
type Metrics = RaftServerMetrics<u64, Member>;

/// Where submissions wait. When the last clone is dropped, what waits is still proposed.
#[derive(Clone)]
pub(crate) struct Queue {
    waiting: Waiting,
    /// Rung after each push; once is enough for whoever then looks.
    bell: mpsc::Sender<()>,
}

/// What waits, of each network.
type Waiting = Arc<Mutex<Fair<NetworkId, Job>>>;

fn lock(waiting: &Waiting) -> MutexGuard<'_, Fair<NetworkId, Job>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a submission was not put in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no place.
    Full,
    /// Nobody serves it any more.
    Closed,
}

/// Why a submission that was queued has no outcome here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// What became of it is not known here: leadership or the process ended.
    Unknown,
    /// Its place went to a network that had fewer; it was not proposed.
    Displaced,
}

struct Job {
    envelope: v1::Envelope,
    ticket: Ticket,
    reply: oneshot::Sender<Result<Applied, Lost>>,
}

/// Settles between a caller and whoever sends whether the submission left, so that "not sent" is never a guess.
#[derive(Clone)]
pub(crate) struct Ticket(Arc<AtomicU8>);

const WAITING: u8 = 0;
const SENT: u8 = 1;
const ABANDONED: u8 = 2;

impl Ticket {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(WAITING)))
    }

    /// Whether the submission leaves now; false if it was abandoned.
    pub(crate) fn send(&self) -> bool {
        self.take(SENT)
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
    /// Queues an admitted envelope of a network.
    pub(crate) fn push(
        &self,
        network: NetworkId,
        envelope: v1::Envelope,
    ) -> Result<(Ticket, oneshot::Receiver<Result<Applied, Lost>>), Refused> {
        if self.bell.is_closed() {
            return Err(Refused::Closed);
        }
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket::new();
        let job = Job {
            envelope,
            ticket: ticket.clone(),
            reply,
        };
        let pushed = lock(&self.waiting).push(network, job);
        match pushed {
            Pushed::Queued => {}
            Pushed::Displaced(job) => {
                job.ticket.take(ABANDONED);
                // A caller that no longer waits needs no answer.
                let _ = job.reply.send(Err(Lost::Displaced));
            }
            Pushed::Refused(_) => return Err(Refused::Full),
        }
        match self.bell.try_send(()) {
            // Rung already: whoever hears it looks after this.
            Ok(()) | Err(mpsc::error::TrySendError::Full(())) => Ok((ticket, answer)),
            Err(mpsc::error::TrySendError::Closed(())) => Err(Refused::Closed),
        }
    }
}

/// The queue, and the task that serves it until the queue is dropped.
pub(crate) fn batcher(
    raft: Raft,
    clock: Arc<dyn Clock>,
    in_flight: usize,
) -> (Queue, impl Future<Output = ()>) {
    let (bell, rung) = mpsc::channel(1);
    let waiting = Arc::new(Mutex::new(Fair::new(QUEUE_MAX)));
    let jobs = Jobs {
        waiting: Arc::clone(&waiting),
        rung,
    };
    (Queue { waiting, bell }, run(jobs, raft, clock, in_flight))
}

/// The serving end.
struct Jobs {
    waiting: Waiting,
    rung: mpsc::Receiver<()>,
}

impl Jobs {
    fn waiting(&self) -> usize {
        lock(&self.waiting).len()
    }

    /// Waits until something waits; false once nothing does and nothing can any more.
    async fn some(&mut self) -> bool {
        loop {
            if self.waiting() > 0 {
                return true;
            }
            if self.rung.recv().await.is_none() {
                return self.waiting() > 0;
            }
        }
    }

    /// Waits until there is enough for a full batch, but not for long.
    async fn fills(&mut self) {
        let until = Instant::now() + BATCH_LINGER;
        while self.waiting() < BATCH_ENTRIES_MAX
            && matches!(timeout_at(until, self.rung.recv()).await, Ok(Some(())))
        {}
    }

    /// Waits for company as long as other batches are under way, but not for long. `all` are the places of all of them.
    async fn linger(&mut self, places: &Semaphore, all: u32) {
        tokio::select! {
            biased;
            _ = places.acquire_many(all) => {}
            () = self.fills() => {}
        }
    }

    /// The next batch: what fits of what waits and was not abandoned, from now on sent.
    fn fill(&self) -> Vec<Job> {
        fill(&mut lock(&self.waiting))
    }
}

impl Drop for Jobs {
    /// Whoever still waits is told that nobody serves it: its answer's sender goes.
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        while waiting.pop_if(|_| true).is_some() {}
    }
}

fn fill(waiting: &mut Fair<NetworkId, Job>) -> Vec<Job> {
    let (mut jobs, mut bytes) = (Vec::new(), 0);
    while jobs.len() < BATCH_ENTRIES_MAX {
        // A single one always fits.
        let room =
            |job: &Job| jobs.is_empty() || bytes + job.envelope.encoded_len() <= BATCH_BYTES_MAX;
        let Some(job) = waiting.pop_if(room) else {
            break;
        };
        if job.ticket.send() {
            bytes += job.envelope.encoded_len();
            jobs.push(job);
        }
    }
    jobs
}

fn term(metrics: &Metrics) -> u64 {
    metrics.vote.leader_id().term
}

/// Ends when a term is over for this replica. What was proposed in it may never be answered then: openraft (0.9.25,
/// `RaftCore::client_resp_channels`) answers what it applies and what it truncates, but not what a snapshot of the next
/// leader took the place of. Whoever waited on would keep its place for good, and once all were kept, a replica that
/// leads again would propose nothing any more.
async fn term_over(mut metrics: watch::Receiver<Metrics>, of: u64) {
    #[cfg(feature = "simulation")]
    if crate::simulation::is_planted(crate::simulation::Planted::PlaceKept) {
        return std::future::pending().await;
    }
    // An error means that the engine is gone, and every term with it.
    let _ = metrics.wait_for(|metrics| term(metrics) != of).await;
}

async fn run(mut jobs: Jobs, raft: Raft, clock: Arc<dyn Clock>, in_flight: usize) {
    let places = Arc::new(Semaphore::new(in_flight));
    let all = u32::try_from(in_flight).unwrap_or(u32::MAX);
    let mut last_ms = 0;
    while jobs.some().await {
        jobs.linger(&places, all).await;
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let sent = jobs.fill();
        if sent.is_empty() {
            continue;
        }
        // Of the term it can be proposed in at the earliest: no later one is taken for it.
        let term = term(&raft.server_metrics().borrow());
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
        let over = term_over(raft.server_metrics(), term);
        tokio::spawn(async move {
            let written = match proposed {
                Ok(answer) => tokio::select! {
                    biased;
                    written = answer => written.ok(),
                    () = over => None,
                },
                Err(_) => None,
            };
            let applied = written.and_then(Result::ok).map(|written| written.data.0);
            drop(place);
            let mut applied = applied.unwrap_or_default().into_iter();
            for reply in replies {
                // A caller that no longer waits asks again by its request id.
                let _ = reply.send(applied.next().ok_or(Lost::Unknown));
            }
        });
    }
    // Batches under way end before the task does.
    let _ = places.acquire_many(all).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

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

    fn network(n: u64) -> NetworkId {
        format!("net-{n}").parse().unwrap()
    }

    fn waiting(jobs: impl IntoIterator<Item = (u64, usize)>) -> Fair<NetworkId, Job> {
        let mut fair = Fair::new(QUEUE_MAX);
        for (n, bytes) in jobs {
            assert!(matches!(fair.push(network(n), job(bytes)), Pushed::Queued));
        }
        fair
    }

    #[test]
    fn a_batch_keeps_its_bounds() {
        let mut many = waiting(vec![(1, 1); BATCH_ENTRIES_MAX + 1]);
        assert_eq!(fill(&mut many).len(), BATCH_ENTRIES_MAX);
        assert_eq!(fill(&mut many).len(), 1);
        assert_eq!(fill(&mut many).len(), 0);
        let mut heavy = waiting([(1, BATCH_BYTES_MAX * 2), (1, 1)]);
        assert_eq!(fill(&mut heavy).len(), 1, "a single one always fits");
        assert_eq!(fill(&mut heavy).len(), 1);
        let mut large = waiting(vec![(1, 16 * 1024); 80]);
        let filled = fill(&mut large);
        let bytes: usize = filled.iter().map(|j| j.envelope.encoded_len()).sum();
        assert!(bytes <= BATCH_BYTES_MAX && bytes > BATCH_BYTES_MAX - 17 * 1024);
    }

    #[test]
    fn a_network_that_floods_does_not_keep_another_out_of_the_next_batch() {
        let flood = vec![(1, 100); QUEUE_MAX - 3];
        let mut waiting = waiting(flood.into_iter().chain([(2, 200), (3, 300), (2, 200)]));
        let batch: Vec<usize> = fill(&mut waiting)
            .iter()
            .map(|job| job.envelope.payload.len())
            .collect();
        assert_eq!(batch[..6], [100, 200, 300, 100, 200, 100]);
        assert_eq!(batch.len(), BATCH_ENTRIES_MAX);
    }

    #[test]
    fn what_was_abandoned_takes_no_room_in_a_batch() {
        let mut fair = Fair::new(QUEUE_MAX);
        let mut tickets = Vec::new();
        for n in 0..QUEUE_MAX {
            let job = job(n);
            tickets.push(job.ticket.clone());
            assert!(matches!(fair.push(network(1), job), Pushed::Queued));
        }
        for ticket in &tickets[..BATCH_ENTRIES_MAX] {
            assert!(ticket.abandon());
        }
        let batch = fill(&mut fair);
        assert_eq!(batch.len(), BATCH_ENTRIES_MAX);
        assert!(
            batch
                .iter()
                .all(|job| job.envelope.payload.len() >= BATCH_ENTRIES_MAX)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_waits_for_company_only_while_another_is_under_way() {
        let (_bell, rung) = mpsc::channel(1);
        let waiting = Arc::new(Mutex::new(waiting([(1, 1)])));
        let mut jobs = Jobs { waiting, rung };
        let places = Arc::new(Semaphore::new(2));
        let begun = Instant::now();
        jobs.linger(&places, 2).await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "nothing is under way");
        let under_way = Arc::clone(&places).acquire_owned().await.unwrap();
        jobs.linger(&places, 2).await;
        assert_eq!(begun.elapsed(), BATCH_LINGER, "but not for long");
        let soon = Duration::from_millis(1);
        tokio::spawn(async move {
            tokio::time::sleep(soon).await;
            drop(under_way);
        });
        jobs.linger(&places, 2).await;
        assert_eq!(begun.elapsed(), BATCH_LINGER + soon, "it has ended");
        assert_eq!(places.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_waited_for_as_long_as_its_term() {
        let in_term = |term, committed| Metrics {
            vote: match committed {
                true => openraft::Vote::new_committed(term, 1),
                false => openraft::Vote::new(term, 1),
            },
            ..Default::default()
        };
        let (sender, metrics) = watch::channel(in_term(4, true));
        let over = term_over(metrics, term(&sender.borrow()));
        tokio::pin!(over);
        let soon = Duration::from_millis(1);
        assert!(timeout(soon, &mut over).await.is_err());
        // What else changes of the group is no end.
        sender.send_replace(in_term(4, false));
        assert!(timeout(soon, &mut over).await.is_err());
        sender.send_replace(in_term(6, true));
        let ended = timeout(soon, &mut over).await;
        assert_eq!(ended, Ok(()), "also where it leads again meanwhile");
    }

    #[test]
    fn a_submission_is_sent_or_abandoned_never_both() {
        let ticket = Ticket::new();
        assert!(ticket.send());
        assert!(!ticket.abandon());
        let ticket = Ticket::new();
        assert!(ticket.abandon() && ticket.abandon());
        assert!(!ticket.send());
    }
}
