//! Who takes part: the ledger says so, and consensus follows it.
//!
//! An entry allocates, promotes or retires a replica; whoever leads then changes the group, one step at a time and
//! only where a majority stays alive, until it is what the ledger says. So a change that a crash interrupts goes on
//! under the next leader, nobody is in the group that the ledger does not know, and no command line can talk a
//! leader into more than the networks signed.
//!
//! ```text
//! allocated ──▶ learner: gets the log, never votes, never stands for election
//! promoted  ──▶ voter, once it has caught up
//! retired   ──▶ learner ──▶ out; it stops, and does not start again
//! ```
//!
//! A replica that no leader reaches asks the others: it may have been retired while it was away, or a replica may lead that was
//! given its place meanwhile, which it must let in to hear of that.
//!
//! A retired voter that stops before the group has changed does start again: without it there may be no majority to change
//! it. It ends as soon as it is out, or the others say that it is.

mod alone;
mod follow;
mod join;
mod refuse;
mod step;

pub use join::{JoinError, Joined, Source, join};
pub(crate) use refuse::refuse;

use crate::directory::Replicas;
use crate::{Keys, ReplicaError};
use sekisho_domain::{NetworkId, ReplicaId};

/// Raft entries a learner may lack to be given a vote: what a leader sends in a few messages.
pub const PROMOTE_LAG_MAX: u64 = 256;

/// Whose this replica is, by the ledger's own word. `votes` is whether the group, as far as this replica knows, still counts
/// it as a voter.
///
/// # Errors
/// The ledger gives it no place, or took it back and the group does without it; or the keys are not those it was given.
pub(crate) fn place(
    replicas: &Replicas,
    id: ReplicaId,
    keys: &Keys,
    votes: bool,
) -> Result<NetworkId, ReplicaError> {
    let replica = replicas.get(&id).ok_or(ReplicaError::NotJoined(id))?;
    if let Some(by) = replica.retired.filter(|_| !votes) {
        return Err(ReplicaError::Retired {
            replica: id,
            by: Some(by),
        });
    }
    for (what, ours, theirs) in [
        ("transport", keys.transport.public(), replica.transport_key),
        (
            "checkpoint",
            keys.checkpoint.public_key(),
            replica.checkpoint_key,
        ),
    ] {
        if ours != theirs {
            return Err(ReplicaError::Genesis(format!(
                "the {what} key given is {ours}, the ledger names {theirs} for replica {id}"
            )));
        }
    }
    Ok(replica.network.clone())
}
