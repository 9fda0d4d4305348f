//! What a leader does not put in order although it is authentic: a change of the group that could not follow.

use super::PROMOTE_LAG_MAX;
use super::step::{Step, is_safe};
use crate::replica::Replica;
use sekisho_domain::Body;

/// Why a change of the replicas is not put in order now. On the ledger it would hold; the group could not follow it,
/// and until it did, checkpoints would need a voter that is not there.
pub(crate) async fn refuse(leader: &Replica, body: &Body) -> Option<String> {
    let (id, step) = match body {
        Body::ReplicaPromote { replica } => (*replica, Step::Promote(replica.0)),
        Body::ReplicaRetire { replica } => (*replica, Step::Demote(replica.0)),
        // It begins a group anew; a group that runs is not ended by one.
        Body::Recovery(_) => {
            return Some(
                "a recovery is not submitted to a running ledger; see `sekisho ledger recover`"
                    .to_owned(),
            );
        }
        _ => return None,
    };
    // What the ledger refuses anyhow is the ledger's to refuse.
    let replicas = leader.directory_of_replicas().replicas();
    let replica = replicas.get(&id).filter(|r| r.retired.is_none())?;
    let group = leader.group();
    let voters = group.configs.last()?.clone();
    let promoting = matches!(step, Step::Promote(_));
    if promoting == voters.contains(&id.0) || (promoting && replica.votes_from.is_some()) {
        return None;
    }
    if promoting && !group.members.contains(&id.0) {
        return Some(format!(
            "replica {id} is not in the group yet; see `sekisho ledger status`"
        ));
    }
    let alive = leader.alive(&group).await;
    if is_safe(&step, &voters, &alive) {
        return None;
    }
    if promoting && !alive.contains(&id.0) {
        return Some(format!(
            "replica {id} does not answer, or lacks more than {PROMOTE_LAG_MAX} entries of the log: \
             let it run until it has caught up"
        ));
    }
    let (alive, of) = (voters.intersection(&alive).count(), voters.len());
    Some(format!(
        "{alive} of {of} voters answer: with this change no majority of the voters would be alive"
    ))
}
