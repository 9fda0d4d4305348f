//! One question to every voter, and what two of them answer alike.

use crate::limits::{ANSWER_MARGIN, OTHERS_PATIENCE, ROUNDS_MAX, VOTERS_MIN};
use crate::voters::Known;
use crate::{Light, LightError};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sekisho_domain::ReplicaId;
use sekisho_ledger::attested::{Agreed, Apart, Ask, Attested, NONCE_BYTES, Question, settle};
use sekisho_proto::{ErrorCode, v1};
use sekisho_transport::{Deadline, Failure, classify, outgoing};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tonic::Status;

/// Why a voter's answer does not count.
struct Nothing {
    replica: ReplicaId,
    why: String,
    /// It was reached, and has only not applied enough.
    behind: bool,
}

/// What is passed on of a voter's own words.
const WHY_CHARS_MAX: usize = 80;

/// In a few words, without what is only this machine's business.
fn why(status: &Status) -> String {
    match classify(status) {
        Failure::Unreachable => "it cannot be reached".to_owned(),
        Failure::WrongCertificate => "another one answers there".to_owned(),
        Failure::Refused => "it does not know this network's key".to_owned(),
        Failure::TimedOut => "no answer in time".to_owned(),
        Failure::Other => status.message().chars().take(WHY_CHARS_MAX).collect(),
    }
}

impl Light {
    /// What two voters answer alike, each from one moment at which it had applied at least so many leaves, and as many
    /// as two were seen to have before.
    pub(crate) async fn ask(
        &self,
        questions: &[Question],
        min_size: u64,
        deadline: Deadline,
    ) -> Result<Agreed, LightError> {
        let mut min_size = min_size.max(self.at_least());
        for round in 1..=ROUNDS_MAX {
            // Twice as long each time: whoever is far away is heard in the end.
            let patience = OTHERS_PATIENCE * (1 << round) / 2;
            let mut nonce = [0; NONCE_BYTES];
            getrandom::fill(&mut nonce).map_err(|e| LightError::Fault(e.to_string()))?;
            let ask = Ask {
                nonce,
                min_size,
                questions: questions.to_vec(),
            };
            match self.round(&ask, patience, deadline).await? {
                Ok(agreed) => {
                    self.0
                        .at_least
                        .fetch_max(agreed.meta.size, Ordering::Relaxed);
                    return Ok(agreed);
                }
                Err((apart, all)) => match apart.ask_from {
                    // Two were not equally far and another was not heard: the one that is ahead may only say so.
                    Some(_) if !all && round + 1 < ROUNDS_MAX => {}
                    Some(size) => min_size = min_size.max(size),
                    None if apart.contradict.is_empty() => return Err(LightError::OneNetwork),
                    None => {
                        tracing::error!(pairs = ?apart.contradict, "voters contradict each other; nothing is believed");
                        return Err(LightError::Contradict(apart.contradict));
                    }
                },
            }
        }
        Err(LightError::Unsteady(ROUNDS_MAX))
    }

    /// Asks every voter once. Where no two agree, also whether all were heard.
    async fn round(
        &self,
        ask: &Ask,
        patience: Duration,
        deadline: Deadline,
    ) -> Result<Result<Agreed, (Apart, bool)>, LightError> {
        let voters = self.0.voters.all();
        let calls = voters.iter().map(|voter| self.put(voter, ask, deadline));
        let mut calls: FuturesUnordered<_> = calls.collect();
        let (mut said, mut nothing) = (Vec::new(), Vec::new());
        let mut until = deadline;
        while let Ok(Some(answer)) = until.bound(calls.next()).await {
            match answer {
                Ok(attested) => said.push(attested),
                Err(why) => {
                    nothing.push(why);
                    continue;
                }
            }
            match settle(&said) {
                Ok((agreed, against)) => {
                    against
                        .into_iter()
                        .for_each(|replica| self.contradicts(replica));
                    return Ok(Ok(agreed));
                }
                // Asked again at once, these two will soon be equally far.
                Err(apart) if said.len() >= VOTERS_MIN && apart.ask_from.is_some() => {
                    until = Deadline::after(patience).min(deadline);
                }
                Err(_) => {}
            }
        }
        if said.len() < VOTERS_MIN {
            let behind = nothing.iter().filter(|n| n.behind).count();
            let named = self.0.voters.named().len();
            let silent = voters.len() - said.len() - nothing.len();
            let whys = nothing
                .iter()
                .map(|n| format!("replica {}: {}", n.replica, n.why));
            let more = [
                (silent, "did not answer in time"),
                (named - voters.len(), "are not known to vote"),
            ];
            let more = more.into_iter().filter(|(n, _)| *n > 0);
            let whys = whys.chain(more.map(|(n, what)| format!("{n} {what}")));
            return Err(LightError::TooFew {
                answered: said.len(),
                named,
                why: whys.collect::<Vec<_>>().join("; "),
                behind: said.len() + behind >= VOTERS_MIN,
            });
        }
        let all = said.len() + nothing.len() == voters.len();
        let settled = settle(&said).map(|(agreed, _)| agreed);
        Ok(settled.map_err(|apart| (apart, all)))
    }

    /// One voter's answer, checked to be its own and to this request.
    async fn put(&self, to: &Known, ask: &Ask, deadline: Deadline) -> Result<Attested, Nothing> {
        let replica = to.voter.replica;
        let nothing = |why: String, behind| Nothing {
            replica,
            why,
            behind,
        };
        let mut client = to.client();
        // A voter that is behind says so before nobody listens any more.
        let remaining = deadline.remaining();
        let theirs = Deadline::after(remaining - ANSWER_MARGIN.min(remaining / 4));
        let call = client.state(outgoing(v1::StateRequest::from(ask), theirs));
        let reply = match deadline.bound(call).await {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) => {
                let late = matches!(
                    ErrorCode::of(&status),
                    ErrorCode::NotFound | ErrorCode::DeadlineExceeded
                );
                return Err(nothing(why(&status), late));
            }
            Err(_) => return Err(nothing("no answer in time".to_owned(), true)),
        };
        Attested::check(reply, ask, &self.0.ledger, &to.voter).map_err(|fault| {
            tracing::error!(%replica, network = %to.voter.network, %fault, "a voter's answer is not its signed word");
            self.count(replica);
            nothing(fault.to_string(), false)
        })
    }

    /// A voter said otherwise than two others that are as far as it says it is.
    fn contradicts(&self, replica: ReplicaId) {
        tracing::error!(%replica, "a voter contradicts two others: it is broken, or lies");
        self.count(replica);
    }

    fn count(&self, replica: ReplicaId) {
        let counts = self.0.contradicted.lock();
        let mut counts = counts.unwrap_or_else(PoisonError::into_inner);
        *counts.entry(replica).or_default() += 1;
    }
}
