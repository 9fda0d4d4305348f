//! Transaction storage (トランザクションストレージ) as a change feed: who was touched, in order, without a walk.
//!
//! ```text
//! <root>/<year>/TR_yyyyMMddHHmmssfff_nnnnn.DAT       appended to; a new file each day, and beyond a size
//! record = 処理区分 (INS | DEL) and other items, with the message
//! ```
//! The NHO support documents (`transaction_strage.md`) give folders, file names, 処理区分 and that the message is
//! recorded; the bytes of a record's head stand only in the JAMI guideline (standardised storage, 1.2g p. 32), which is
//! not public. So nothing of the head is relied on: a record's message begins with `MSH|^~\&|`, and its PID-3 names
//! whose folder to look at. INS and DEL need not be told apart either, since the tree is the truth and is what is
//! looked at. A feed that grows without naming anybody asks for a whole walk.

mod feed;
mod scan;

pub use feed::{Feed, Heard, Position};
pub use scan::{Scan, scan};
