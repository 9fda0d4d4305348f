//! A ledger as files: what is done with a data directory while no replica runs on it, and with an export.
//!
//! - [`fsck`] recomputes every root from bytes and says where the first wrong byte is.
//! - [`Export`] writes the sealed bundles and tiles of a tree under its checkpoint, in the layout of C2SP
//!   tlog-tiles: the same bytes whichever replica they come from.
//! - [`verify_archive`] checks such a folder against the checkpoint and the founding file; [`import`] then fills
//!   the store of a replica that has never run.

mod archive;
mod export;
mod finding;
mod fsck;
mod import;
mod recover;
mod rows;

pub use archive::{Archive, ArchiveError, verify_archive};
pub use export::{Export, export_stopped};
pub use finding::{FINDINGS_MAX, Finding, FindingKind, FsckReport};
pub use fsck::fsck;
pub use import::{Imported, import, restore};
pub use recover::{RecoverError, Remains, check_statement, remains, start_lineage};

/// Leaves between two words on how far it is.
const PROGRESS_EVERY: u64 = 1024;
