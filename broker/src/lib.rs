//! Plan, fan out, merge: one honest outcome for each asked network.
//!
//! A viewing node hands the broker its signed request. The broker has the ledger decide it once, for every
//! asked network, asks the permitted ones in parallel under the caller's absolute deadline, and streams what
//! they answered. It keeps nothing but how the networks' endpoints did lately: stopped and started again, or
//! run twice, it answers the same.
//!
//! ```text
//! viewing node ── FindDocuments ──▶ service ── form, whose request ──▶ Ledger::decide   (once, for all)
//!                                      │ plan: what ends at once, whom to ask
//!                                      ▼
//!                                   fan_out ──▶ node A ──▶ answer: bounds, statement, hash ──▶ ┐
//!                                      ├──────▶ node B ──▶ … late? its second endpoint too      │ outcome:
//!                                      └──────▶ node C ──▶ …                                   │ one each
//!  ◀── Decided, documents, one end each, Summary ───────────────────────────────────────────── ┘
//! ```
//!
//! What it leaves to others: who may see what (the ledger's `authorize`), enforcing it (each node, which
//! believes its own replica and not the broker), believing an answer (the viewing node checks each statement
//! itself: a broker that adds, drops or alters is seen through).
//!
//! Promises: P8 (each asked network ends in exactly one outcome, the true one: [`outcome`] cannot be filled
//! twice, and nothing a node sent is shown as its answer before its signed statement fits it), P9 (a patient
//! without a link looks as one the network does not know; denied networks are not contacted), P12 ([`limits`]).

pub mod answer;
mod attempts;
mod broker;
mod call;
mod counts;
mod error;
mod events;
mod fan_out;
mod fault;
mod find;
mod held;
pub mod ledger;
mod light;
pub mod limits;
mod nodes;
mod observe;
pub mod outcome;
pub mod plan;
mod replica;
mod search;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use broker::Broker;
pub use counts::{Counted, Counts};
pub use error::BrokerError;
pub use events::EventStream;
pub use fault::{OUTCOME_METADATA, STALE, SUSPENDED, stale, suspended};
pub use ledger::{About, Decided, Endpoint, Ledger, LedgerFailure, Route};
pub use limits::Limits;
pub use observe::{End, Observe};
