//! What a document's bytes are told by: SHA-256 over all of them, which everybody sees, and of a large document BLAKE3 of
//! each of its pieces, which stays in the index: by it each piece is known to be what was indexed before it leaves, and
//! nothing else of the document need be read.

use sekisho_domain::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of each piece of a document but the last.
pub const PIECE_BYTES: usize = (1 << 20) - 16;

/// BLAKE3 of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PieceHash([u8; 32]);

impl PieceHash {
    pub fn of(piece: &[u8]) -> Self {
        Self(blake3::hash(piece).into())
    }
}

/// The same of a piece as it comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct PieceHasher(blake3::Hasher);

impl PieceHasher {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(&self) -> PieceHash {
        PieceHash(self.0.finalize().into())
    }
}

/// The hashes of the pieces of a document that has more than one. None of any other, whose own hash tells the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceHashes(Vec<PieceHash>);

impl PieceHashes {
    /// Whether these are those of a document of such a size.
    pub(crate) fn are_of(&self, size_bytes: u64) -> bool {
        let pieces = size_bytes.div_ceil(PIECE_BYTES as u64);
        pieces > 1 && pieces == self.0.len() as u64
    }

    /// Whether the piece of a number has this hash.
    pub(crate) fn holds(&self, number: u64, hash: &PieceHash) -> bool {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        self.0.get(number) == Some(hash)
    }
}

/// What is known of a document's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256.
    pub hash: Hash,
    /// How many.
    pub size_bytes: u64,
    /// Of its pieces.
    pub pieces: PieceHashes,
}

impl Digests {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digesting = Digesting::of_size(bytes.len() as u64);
        digesting.update(bytes);
        digesting.finish()
    }
}

/// The same of bytes as they come.
#[derive(Debug, Clone)]
pub struct Digesting {
    whole: Sha256,
    size_bytes: u64,
    /// The piece under way and how much of it was there; none of a document of one piece.
    piece: Option<(PieceHasher, usize)>,
    pieces: Vec<PieceHash>,
}

impl Digesting {
    /// Of so many bytes, as far as is known. Of more there are no pieces' hashes if one piece was expected.
    pub fn of_size(size_bytes: u64) -> Self {
        let is_large = size_bytes > PIECE_BYTES as u64;
        Self {
            whole: Sha256::new(),
            size_bytes: 0,
            piece: is_large.then(Default::default),
            pieces: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.size_bytes = self.size_bytes.saturating_add(bytes.len() as u64);
        let Some((piece, taken)) = &mut self.piece else {
            return;
        };
        while !bytes.is_empty() {
            let (of_piece, rest) = bytes.split_at(bytes.len().min(PIECE_BYTES - *taken));
            piece.update(of_piece);
            *taken += of_piece.len();
            bytes = rest;
            if *taken == PIECE_BYTES {
                self.pieces.push(piece.finish());
                (*piece, *taken) = Default::default();
            }
        }
    }

    /// What they came to.
    pub fn finish(mut self) -> Digests {
        if let Some((piece, 1..)) = &self.piece {
            self.pieces.push(piece.finish());
        }
        if self.size_bytes <= PIECE_BYTES as u64 {
            self.pieces.clear();
        }
        Digests {
            hash: Hash(self.whole.finalize().into()),
            size_bytes: self.size_bytes,
            pieces: PieceHashes(self.pieces),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_documents_have_a_hash_of_each_piece_however_their_bytes_come() {
        for (length, pieces) in [
            (0, 0),
            (1, 0),
            (PIECE_BYTES, 0),
            (PIECE_BYTES + 1, 2),
            (2 * PIECE_BYTES, 2),
            (2 * PIECE_BYTES + 5, 3),
        ] {
            let bytes: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
            let digests = Digests::of(&bytes);
            assert_eq!(digests.hash, Hash(Sha256::digest(&bytes).into()));
            assert_eq!(digests.size_bytes, length as u64);
            assert_eq!(digests.pieces.0.len(), pieces, "{length}");
            assert_eq!(digests.pieces.are_of(length as u64), pieces > 0, "{length}");
            for (n, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
                let hash = PieceHash::of(piece);
                assert_eq!(digests.pieces.holds(n as u64, &hash), pieces > 0);
                assert!(!digests.pieces.holds(n as u64 + 1, &hash));
                let other = PieceHash::of(&piece[1..]);
                assert!(!digests.pieces.holds(n as u64, &other));
            }
            let mut digesting = Digesting::of_size(length as u64);
            bytes.chunks(70_001).for_each(|some| digesting.update(some));
            assert_eq!(digesting.finish(), digests, "{length}");
        }
    }

    #[test]
    fn where_more_or_less_came_than_was_expected_the_hash_holds() {
        let bytes = vec![7; PIECE_BYTES + 1];
        for (expected, length, pieces) in [
            (0, PIECE_BYTES + 1, 0),
            (PIECE_BYTES + 1, 9, 0),
            (9 * PIECE_BYTES, PIECE_BYTES + 1, 2),
        ] {
            let mut digesting = Digesting::of_size(expected as u64);
            digesting.update(&bytes[..length]);
            let digests = digesting.finish();
            assert_eq!(digests.hash, Digests::of(&bytes[..length]).hash);
            assert_eq!(digests.pieces.0.len(), pieces);
        }
    }
}
