//! What commands and the demo do with a running node, as calls with typed results. Printing is the commands'.

mod entries;
mod exchange;
mod ledger;
mod past;
mod patients;
mod people;
mod receipt;
mod replay;
mod session;

pub use entries::{Recorded, govern, record, request_id, say, subject};
pub use exchange::{
    Coming, Found, FoundEnd, Retrieved, SHOWN_BYTES_MAX, bundle, find, ingest, page, retrieve,
    retrieve_into,
};
pub use ledger::{checkpoint, reached, status};
pub use past::{Until, past};
pub use patients::{
    Lacking, Previewed, SearchEnd, Searched, decide_charts, issue_card, learn_weights, person,
    preview, proposals, reviews, search, undo_decision,
};
pub use people::{erase, keep_note, open_seal, practitioner, practitioner_of, sealed_reservations};
pub use receipt::{committed, leaf, leaf_of, sealed};
pub use replay::{Replayed, leaves, replayed_state, unreadable};
pub use session::{Session, failure_about_patient, failure_of};

use sekisho_domain::TimeMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's clock.
pub fn now() -> TimeMs {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
