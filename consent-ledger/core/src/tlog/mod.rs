//! The ledger in the words of C2SP: tiles and entry bundles (tlog-tiles), proof files (tlog-proof), receipts.
//!
//! ```text
//! checkpoint                       signed note: origin, size, root       (crate::checkpoint)
//! tile/<L>/<N>[.p/<W>]             W hashes of subtrees of height 8 * L, 32 bytes each
//! tile/entries/<N>[.p/<W>]         W entries: length (2, big endian) | leaf bytes
//! ```
//!
//! A tile is 256 wide; what the tree's right edge has fewer of is a *partial* tile, named with its width `W`.
//! A full tile never changes, and is the same bytes at every replica. Entry `i` of bundle `N` is leaf
//! `N * 256 + i`; a *leaf* of ours is an *entry* of theirs.
//!
//! Only bytes and paths here: files, HTTP and when a checkpoint is published are a replica's business. What is
//! read with these functions is believed only where its root is that of a
//! [`VerifiedCheckpoint`](crate::checkpoint::VerifiedCheckpoint).

mod entries;
mod path;
mod proof;
mod receipt;
mod tile;

#[cfg(test)]
mod golden_test;
#[cfg(test)]
mod receipt_test;

pub use entries::{
    EntriesFault, entries, entries_parsed, entry_offset, write_entries, write_entry,
};
pub use path::{Content, LEVEL_MAX, TilePath, TilePathFault, tiles_completed, tiles_of};
pub use proof::{PROOF_FILE_BYTES_MAX, ProofFileFault, TlogProof};
pub use receipt::{
    Acknowledgement, Grade, Receipt, ReceiptFault, VerifiedReceipt, Witnesses, acknowledged,
};
pub use tile::{TileLength, read_tile, write_tile};

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Levels of the tree a tile stands for: 2^8 = 256.
pub const TILE_HEIGHT: u8 = 8;
/// Longest entry bundle: 256 entries of 65,535 bytes, each after its length.
pub const ENTRIES_BYTES_MAX: usize = TILE_WIDTH as usize * (2 + crate::LEAF_BYTES_MAX);
/// Longest tile: 256 hashes.
pub const TILE_BYTES_MAX: usize = TILE_WIDTH as usize * sekisho_domain::Hash::LEN;
