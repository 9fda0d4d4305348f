//! The side of the network's own people: records what they say, asks for them, and shows only what holds.
//!
//! ```text
//! Record    sign ─▶ ledger
//! Find      sign ─▶ broker ─▶ own replica: decided so? ─▶ each network's statement ─▶ shown
//! Search    sign ─▶ broker ─▶ keys ─▶ a sealed letter to each ─▶ sealed answers, opened and believed here alone
//! Retrieve  sign, committed to the document ─▶ carrier ─▶ header verified ─▶ receipt on disk ─▶ opened, handed over
//! ```
//! Everything signed is remembered by its request id before it is sent, so a retry is the same entry (P5).

mod access;
mod broker;
mod card;
mod carrier;
mod erase;
mod export;
mod find;
pub mod grounds;
mod health;
mod learn;
mod note;
mod people;
mod practitioner;
mod prepare;
mod preview;
mod record;
mod retrieve;
mod seals;
mod search;
mod seek;
mod service;
mod shown;
mod subject;

pub use card::Card;
pub use carrier::{Carried, Carrier};
pub use health::{Health, SourceHealth};
pub use retrieve::Stream as RetrieveStream;
pub use service::Operating;
pub use shown::Shown;

#[cfg(test)]
mod tests;
