//! What `fsck` finds, and where.

use sekisho_domain::{Hash, LedgerId, ReplicaId};
use std::fmt;

/// Findings listed at most; a damaged disk makes thousands, and the first say where to look.
pub const FINDINGS_MAX: usize = 100;

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The database's file is damaged in itself: pages do not have their checksums, or cannot be read.
    Database,
    /// Whose store it is, or what consensus keeps in it, is damaged.
    Consensus,
    /// A leaf's bytes.
    Leaf,
    /// A leaf whose entry does not lead to it: not authentic, or another outcome.
    Outcome,
    /// A stored hash of the tree.
    TreeNode,
    /// A row of the state.
    State,
    /// The published checkpoint, or a root cosigned before, is not this tree's.
    Checkpoint,
    /// A sealed tile or entry bundle.
    File,
    /// A sealed file that should be there.
    Missing,
    /// A file nobody should have put there.
    Stray,
}

impl FindingKind {
    /// Its name in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Consensus => "consensus",
            Self::Leaf => "leaf",
            Self::Outcome => "outcome",
            Self::TreeNode => "tree-node",
            Self::State => "state",
            Self::Checkpoint => "checkpoint",
            Self::File => "file",
            Self::Missing => "missing",
            Self::Stray => "stray",
        }
    }

    /// In Japanese.
    pub fn ja(self) -> &'static str {
        match self {
            Self::Database => "データベースのファイルが壊れています",
            Self::Consensus => "合意のための記録が壊れています",
            Self::Leaf => "台帳の記録が壊れています",
            Self::Outcome => "記録の内容から、その記録は導かれません",
            Self::TreeNode => "木のハッシュが壊れています",
            Self::State => "状態の行が、記録から導かれるものと違います",
            Self::Checkpoint => "検証点が、この台帳の木と合いません",
            Self::File => "封印されたファイルが壊れています",
            Self::Missing => "封印されたファイルがありません",
            Self::Stray => "ここにあるはずのないファイルです",
        }
    }

    /// In English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Database => "the database's file is damaged",
            Self::Consensus => "what consensus keeps is damaged",
            Self::Leaf => "a leaf is damaged",
            Self::Outcome => "a leaf does not follow from its entry",
            Self::TreeNode => "a hash of the tree is damaged",
            Self::State => "a row of the state is not what the leaves lead to",
            Self::Checkpoint => "the checkpoint is not that of this tree",
            Self::File => "a sealed file is damaged",
            Self::Missing => "a sealed file is missing",
            Self::Stray => "a file that should not be there",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// The file below the data directory, and in a database the table and key.
    pub place: String,
    /// The entry bundle it is in or about.
    pub bundle: Option<u64>,
    /// The first wrong byte, from 0: of the bundle for leaves, of the file for files, of the value for rows.
    pub offset: Option<u64>,
    /// More, in English: what was found and expected.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind.en())?;
        if let Some(bundle) = self.bundle {
            write!(f, ", bundle {bundle}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

/// What `fsck` saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Whose store it is, if that can be read.
    pub store: Option<(LedgerId, ReplicaId)>,
    /// Leaves whose hashes were computed.
    pub leaves: u64,
    /// Of these, leaves whose entries were applied again.
    pub replayed: u64,
    /// The root computed over `leaves`.
    pub root: Option<Hash>,
    /// Size of the published checkpoint, if there is one that holds.
    pub published: Option<u64>,
    /// Sealed files compared.
    pub files: u64,
    /// Rows of the state compared.
    pub rows: u64,
    /// What is wrong, at most [`FINDINGS_MAX`], in the order it was found.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: u64,
}

impl FsckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}
