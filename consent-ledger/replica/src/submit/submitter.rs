//! One way to another replica, shared by many submissions: those that begin together leave in one call.
//!
//! A call costs both its ends several times what one more submission in it does. So while others are on the way, a
//! submission waits here for some [turns](TURNS) of the scheduler, and leaves with whatever else has come by then. A lone
//! one waits for nobody. A call carries submissions of one network only: no network's entries are answered as late as
//! another's.

use super::{SubmitError, Submitted, Submitting};
use crate::batcher::Ticket;
use crate::config::{CALLS_MAX, SUBMISSIONS_BYTES_MAX, SUBMISSIONS_MAX};
use crate::raft::network::Line;
use futures::future::BoxFuture;
use prost::Message;
use sekisho_domain::NetworkId;
use sekisho_proto::v1;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::v1::submission_end::End;
use sekisho_transport::{Deadline, outgoing, telemetry};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Turns of the scheduler until a call is filled: by then whoever was answered by what has just come in has come along.
/// With one, 64 and 256 clients after each other on four ways, calls carry 10 submissions, and without such turns two.
const TURNS: usize = 2;

/// Submits at one replica, over one channel. Cheap to clone; all clones share the way.
#[derive(Clone)]
pub struct Submitter(Arc<Inner>);

struct Inner {
    client: LedgerServiceClient<Line>,
    forwarded: bool,
    /// Calls under way: fewer than one connection's streams.
    calls: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Of each network that has some, and without a name the caller's own; the first is served next.
    queues: VecDeque<(Option<NetworkId>, VecDeque<Job>)>,
    /// Whether a call is about to be made.
    is_served: bool,
}

struct Job {
    submission: v1::Submission,
    deadline: Deadline,
    ticket: Ticket,
    reply: oneshot::Sender<Result<Submitted, SubmitError>>,
}

impl Submitter {
    /// A way over a channel, for whoever submits entries of its own or of those it serves.
    pub fn new(channel: impl Into<Line>) -> Self {
        Self::over(channel.into(), false)
    }

    /// The same for a replica that forwards to the one that leads.
    pub(crate) fn forwarding(line: Line) -> Self {
        Self::over(line, true)
    }

    fn over(line: Line, forwarded: bool) -> Self {
        Self(Arc::new(Inner {
            client: LedgerServiceClient::new(line),
            forwarded,
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
            waiting: Mutex::default(),
        }))
    }

    /// Submits an entry of the caller's own network.
    ///
    /// # Errors
    /// See [`SubmitError`]; [`SubmitError::Unavailable`] where it had not left at the deadline.
    pub async fn submit(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        self.submit_for(None, Submitting::new(envelope, false), deadline)
            .await
    }

    /// The same for a network that sent it here.
    pub(crate) async fn submit_for(
        &self,
        network: Option<&NetworkId>,
        submitting: Submitting,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        if let Some(_alone) = self.alone() {
            return self.submit_alone(submitting, deadline).await;
        }
        let submission = v1::Submission {
            envelope: Some(submitting.envelope),
            acknowledge: submitting.acknowledge,
            deadline_ms: deadline.time().0,
            traceparent: telemetry::traceparent(),
        };
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket::new();
        self.push(
            network,
            Job {
                submission,
                deadline,
                ticket: ticket.clone(),
                reply,
            },
        );
        match deadline.bound(answer).await {
            Ok(Ok(answered)) => answered,
            // Late, or the task that had it is gone with its runtime.
            Ok(Err(_)) | Err(_) if ticket.abandon() => Err(SubmitError::Unavailable),
            Ok(Err(_)) | Err(_) => Err(SubmitError::Unknown),
        }
    }

    /// The whole way, if nothing is on it.
    fn alone(&self) -> Option<OwnedSemaphorePermit> {
        let one = Arc::clone(&self.0.calls).try_acquire_owned().ok()?;
        (self.0.calls.available_permits() + 1 == CALLS_MAX).then_some(one)
    }

    /// A call made where it is asked for: nobody else's task has a part in it.
    async fn submit_alone(
        &self,
        submitting: Submitting,
        deadline: Deadline,
    ) -> Result<Submitted, SubmitError> {
        let Submitting {
            envelope,
            acknowledge,
        } = submitting;
        let request = v1::SubmitRequest {
            envelope: Some(envelope),
            forwarded: self.0.forwarded,
            acknowledge,
        };
        let mut client = self.0.client.clone();
        let call = client.submit(outgoing(request, deadline));
        match deadline.bound(call).await {
            Ok(Ok(reply)) => reply.into_inner().try_into(),
            Ok(Err(status)) => Err(SubmitError::of(&status)),
            Err(_) => Err(SubmitError::Unknown),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, network: Option<&NetworkId>, job: Job) {
        let mut waiting = self.waiting();
        waiting.push(network, job);
        if !waiting.is_served {
            waiting.is_served = true;
            self.begin_call();
        }
    }

    fn begin_call(&self) {
        let call: BoxFuture<'static, ()> = Box::pin(self.clone().call());
        tokio::spawn(call);
    }

    /// One call with what waits; what it does not carry, the next one does.
    async fn call(self) {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let Ok(_place) = Arc::clone(&self.0.calls).acquire_owned().await else {
            return;
        };
        let (jobs, more) = self.waiting().fill();
        if more {
            self.begin_call();
        }
        let Some(deadline) = jobs.iter().map(|job| job.deadline).max() else {
            return;
        };
        let (submissions, replies): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .map(|job| (job.submission, job.reply))
            .unzip();
        let request = v1::SubmitManyRequest {
            submissions,
            forwarded: self.0.forwarded,
        };
        let mut client = self.0.client.clone();
        let answered = deadline
            .bound(client.submit_many(outgoing(request, deadline)))
            .await;
        let mut ends = match answered {
            Ok(Ok(reply)) => reply.into_inner().ends.into_iter(),
            Ok(Err(status)) => {
                for reply in replies {
                    // Whoever waits no more asks again by its request id; so below.
                    let _ = reply.send(Err(SubmitError::of(&status)));
                }
                return;
            }
            Err(_) => Vec::new().into_iter(),
        };
        for reply in replies {
            let _ = reply.send(match ends.next().and_then(|end| end.end) {
                Some(End::Reply(reply)) => Submitted::try_from(reply),
                Some(End::Fault(fault)) => Err(fault.into()),
                None => Err(SubmitError::Unknown),
            });
        }
    }
}

impl Waiting {
    fn push(&mut self, network: Option<&NetworkId>, job: Job) {
        let known = self.queues.iter_mut();
        match known.into_iter().find(|(of, _)| of.as_ref() == network) {
            Some((_, queue)) => queue.push_back(job),
            None => self.queues.push_back((network.cloned(), [job].into())),
        }
    }

    /// What the next call carries, from now on sent: of one network, what fits and was not abandoned; and whether more
    /// is left. Where it is not, the next that comes has to see to itself.
    fn fill(&mut self) -> (Vec<Job>, bool) {
        let mut jobs = Vec::new();
        while let Some((network, mut queue)) = self.queues.pop_front() {
            let mut bytes = 0;
            while let Some(job) = queue.pop_front() {
                let more = bytes + job.submission.encoded_len();
                // A single one always fits.
                if !jobs.is_empty()
                    && (jobs.len() >= SUBMISSIONS_MAX || more > SUBMISSIONS_BYTES_MAX)
                {
                    queue.push_front(job);
                    break;
                }
                if job.ticket.send() {
                    bytes = more;
                    jobs.push(job);
                }
            }
            if !queue.is_empty() {
                self.queues.push_back((network, queue));
            }
            if !jobs.is_empty() {
                break;
            }
        }
        self.is_served = !self.queues.is_empty();
        (jobs, self.is_served)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn job(bytes: usize) -> Job {
        Job {
            submission: v1::Submission {
                traceparent: "x".repeat(bytes),
                ..Default::default()
            },
            deadline: Deadline::after(Duration::from_secs(1)),
            ticket: Ticket::new(),
            reply: oneshot::channel().0,
        }
    }

    fn network(n: u64) -> NetworkId {
        format!("net-{n}").parse().unwrap()
    }

    #[test]
    fn a_call_keeps_its_bounds_and_to_one_network() {
        let mut waiting = Waiting {
            is_served: true,
            ..Default::default()
        };
        for _ in 0..=SUBMISSIONS_MAX {
            waiting.push(Some(&network(1)), job(10));
        }
        for _ in 0..2 {
            waiting.push(Some(&network(2)), job(SUBMISSIONS_BYTES_MAX / 2));
        }
        waiting.push(Some(&network(3)), job(SUBMISSIONS_BYTES_MAX * 2));
        let mut calls = Vec::new();
        while waiting.is_served {
            let (jobs, more) = waiting.fill();
            calls.push((jobs.len(), more));
        }
        let expected = [
            (SUBMISSIONS_MAX, true),
            (1, true),
            (1, true),
            (1, true),
            (1, false),
        ];
        assert_eq!(calls, expected);
    }

    #[test]
    fn what_was_abandoned_is_not_sent_and_what_was_sent_is_not_abandoned() {
        let mut waiting = Waiting::default();
        let jobs: Vec<Job> = (0..3).map(|_| job(1)).collect();
        let tickets: Vec<Ticket> = jobs.iter().map(|job| job.ticket.clone()).collect();
        for job in jobs {
            waiting.push(Some(&network(1)), job);
        }
        assert!(tickets[1].abandon());
        assert_eq!(waiting.fill().0.len(), 2);
        let abandoned: Vec<bool> = tickets.iter().map(Ticket::abandon).collect();
        assert_eq!(abandoned, [false, true, false]);
        assert!(waiting.fill().0.is_empty());
    }
}
