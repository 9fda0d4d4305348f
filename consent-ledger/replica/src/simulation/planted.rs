//! Faults put back on purpose, so that the simulation shows that it would find them.

/// A fault that the simulation must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Planted {
    /// A vote is reported as saved before it is on the disk.
    VoteNotSynced,
    /// Raft entries are acknowledged before they are on the disk.
    AppendNotSynced,
    /// The table of requests that were seen is forgotten at each start.
    RequestsForgotten,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::VoteNotSynced,
        Self::AppendNotSynced,
        Self::RequestsForgotten,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::VoteNotSynced => "vote-not-synced",
            Self::AppendNotSynced => "append-not-synced",
            Self::RequestsForgotten => "requests-forgotten",
        }
    }
}

/// Whether this thread's simulation has a fault planted.
pub(crate) fn is_planted(fault: Planted) -> bool {
    super::SIMULATED.with_borrow(|simulated| {
        simulated
            .as_ref()
            .is_some_and(|simulated| simulated.planted == Some(fault))
    })
}
