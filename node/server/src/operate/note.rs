//! Notes behind entries somebody else signs: an officer's reasons for the verdict of a review.

use super::record::{evidence, own};
use crate::NodeError;
use crate::ledger::ask;
use crate::node::Inner;
use sekisho_domain::EntryIndex;
use sekisho_proto::v1;
use std::sync::Arc;

/// Keeps a note about an access of this network and gives the commitment to it, durably.
pub(super) async fn keep(
    inner: &Arc<Inner>,
    request: v1::KeepNoteRequest,
) -> Result<v1::KeepNoteReply, NodeError> {
    let task = Arc::clone(inner);
    let index = EntryIndex(request.access);
    ask(inner.ledger.as_ref(), move |snapshot| {
        let known = snapshot.view().access(index)?;
        let about = known.map(|record| (record.request.viewing, record.request.subject));
        let about = own(&task, "access request", index, about)?;
        let opening = evidence(&task, request.note.as_bytes())?;
        task.store.put_opening(&about, &opening)?;
        Ok(v1::KeepNoteReply {
            commitment: opening.commitment().0.to_vec(),
        })
    })
    .await
}
