//! Who is who (名寄せ): charts of many facilities brought together to persons, and persons found by what is known of them.
//!
//! Pure: no I/O, no clock, no randomness. Whoever calls reads the feeds, keeps the charts and the decisions, and asks.
//!
//! - [`Demographics`] is what a chart says of its patient; its parts are read from what feeds hold.
//! - [`fold`] brings spellings together: widths, kana, variants of kanji, addresses, telephone numbers.
//! - [`judge`] compares two charts: rules first, then Fellegi–Sunter with the weights of a [`Model`], explained field
//!   by field. Three bands: link, a person looks, apart.
//! - [`block_keys`] finds whom to compare without comparing all.
//! - [`group`] makes persons of judgements and of what people decided; whatever was decided can be undone.
//! - [`learn_weights`] learns a network's own weights from its charts, or says why it cannot.
//! - [`search()`] and [`evacuee`] find somebody by demographics, without telling of strangers.
//! - [`quality`] measures all of it against charts of which the truth is known.
//!
//! Sources: Fellegi and Sunter, "A Theory for Record Linkage" (1969); Winkler's string comparator; the traps of
//! Japanese insurance numbers and names are named where they are handled. A false link shows a clinician another
//! person's chart, so where in doubt a person decides.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        reason = "a test fails by panicking"
    )
)]

mod block;
mod compare;
mod date;
mod demographics;
mod explain;
pub mod fellegi;
pub mod fold;
mod insured;
mod judge;
mod learning;
mod model;
mod person;
pub mod quality;
mod rules;
mod search;

pub use block::{
    BLOCK_CHARTS_MAX, BLOCK_KEY_BYTES, BLOCK_KEYS_MAX, BLOCK_VERSION, BlockKey, block_keys,
    block_keys_folded,
};
pub use compare::{Item, Level, Levels, compare, likeness};
pub use date::{Date, DateFault, YEAR_MAX, YEAR_MIN};
pub use demographics::{
    ADDRESSES_MAX, Address, Demographics, Fault, INSURED_MAX, Name, PHONES_MAX, Sex, TEXT_CHARS_MAX,
};
pub use explain::Said;
pub use fold::{Folded, PostalTable};
pub use insured::{INSURER_DIGITS, Insured, InsurerNumber};
pub use judge::{Band, Evidence, Judgement, Why, band_of, judge, judge_folded, judge_levels};
pub use learning::{
    Learning, ONE_PERSON_PAIRS_MIN, STRANGERS_CHARTS_MAX, Tally, Unlearnt, WEIGHTS_VERSION,
    changes, learn_weights, strangers,
};
pub use model::{LEARNING_PAIRS_MIN, Model, ModelFault, Pairs};
pub use person::{
    Decision, Doubt, Edge, PERSON_CHARTS_MAX, Persons, REASON_CHARS_MAX, Verdict, Waiting, group,
};
pub use rules::{Rule, decide, forbids_link};
pub use search::{Candidate, EVACUEES_MAX, Evacuee, Found, evacuee, search};
