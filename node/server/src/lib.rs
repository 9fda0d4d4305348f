//! One network's node: enforcement of the ledger's decisions over its own documents.
//!
//! ```text
//! other networks' brokers ──▶ NodeService      answer/   own replica ─▶ enforce ─▶ index, contents ─▶ statement
//! the network's people    ──▶ OperatorService  operate/  sign ─▶ broker ─▶ verify ─▶ what may be shown
//!                                              outbox    releases and receipts ─▶ ledger
//! ```
//! - [`NodeStore`]: pseudonyms, openings, sealed reservations, signed requests, transfers; what cannot be rebuilt.
//! - [`enforce`]: what a decision lets out, as plain functions.
//! - [`verify`]: what of a broker's answer may be believed.
//! - [`Node`]: the parts put together.
//!
//! Who may see what is the ledger's `authorize`; who is speaking is `sekisho-transport`'s; what a file means is
//! `sekisho-ingest`'s; asking other networks is the broker's.
//!
//! Promises: P1 (no byte leaves before the release is durable here, its access request committed), P5 (request ids
//! fixed before anything is sent), P8 (statements are signed and checked; an index being built does not answer), P9
//! (refusals are all the same, what is sealed does not exist), P10 (local ids and contents stay here), P11 (a subject
//! can be erased), P12 ([`bounds`]).
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod alerts;
mod answer;
mod blocking;
pub mod bounds;
mod budgets;
mod cipher;
mod commitments;
mod deadline;
pub mod enforce;
mod entries;
mod environment;
mod error;
mod following;
mod frozen;
mod ingestion;
mod ledger;
mod letters;
mod light;
mod linker;
mod node;
mod observe;
mod operate;
mod outbox;
mod people;
mod replica;
mod sealing;
mod seals;
mod slots;
mod store;
mod stream;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verify;
mod wire;

pub use answer::Disclosing;
pub use budgets::Budgets;
pub use environment::{Environment, NoRandomness, SystemEnvironment};
pub use error::{NodeError, OUTCOME_METADATA};
pub use ingestion::{IngestReport, ingested_digest};
pub use ledger::{Checkpoint, Committed, Ledger, LedgerFault, Question, Snapshot, StateFault};
pub use node::{Config, Node, Parts};
pub use observe::Observe;
pub use operate::{
    Card, Carried, Carrier, Health, Operating, RetrieveStream, Shown, SourceHealth, grounds,
};
pub use people::{Sought, demographics};
pub use sealing::SealingFault;
pub use store::{
    ChartRecord, Directory, Erased, FORMAT_VERSION, Kept, NodeStore, Pending, Review, Said,
    Settled, StoreError, StoredDecision, StoredProposal, StoredRequest, StoredSeal, StoredTransfer,
    TransferKind,
};
