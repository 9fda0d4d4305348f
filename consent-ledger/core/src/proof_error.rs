//! What can be wrong with a key, a signature, a note, a checkpoint, a proof or an opening.
//!
//! One enum for everything that arrives claiming to be proven. Nothing here comes from storage: what a
//! tree's store may fail with is apart, in [`TreeError`](crate::merkle::TreeError).

use sekisho_domain::{Commitment, Hash, KeyId, PublicKey};

/// Why something that claims to be proven is not. Holds hashes, keys, names of replicas and sizes,
/// never what was committed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The bytes are not the encoding of a point of the curve (RFC 8032 §5.1.3).
    #[error("key {0} is not a point of the curve")]
    KeyNotOnCurve(PublicKey),
    /// The point has a second, shorter encoding, so one key would have two ids.
    #[error("key {0} is not in canonical form")]
    KeyNotCanonical(PublicKey),
    /// The key has small order: it verifies signatures over nearly any message.
    #[error("key {0} is weak: its order is small")]
    KeyWeak(PublicKey),
    /// The key has a part of small order, so implementations differ on which signatures hold.
    #[error("key {0} lies outside the prime-order group")]
    KeyMixedOrder(PublicKey),
    /// A signature of another length than 64 bytes.
    #[error("an Ed25519 signature is 64 bytes, got {got_bytes}")]
    SignatureLength {
        /// Bytes given.
        got_bytes: usize,
    },
    /// The signature does not hold for the key and the message.
    #[error("the signature does not verify with key {key}")]
    SignatureWrong {
        /// The key it was checked with.
        key: KeyId,
    },

    /// A hash of another length than 32 bytes.
    #[error("hash {position} of the proof must be 32 bytes, got {got_bytes}")]
    HashLength {
        /// Its place in the proof, from 0.
        position: usize,
        /// Bytes given.
        got_bytes: usize,
    },
    /// A proof longer than the largest tree could need.
    #[error("a proof holds at most {max} hashes, got {got} or more")]
    ProofTooLong {
        /// Hashes counted before giving up.
        got: usize,
        /// The bound, [`PROOF_HASHES_MAX`](crate::merkle::PROOF_HASHES_MAX).
        max: usize,
    },
    /// A proof of another length than its sizes call for.
    #[error("the proof must hold {expected} hashes, got {got}")]
    ProofLength {
        /// Hashes the sizes call for.
        expected: usize,
        /// Hashes given.
        got: usize,
    },
    /// A tree larger than any there can be.
    #[error("tree size {size} is over the bound of {max}")]
    TreeTooLarge {
        /// The size given.
        size: u64,
        /// The bound, [`TREE_SIZE_MAX`](crate::merkle::TREE_SIZE_MAX).
        max: u64,
    },
    /// A leaf the tree does not have.
    #[error("leaf {index} is not in a tree of size {size}")]
    IndexBeyondTree {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// Every tree is consistent with the empty one: such a proof would prove nothing.
    #[error("a consistency proof from an empty tree to size {size2} proves nothing")]
    ConsistencyFromEmpty {
        /// The later size.
        size2: u64,
    },
    /// The earlier tree is larger than the later one.
    #[error("the earlier tree's size {size1} is over the later one's {size2}")]
    SizesReversed {
        /// The earlier size.
        size1: u64,
        /// The later size.
        size2: u64,
    },
    /// The proof leads to another root.
    #[error("the proof leads to root {computed}, not to {expected} of size {size}")]
    RootMismatch {
        /// Size of the tree whose root it is.
        size: u64,
        /// The root given.
        expected: Hash,
        /// The root the proof leads to.
        computed: Hash,
    },
    /// A right edge with another number of hashes than its size has complete subtrees.
    #[error("the right edge of a tree of size {size} holds {expected} hashes, got {got}")]
    EdgeLength {
        /// The tree's size.
        size: u64,
        /// Complete subtrees of that size.
        expected: usize,
        /// Hashes given.
        got: usize,
    },

    /// A note over the bound on its size.
    #[error("a note holds at most {max} bytes, got {got}")]
    NoteSize {
        /// Bytes given.
        got: usize,
        /// The bound, [`NOTE_BYTES_MAX`](crate::note::NOTE_BYTES_MAX).
        max: usize,
    },
    /// A note with none, or with more signatures than the bound.
    #[error("a note holds 1 to {max} signatures, got {got}")]
    NoteSignatures {
        /// Signatures counted.
        got: usize,
        /// The bound, [`NOTE_SIGNATURES_MAX`](crate::note::NOTE_SIGNATURES_MAX).
        max: usize,
    },
    /// A note that is not in the form of C2SP signed-note.
    #[error("not a signed note: {0}")]
    NoteForm(&'static str),
    /// A signature line that is not in the form of C2SP signed-note.
    #[error("signature line {line} of the note is malformed: {fault}")]
    NoteSignatureLine {
        /// The line's place among the signature lines, from 1.
        line: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A key name that is empty, too long, or holds a space, a plus or a control character.
    #[error(
        "key name {0:?} must be 1 to 255 bytes without spaces, plus signs and control characters"
    )]
    KeyName(String),
    /// A verifier key text that is not `name+hash+base64` of a supported type.
    #[error("not a verifier key of a supported type: {0}")]
    VerifierKey(&'static str),
    /// A known key's signature line that does not hold: the whole note is refused.
    #[error("the signature of {name} on the note does not hold: {source}")]
    NoteSignatureWrong {
        /// Whose it claims to be.
        name: String,
        /// What is wrong with it.
        source: Box<ProofError>,
    },
    /// A cosignature's time beyond what C2SP tlog-cosignature allows.
    #[error("cosignature time {time_s} s is over the bound of {max} s")]
    CosignatureTime {
        /// The time given, seconds since 1970-01-01T00:00:00Z.
        time_s: u64,
        /// The bound.
        max: u64,
    },

    /// A text that is not in the form of C2SP tlog-checkpoint, or not in ours.
    #[error("not a checkpoint: {0}")]
    CheckpointForm(&'static str),
    /// A checkpoint of another ledger.
    #[error("the checkpoint is of {got:?}, expected {expected:?}")]
    OriginMismatch {
        /// The origin expected.
        expected: String,
        /// The origin found.
        got: String,
    },
    /// Voters of whom no quorum can be told.
    #[error("not a quorum: {0}")]
    Quorum(&'static str),
    /// A voter named twice, or two voters with one key.
    #[error("{0} and another voter have the same name or the same key")]
    VoterTwice(String),
    /// Fewer voters cosigned than needed.
    #[error("{got} of {voters} voters cosigned the checkpoint, {needed} are needed")]
    QuorumShort {
        /// Voters whose cosignature holds.
        got: usize,
        /// Voters there are.
        voters: usize,
        /// Voters needed.
        needed: usize,
    },

    /// An opening's label or value outside its form.
    #[error("not an opening: {0}")]
    OpeningForm(&'static str),
    /// The opening is of another commitment.
    #[error("the opening of {label:?} does not match commitment {expected}")]
    CommitmentMismatch {
        /// The opening's label.
        label: String,
        /// The commitment it was checked against.
        expected: Commitment,
    },
}
