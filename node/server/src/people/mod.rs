//! Whose chart is whose in this network (名寄せ), and who of its patients another network may be told of.
//!
//! ```text
//! sources ──renew──▶ Directory: demographics, block keys, links and doubts      rebuilt from the sources
//! people  ─decide──▶ NodeStore: decisions, pseudonyms, learnt weights           never lost
//!                       │ both
//!                       ▼
//!                    settle: charts of one person share one pseudonym
//! another network ──search──▶ found: one, several, nobody (P9)
//! ```
//! What charts are alike, `sekisho_identity` says; who may be told of, the ledger's law. A pseudonym is made only when
//! somebody needs one; from then on every chart of that person has it.

mod found;
mod merged;
mod persons;
mod renew;
mod weights;
mod wire;

pub use found::Sought;
pub(crate) use found::{Looked, look, seek};
pub(crate) use merged::merged;
pub(crate) use persons::{Decided, Known, decide, person, undo};
pub(crate) use renew::{renew, renew_below};
pub(crate) use weights::weigh;
pub use wire::demographics;
pub(crate) use wire::{code, compared, wire_demographics};
