//! How the ledger stands.

use super::{Session, failure_of};
use crate::ui::{Exit, Failure};
use sekisho_domain::{EntryIndex, PublicKey};
use sekisho_ledger::checkpoint::{Checkpoint, Extensions, Quorum, VerifiedCheckpoint};
use sekisho_ledger::history::leaf_at;
use sekisho_ledger::merkle::{RightEdge, leaf_hash};
use sekisho_ledger::note::{KeyName, Note};
use sekisho_ledger::{ProofError, Roster, checkpoint_origin, checkpoint_voters};
use sekisho_proto::v1;
use sekisho_transport::outgoing;
use std::time::Duration;

/// How this network's replica stands.
///
/// # Errors
/// The process cannot be reached.
pub async fn status(session: &Session) -> Result<v1::StatusReply, Failure> {
    let call = outgoing(v1::StatusRequest {}, session.deadline());
    let reply = session.ledger_client().status(call).await;
    Ok(reply
        .map_err(|s| failure_of(&s, &session.ledger_address))?
        .into_inner())
}

/// How often a replica that is behind is asked again.
const POLL: Duration = Duration::from_millis(50);

/// Waits until this network's replica has applied an index: what others put in order may reach it a moment later.
///
/// # Errors
/// The process cannot be reached, or does not get that far in time.
pub async fn reached(session: &Session, index: EntryIndex) -> Result<(), Failure> {
    let until = session.deadline();
    loop {
        let here = status(session).await?.tree_size;
        if here > index.0 {
            return Ok(());
        }
        if until.remaining().is_zero() {
            return Err(Failure::new(
                Exit::Unavailable,
                format!(
                    "このネットワークのレプリカは、台帳の {index} 番にまだ達していません（{here} 件）"
                ),
                format!(
                    "this network's replica has not reached ledger index {index} yet ({here} leaves)"
                ),
            ));
        }
        tokio::time::sleep(POLL.min(until.remaining())).await;
    }
}

/// A checkpoint of at least this size, as a note, checked to be cosigned by a majority of the founding voters.
///
/// # Errors
/// The process cannot be reached, no majority cosigns in time, or a cosignature does not hold.
pub async fn checkpoint(
    session: &Session,
    min_size: u64,
) -> Result<(String, VerifiedCheckpoint), Failure> {
    let call = outgoing(v1::CheckpointRequest { min_size }, session.deadline());
    let reply = session.ledger_client().checkpoint(call).await;
    let note = reply
        .map_err(|s| failure_of(&s, &session.ledger_address))?
        .into_inner()
        .note;
    let founders = checkpoint_voters(&session.genesis);
    match founders.and_then(|voters| verify(session, &note, &voters)) {
        // A majority of the founders did not cosign: the voters may be others by now, as the leaves say.
        Err(ProofError::QuorumShort { .. }) => {}
        verified => return Ok((note, verified.map_err(|e| unverified(&e))?)),
    }
    let voters = voters(session, &note).await?;
    let verified = verify(session, &note, &voters).map_err(|e| unverified(&e))?;
    Ok((note, verified))
}

fn unverified(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::of(
        Exit::Unverified,
        "検証点を検証",
        "verify the checkpoint",
        error,
    )
}

fn verify(
    session: &Session,
    note: &str,
    voters: &[(KeyName, PublicKey)],
) -> Result<VerifiedCheckpoint, ProofError> {
    Quorum::majority(checkpoint_origin(&session.ledger), voters)?
        .verify(&Note::parse(note.as_bytes())?)
}

/// The voters that the leaves of a checkpoint's own tree name, each leaf about them checked, and all leaves compared
/// with the root the checkpoint claims.
async fn voters(session: &Session, note: &str) -> Result<Vec<(KeyName, PublicKey)>, Failure> {
    let claimed = Note::parse(note.as_bytes())
        .and_then(|note| Checkpoint::parse(note.text(), Extensions::Refuse))
        .map_err(|e| unverified(&e))?;
    let mut roster = Roster::founded(&session.genesis).map_err(|e| unverified(&e))?;
    let mut edge = RightEdge::empty();
    super::leaves(session, 0, claimed.size(), |index, bytes| {
        edge.append(leaf_hash(&bytes)).map_err(|e| unverified(&e))?;
        let leaf = leaf_at(index, &bytes).map_err(|e| super::replay::refused(&e))?;
        roster.read(&leaf).map_err(|e| unverified(&e))
    })
    .await?;
    if (edge.size(), edge.root()) != (claimed.size(), claimed.root()) {
        return Err(Failure::new(
            Exit::Unverified,
            "届いた記録は、検証点の木のものではありません",
            "the leaves that came are not those of the checkpoint's tree",
        ));
    }
    roster.voters(claimed.size()).map_err(|e| unverified(&e))
}
