//! What is read off the wire: the votes that replicas tell each other.

use bytes::Bytes;
use prost::Message;
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A vote as openraft orders them.
pub type Vote = (u64, u64, bool);

/// Bytes of gRPC's own before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The first bytes of a body's digest, for the trace.
pub fn short(body: &Bytes) -> String {
    let digest = Sha256::digest(body);
    digest.iter().take(4).map(|b| format!("{b:02x}")).collect()
}

fn message<M: Message + Default>(body: &Bytes) -> Option<M> {
    M::decode(body.get(PREFIX_BYTES..)?).ok()
}

fn vote(vote: Option<v1::RaftVote>) -> Option<Vote> {
    vote.map(|vote| (vote.term, vote.replica, vote.committed))
}

/// What was told by whom, since the last start of each.
#[derive(Clone, Default)]
pub struct Tap(Arc<Mutex<Told>>);

/// Votes told.
#[derive(Default)]
pub struct Told {
    /// The greatest each replica told in all its lives before the present one.
    before: BTreeMap<u64, Vote>,
    /// The greatest in this one.
    now: BTreeMap<u64, Vote>,
    /// Who went back behind what it had told.
    broken: Vec<String>,
    /// Which replica is at a place, where that is not the same number.
    replicas: BTreeMap<u64, u64>,
    /// Leaders by their votes.
    leaders: BTreeMap<(u64, u64), u64>,
    /// How many there were.
    elections: u64,
}

impl Told {
    fn tells(&mut self, place: u64, vote: Vote, what: &str) {
        if let Some(&before) = self.before.get(&place)
            && vote < before
            && !self.forgets_a_win(place, vote, before)
        {
            self.broken.push(format!(
                "replica {place} tells {what} {vote:?}, and had told {before:?} before its last start"
            ));
        }
        let now = self.now.entry(place).or_insert(vote);
        *now = vote.max(*now);
    }

    /// Whoever starts again keeps its vote for itself and not that it won by it: it must not lead on.
    fn forgets_a_win(&self, place: u64, vote: Vote, before: Vote) -> bool {
        let own = self.replicas.get(&place).copied().unwrap_or(place);
        before == (vote.0, own, true) && vote.1 == own
    }
}

impl Tap {
    /// A replica is at a place of another number.
    pub fn is_at(&self, place: u64, replica: u64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.replicas.insert(place, replica);
    }

    /// A request was sent.
    pub fn sent(&self, from: u64, path: &str, body: &Bytes) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            "/sekisho.v1.RaftService/Vote" => {
                if let Some(vote) = message(body).and_then(|m: v1::VoteRequest| vote(m.vote)) {
                    told.tells(from, vote, "as a candidate");
                }
            }
            "/sekisho.v1.RaftService/AppendEntries" => {
                let sent = message(body).and_then(|m: v1::AppendEntriesRequest| vote(m.vote));
                if let Some(vote @ (term, leader, committed)) = sent {
                    told.tells(from, vote, "as a leader");
                    let own = told.replicas.get(&from).copied().unwrap_or(from);
                    if leader != own || !committed {
                        let broken = format!("replica {from} leads with the vote {vote:?}");
                        told.broken.push(broken);
                    }
                    if told.leaders.insert((term, leader), from).is_none() {
                        told.elections += 1;
                    }
                }
            }
            _ => {}
        }
    }

    /// A request was answered.
    pub fn answered(&self, from: u64, path: &str, body: &Bytes) {
        if path == "/sekisho.v1.RaftService/Vote"
            && let Some(vote) = message(body).and_then(|m: v1::VoteReply| vote(m.vote))
        {
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            told.tells(from, vote, "as a voter");
        }
    }

    /// A replica ended; what it tells from now on comes from its disk.
    pub fn ended(&self, replica: u64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = told.now.remove(&replica) {
            let before = told.before.entry(replica).or_insert(now);
            *before = now.max(*before);
        }
    }

    /// What was told that must not be, since the last time.
    pub fn broken(&self) -> Vec<String> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut told.broken)
    }

    /// How many leaders there were.
    pub fn elections(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elections
    }
}
