//! The consent ledger's pure core: what an entry means, who may see what, and how it is proved.
//!
//! No I/O, no clock, no randomness, no unordered maps: the same entries give the same outcomes on every
//! replica, in a simulation, and for an officer offline years later. `sekisho-replica` makes it durable and
//! replicated.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::type_complexity,
        reason = "a test fails by panicking, and a table of cases has the type it has"
    )
)]

mod answer;
mod apply;
pub mod attested;
mod authorize;
pub mod bundle;
mod chart;
pub mod checkpoint;
pub mod commitment;
pub mod dsse;
mod envelope;
mod genesis;
pub mod history;
mod leaf;
pub mod letter;
pub mod merkle;
pub mod note;
pub mod patterns;
mod proof_error;
pub mod record;
pub mod recovery;
mod roster;
pub mod sealed;
pub mod signature;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tlog;
pub mod tree;
pub mod unsigned;
mod view;

#[cfg(test)]
mod golden_test;
#[cfg(test)]
mod privacy_test;
#[cfg(test)]
mod totality_test;

pub use answer::{AnswerFault, AnswerHash, Statement};
pub use apply::{Applied, Nodes, agreement_digest, apply_batch, place_to_come};
pub use authorize::{
    Missing, NotPermitted, Outlook, PERMIT_MS_MAX, Permit, authorize, covers, if_linked, outlook,
};
pub use envelope::{
    Admitted, Authentic, EntryFault, Formed, SignatureCheck, Strict, admit, authenticate, form,
    seal, sign_entry,
};
pub use genesis::{
    GenesisFault, REPLICAS_MAX, check_genesis, checkpoint_origin, checkpoint_voters, found,
    ledger_id, voter_name,
};
pub use leaf::{LEAF_BYTES_MAX, LEAF_VERSION, Leaf, LeafError};
pub use proof_error::ProofError;
pub use record::CoreError;
pub use roster::{Roster, RosterFault};
pub use view::{
    AGREEMENT_VERSIONS_MAX, AGREEMENTS_OF_PAIR_MAX, AUTHORITIES_MAX, CONSENT_NAMES_MAX,
    CONSENTS_MAX, KEYS_MAX, LINKS_MAX, Meta, NETWORKS_MAX, NOTICES_MAX, POLICY_VERSIONS_MAX,
    RECORD_CHANGES_MAX, REPLICAS_OF_NETWORK_MAX, RESERVATION_NAMES_MAX, RESERVATIONS_MAX,
    TRANSFERS_MAX, TransportAddress, View,
};
