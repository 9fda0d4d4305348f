//! Leaves and what proves them.

use super::{Session, failure_of};
use crate::ui::{Exit, Failure};
use sekisho_domain::{EntryIndex, RequestId};
use sekisho_ledger::checkpoint::{Checkpoint, Extensions};
use sekisho_ledger::merkle::parse_proof;
use sekisho_ledger::note::Note;
use sekisho_ledger::tlog::Receipt;
use sekisho_ledger::{Leaf, ProofError};
use sekisho_proto::{ErrorCode, v1};
use sekisho_replica::{SubmitError, Submitted};
use sekisho_transport::outgoing;

fn malformed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::of(
        Exit::Unverified,
        "応答を読むことが",
        "read the answer",
        error,
    )
}

/// One leaf, as encoded.
///
/// # Errors
/// The process cannot be reached, or has not applied that many.
pub async fn leaf(session: &Session, index: EntryIndex) -> Result<Vec<u8>, Failure> {
    let mut found = None;
    super::leaves(session, index.0, index.0.saturating_add(1), |_, leaf| {
        found = Some(leaf);
        Ok(())
    })
    .await?;
    found.ok_or_else(|| {
        Failure::usage(
            format!("台帳 {index} 番はまだありません。`sekisho ledger status` で件数を確かめてください"),
            format!("there is no ledger index {index} yet; see `sekisho ledger status` for how many there are"),
        )
    })
}

/// The leaf of a request id of this network.
///
/// # Errors
/// The process cannot be reached, or knows no such request.
pub async fn leaf_of(session: &Session, id: &RequestId) -> Result<(EntryIndex, Vec<u8>), Failure> {
    let request = v1::OutcomeOfRequest {
        request_id: id.0.to_vec(),
    };
    let call = outgoing(request, session.deadline());
    match session.ledger_client().outcome_of(call).await {
        Ok(reply) => {
            let reply = reply.into_inner();
            Ok((EntryIndex(reply.index), reply.leaf))
        }
        Err(status) if ErrorCode::of(&status) == ErrorCode::NotFound => Err(Failure::usage(
            format!("このネットワークの要求番号 {id} の記録は、まだ台帳にありません"),
            format!("no entry of this network with request id {id} is on the ledger yet"),
        )),
        Err(status) => Err(failure_of(&status, &session.ledger_address)),
    }
}

/// A receipt by a replica's signed word: the entry is sent again, which is the same entry, and acknowledged again.
///
/// # Errors
/// The process cannot be reached, or there is no leader with a majority behind it.
pub async fn committed(
    session: &Session,
    index: EntryIndex,
    leaf: Vec<u8>,
) -> Result<Receipt, Failure> {
    let envelope = Leaf::decode(&leaf).map_err(|e| malformed(&e))?.envelope;
    let request = v1::SubmitRequest {
        envelope: Some(envelope),
        forwarded: false,
        acknowledge: true,
    };
    let call = outgoing(request, session.deadline());
    let reply = session.ledger_client().submit(call).await;
    let reply = reply.map_err(|s| failure_of(&s, &session.ledger_address))?;
    let submitted = Submitted::try_from(reply.into_inner()).map_err(|e| malformed(&e))?;
    let unsigned = SubmitError::Malformed("it is not signed".to_owned());
    let acknowledgement = submitted
        .acknowledgement
        .ok_or_else(|| malformed(&unsigned))?;
    Ok(Receipt::Committed {
        index,
        leaf,
        acknowledgement,
    })
}

/// A receipt under a checkpoint.
///
/// # Errors
/// The process cannot be reached, or the checkpoint's tree does not have the leaf.
pub async fn sealed(
    session: &Session,
    index: EntryIndex,
    leaf: Vec<u8>,
    note: &str,
) -> Result<Receipt, Failure> {
    let read = || -> Result<_, ProofError> {
        let note = Note::parse(note.as_bytes())?;
        let size = Checkpoint::parse(note.text(), Extensions::Refuse)?.size();
        Ok((note, size))
    };
    let (checkpoint, tree_size) = read().map_err(|e| malformed(&e))?;
    let request = v1::InclusionProofRequest {
        index: index.0,
        tree_size,
    };
    let call = outgoing(request, session.deadline());
    let reply = session.ledger_client().inclusion_proof(call).await;
    let reply = reply.map_err(|s| failure_of(&s, &session.ledger_address))?;
    let hashes = parse_proof(reply.into_inner().hashes).map_err(|e| malformed(&e))?;
    Ok(Receipt::Sealed {
        index,
        leaf,
        hashes,
        checkpoint,
    })
}
