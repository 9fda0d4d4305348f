//! The ledger's state, derived anew from its leaves.
//!
//! A command that shows what stands on the ledger does not believe its replica's tables: it reads the leaves,
//! checks each signature, applies each entry again in order and compares what came out with the leaf, byte by
//! byte (outcome and state digest are part of it).

use super::{Session, failure_of};
use crate::ui::{Exit, Failure};
use sekisho_domain::{EntryIndex, Hash};
use sekisho_ledger::history::{Replay, ReplayFault};
use sekisho_ledger::store::MemoryState;
use sekisho_ledger::{CoreError, View};
use sekisho_proto::v1;
use sekisho_transport::outgoing;

/// A state and the tree it stands under.
#[derive(Debug)]
pub struct Replayed {
    /// The state.
    pub state: MemoryState,
    /// How many leaves it comes from.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Replayed {
    /// Typed questions to it.
    pub fn view(&self) -> View<'_, MemoryState> {
        View(&self.state)
    }
}

/// What stands in memory was derived a moment ago; where it contradicts itself, the leaves did.
pub fn unreadable<E: std::error::Error + 'static>(error: &CoreError<E>) -> Failure {
    Failure::of(
        Exit::Unverified,
        "台帳を読むことが",
        "read the ledger",
        error,
    )
}

/// Reads leaves, as encoded, from one index up to, not including, another, as far as there are. `each` gets each
/// in order.
///
/// # Errors
/// The process cannot be reached, stops answering or skips a leaf; or what `each` says.
pub async fn leaves(
    session: &Session,
    from: u64,
    until: u64,
    mut each: impl FnMut(EntryIndex, Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |status: tonic::Status| failure_of(&status, &session.ledger_address);
    if from >= until {
        return Ok(());
    }
    // None stands for as many as there are.
    let max = u32::try_from(until - from).unwrap_or_default();
    let call = outgoing(v1::LeavesRequest { from, max }, session.deadline());
    let mut stream = session
        .ledger_client()
        .leaves(call)
        .await
        .map_err(failed)?
        .into_inner();
    let mut expected = from;
    while expected < until {
        // The whole may take longer than one answer: what is bounded is the silence between two leaves.
        let next = tokio::time::timeout(session.timeout, stream.message()).await;
        let silent = |_| {
            Failure::new(
                Exit::Unavailable,
                "台帳の読み出しが止まりました",
                "reading the ledger came to a halt",
            )
        };
        let Some(reply) = next.map_err(silent)?.map_err(failed)? else {
            return Ok(());
        };
        if reply.index != expected {
            return Err(Failure::new(
                Exit::Unverified,
                format!(
                    "台帳の {expected} 番が飛ばされ、{} 番が届きました",
                    reply.index
                ),
                format!("leaf {expected} was skipped: leaf {} came", reply.index),
            ));
        }
        each(EntryIndex(reply.index), reply.leaf)?;
        expected += 1;
    }
    Ok(())
}

/// The ledger's state as far as this network's replica has applied it, derived and checked here. `heard` gets
/// the number of leaves so far.
///
/// # Errors
/// The process cannot be reached, stops answering or skips a leaf; or a leaf is not what its entry leads to.
pub async fn replayed_state(
    session: &Session,
    mut heard: impl FnMut(u64),
) -> Result<Replayed, Failure> {
    let mut replay = Replay::begin(&session.genesis).map_err(|e| refused(&e))?;
    leaves(session, 0, u64::MAX, |_, bytes| {
        let leaf = replay.next(&bytes).map_err(|e| refused(&e))?;
        replay.apply(leaf, &bytes).map_err(|e| refused(&e))?;
        heard(replay.size());
        Ok(())
    })
    .await?;
    replayed(replay)
}

/// Where leaves are not those of this ledger.
pub(super) fn refused(fault: &ReplayFault) -> Failure {
    match fault {
        ReplayFault::Core(error) => unreadable(error),
        ReplayFault::Leaf { index, source } => differs(*index, &source.to_string()),
        ReplayFault::Place { index, says } => {
            differs(*index, &format!("it says of itself that it is {says}"))
        }
        ReplayFault::Differs(index) => differs(*index, "applying its entry leads to another leaf"),
    }
}

/// What a replay has come to.
pub(super) fn replayed(replay: Replay) -> Result<Replayed, Failure> {
    let size = replay.size();
    let (state, root) = replay.end().map_err(|e| refused(&e))?;
    Ok(Replayed { state, size, root })
}

fn differs(index: EntryIndex, why: &str) -> Failure {
    Failure::new(
        Exit::Unverified,
        format!("台帳の {index} 番を検証できません：{why}"),
        format!("leaf {index} does not verify: {why}"),
    )
}
