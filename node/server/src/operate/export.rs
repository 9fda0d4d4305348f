//! Proof bundles with the openings this node holds.

use crate::NodeError;
use crate::commitments::{CONTENT, DOCUMENT, EVIDENCE, PRACTITIONER};
use crate::ledger::{Snapshot, ask};
use crate::node::Inner;
use crate::store::NodeStore;
use sekisho_domain::{AccessRecord, ConsentId, Decision, EntryIndex};
use sekisho_ledger::bundle::{BuildError, ShownOpening, build, commitment_in};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Makes the bundle of one access request under a checkpoint over everything applied here.
pub(super) async fn export(
    inner: &Arc<Inner>,
    access: EntryIndex,
    deadline: Deadline,
) -> Result<v1::ExportBundleReply, NodeError> {
    inner.ledger.wait_applied(access, deadline).await?;
    let mut size = ask(inner.ledger.as_ref(), |snapshot| {
        Ok(snapshot.view().meta()?.map_or(0, |meta| meta.size))
    })
    .await?;
    loop {
        match under(inner, access, size, deadline).await? {
            Built::Bundle(bundle) => return Ok(v1::ExportBundleReply { bundle }),
            // A release or receipt was applied since: under a later checkpoint the bundle holds it too.
            Built::NeedsLeaf(index) => size = index.0.saturating_add(1),
        }
    }
}

enum Built {
    Bundle(Vec<u8>),
    NeedsLeaf(EntryIndex),
}

/// Makes the bundle under a checkpoint over at least so many leaves.
async fn under(
    inner: &Arc<Inner>,
    access: EntryIndex,
    min_size: u64,
    deadline: Deadline,
) -> Result<Built, NodeError> {
    let checkpoint = inner.ledger.checkpoint(min_size, deadline).await?;
    let store = Arc::clone(&inner.store);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let record = snapshot
            .view()
            .access(access)?
            .ok_or(NodeError::NoSuchAccess)?;
        let openings = openings(&store, snapshot, &record)?;
        let (note, size) = (&checkpoint.note, checkpoint.size);
        match build(snapshot, access, note, size, &openings) {
            Ok(bundle) => Ok(Built::Bundle(bundle)),
            Err(BuildError::CheckpointTooOld { index, .. }) => Ok(Built::NeedsLeaf(index)),
            Err(error) => Err(NodeError::Bundle(Box::new(error))),
        }
    })
    .await
}

/// What this node can open of the access, its transfers, and the consents and proxies it rests on.
fn openings(
    store: &NodeStore,
    snapshot: &Snapshot<'_>,
    record: &AccessRecord,
) -> Result<Vec<ShownOpening>, NodeError> {
    let transfers = snapshot.view().transfers(record.index)?;
    let consents = record.decisions.iter().flat_map(|(_, decision)| {
        let bases = match decision {
            Decision::Permit(terms) => terms.bases.as_slice(),
            Decision::Deny(_) => &[],
        };
        bases
            .iter()
            .flat_map(|basis| &basis.consents)
            .map(|id| id.0)
    });
    let mut leaves: BTreeSet<EntryIndex> = consents.collect();
    let mut proxies = Vec::new();
    for consent in &leaves {
        let given = snapshot.view().consent(ConsentId(*consent))?;
        proxies.extend(given.and_then(|r| r.value.consent.proxy).map(|id| id.0));
    }
    leaves.extend(proxies);
    leaves.extend(transfers.iter().map(|t| t.index));
    leaves.insert(record.index);
    let mut openings = Vec::new();
    for index in leaves {
        let Some(leaf) = snapshot.leaf(index)? else {
            continue;
        };
        for label in [PRACTITIONER, DOCUMENT, CONTENT, EVIDENCE] {
            let Some(commitment) = commitment_in(&leaf.entry, label) else {
                continue;
            };
            if let Some(opening) = store.opening(&commitment)? {
                openings.push(ShownOpening { index, opening });
            }
        }
    }
    Ok(openings)
}
