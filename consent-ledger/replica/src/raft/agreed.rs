//! What each follower acknowledged to this leader. One that says later that it does not have it has lost it, or lies, and
//! openraft, to whom that cannot happen, would stop the leader (0.9.25, `ProgressEntry::update_conflicting`).

use super::types::TypeConfig;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use openraft::{LogId, Vote};
use std::collections::BTreeMap;

/// What a message to a follower says of the log.
pub(super) struct Asked {
    vote: Vote<u64>,
    /// The index behind what the message begins with.
    begin: u64,
    /// The index behind its last entry.
    end: u64,
}

impl Asked {
    pub(super) fn of(rpc: &AppendEntriesRequest<TypeConfig>) -> Self {
        let begin = behind(rpc.prev_log_id.as_ref());
        let last = rpc.entries.last().map(|entry| &entry.log_id);
        Self {
            vote: rpc.vote,
            begin,
            end: last.map_or(begin, |last| behind(Some(last))),
        }
    }
}

fn behind(log_id: Option<&LogId<u64>>) -> u64 {
    log_id.map_or(0, |log_id| log_id.index.saturating_add(1))
}

/// A follower no longer has what it acknowledged.
#[derive(Debug, thiserror::Error)]
#[error(
    "replica {replica} acknowledged its Raft log up to {agreed} and now says that it lacks it from {lacks} on"
)]
pub(super) struct Forgot {
    replica: u64,
    agreed: u64,
    lacks: u64,
}

/// By follower, under which vote it acknowledged up to where.
#[derive(Default)]
pub(super) struct Agreed(BTreeMap<u64, Known>);

#[derive(Default)]
struct Known {
    vote: Vote<u64>,
    agreed: u64,
    /// Whether it was told that it forgot: once under a vote, for it is asked again with every heartbeat.
    told: bool,
}

impl Agreed {
    /// Notes what a follower answered.
    ///
    /// # Errors
    /// [`Forgot`]: the answer must not reach openraft.
    pub(super) fn heard(
        &mut self,
        replica: u64,
        asked: &Asked,
        reply: &AppendEntriesResponse<u64>,
    ) -> Result<(), Forgot> {
        let known = self.0.entry(replica).or_default();
        if known.vote != asked.vote {
            *known = Known {
                vote: asked.vote,
                ..Known::default()
            };
        }
        let agreed = known.agreed;
        let now = match reply {
            AppendEntriesResponse::Success => asked.end,
            AppendEntriesResponse::PartialSuccess(matching) => behind(matching.as_ref()),
            AppendEntriesResponse::Conflict if asked.begin <= agreed => {
                let forgot = Forgot {
                    replica,
                    agreed,
                    lacks: asked.begin,
                };
                if !std::mem::replace(&mut known.told, true) {
                    tracing::error!(%forgot, "its answers do not count; retire it with `sekisho ledger leave`");
                }
                return Err(forgot);
            }
            AppendEntriesResponse::Conflict | AppendEntriesResponse::HigherVote(_) => return Ok(()),
        };
        known.agreed = agreed.max(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openraft::CommittedLeaderId;

    fn asked(term: u64, begin: u64, end: u64) -> Asked {
        let vote = Vote::new_committed(term, 1);
        Asked { vote, begin, end }
    }

    fn log_id(index: u64) -> Option<LogId<u64>> {
        Some(LogId::new(CommittedLeaderId::new(1, 1), index))
    }

    #[test]
    fn only_what_was_acknowledged_to_this_leader_cannot_be_lacking() {
        use AppendEntriesResponse::{Conflict, PartialSuccess, Success};
        let mut agreed = Agreed::default();
        // Looking for where the logs part, nothing is acknowledged yet.
        assert!(agreed.heard(2, &asked(1, 9, 9), &Conflict).is_ok());
        assert!(agreed.heard(2, &asked(1, 4, 6), &Success).is_ok());
        assert!(
            agreed
                .heard(2, &asked(1, 6, 9), &PartialSuccess(log_id(6)))
                .is_ok()
        );
        // Up to 6 it is; behind it the follower may differ.
        assert!(agreed.heard(2, &asked(1, 8, 8), &Conflict).is_ok());
        assert!(agreed.heard(2, &asked(1, 7, 7), &Conflict).is_err());
        assert!(agreed.heard(2, &asked(1, 3, 3), &Conflict).is_err());
        // An older answer that comes late takes nothing back.
        assert!(agreed.heard(2, &asked(1, 2, 3), &Success).is_ok());
        assert!(agreed.heard(2, &asked(1, 7, 7), &Conflict).is_err());
        // Another replica, and another leader's time.
        assert!(agreed.heard(3, &asked(1, 7, 7), &Conflict).is_ok());
        assert!(agreed.heard(2, &asked(2, 7, 7), &Conflict).is_ok());
    }
}
