//! Why there is nothing two voters say alike.

use sekisho_domain::ReplicaId;
use sekisho_transport::TransportError;

/// Why the named voters told nothing that can be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LightError {
    /// Fewer than two answered.
    #[error("only {answered} of {named} named voters answered ({why})")]
    TooFew {
        /// How many did.
        answered: usize,
        /// How many vote of those named.
        named: usize,
        /// What became of the others.
        why: String,
        /// Whether they were reached, and had only not applied enough.
        behind: bool,
    },
    /// Those that answered contradict each other, and no third one tells who is wrong.
    #[error("{} contradict each other, and no two others agree", pairs(.0))]
    Contradict(Vec<[ReplicaId; 2]>),
    /// Those that answered are of one network.
    #[error("the voters that answered are all of one network")]
    OneNetwork,
    /// They changed faster than they could be compared.
    #[error("the voters were not equally far in {0} rounds")]
    Unsteady(usize),
    /// What a question had been told is no longer so; ask it again.
    #[error("the ledger moved on while it was read")]
    Moved,
    /// Whoever asked did not wait for the answer.
    #[error("nobody waits for the answer any more")]
    Left,
    /// Voters that cannot be.
    #[error("{0}")]
    Config(String),
    /// A fault of this process.
    #[error("{0}")]
    Fault(String),
}

impl LightError {
    /// Whether enough voters were reached and have only not applied so much.
    pub fn is_behind(&self) -> bool {
        matches!(self, Self::TooFew { behind: true, .. } | Self::Unsteady(_))
    }
}

impl From<TransportError> for LightError {
    fn from(error: TransportError) -> Self {
        Self::Fault(error.to_string())
    }
}

fn pairs(pairs: &[[ReplicaId; 2]]) -> String {
    let pair = |[a, b]: &[ReplicaId; 2]| format!("replicas {a} and {b}");
    pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
}
