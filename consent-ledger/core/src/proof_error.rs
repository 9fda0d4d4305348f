//! What can be wrong with a key, a signature, a note, a checkpoint or a proof.

/// Why something that claims to be proven is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {}
