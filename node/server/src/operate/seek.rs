//! Looking for a patient among this network's own charts, by what is known of the person.

use crate::NodeError;
use crate::blocking::blocking;
use crate::node::Inner;
use crate::people::{self, Sought};
use sekisho_proto::v1;
use std::sync::Arc;

/// Nothing is recorded: no other network is asked, and of strangers nothing is told.
pub(super) async fn seek(
    inner: &Arc<Inner>,
    person: v1::Demographics,
) -> Result<Sought, NodeError> {
    let slot = inner.finds.slot()?;
    let person = people::demographics(person)?;
    let inner = Arc::clone(inner);
    let sought = blocking(move || people::seek(&inner, &person)).await;
    drop(slot);
    sought
}
