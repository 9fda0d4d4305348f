//! Every access on the ledger in one small row: what lists are made of, and how a patient finds who looked.
//!
//! ```text
//! ledger ──leaves from where it left off──▶ take ──▶ rows, and who finds them by what (one file of redb)
//!                                                       ▲
//!                                      pages ask here ──┘ and open the ledger itself for one access
//! ```
//! A projection: nothing here is evidence, and all of it can be thrown away and made again from the ledger. It is, whenever
//! the ledger is another one or the last leaf taken is no longer the one that stands there (a recovery).
//! It follows when a page asks and while the portal is served; a page is told how far behind it is.

mod follow;
mod row;
mod store;
mod tables;
mod taking;

pub use follow::{CHUNK_LEAVES, PAGE_CHUNKS_MAX};
pub use row::{Decided, Row, Target};
pub use store::{Accesses, Found, SCANNED_MAX, Traffic, Turn, Wanted, Window};
pub use tables::{AccessesFault, Raised};

pub(crate) use follow::keep;

#[cfg(test)]
#[path = "accesses_test.rs"]
mod tests;
