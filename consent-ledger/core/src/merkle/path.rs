//! The shape of a proof, shared by those who make one and those who check one: which ranges of leaves
//! it holds the hashes of. It depends on sizes and indices alone.

use super::Subtree;

/// The leaves from `begin` up to, not including, `end`; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeafRange {
    pub begin: u64,
    pub end: u64,
}

impl LeafRange {
    /// The leaves of a whole tree.
    pub fn of_tree(size: u64) -> Self {
        Self {
            begin: 0,
            end: size,
        }
    }

    fn len(self) -> u64 {
        self.end - self.begin
    }

    /// The two ranges the RFC hashes a range of several leaves from: the left one holds the largest
    /// power of two of leaves that is smaller than the whole.
    fn split(self) -> (Self, Self) {
        let middle = self.begin + (1 << (self.len() - 1).ilog2());
        (
            Self {
                begin: self.begin,
                end: middle,
            },
            Self {
                begin: middle,
                end: self.end,
            },
        )
    }

    /// The complete subtrees the range is a row of, largest first: one for each bit of its length. The
    /// range must begin where a subtree of its largest size can, as all that come from splitting do.
    pub fn subtrees(self) -> impl Iterator<Item = Subtree> {
        let (mut begin, mut left) = (self.begin, self.len());
        std::iter::from_fn(move || {
            let level = left.checked_ilog2()? as u8;
            let subtree = Subtree {
                level,
                index: begin >> level,
            };
            begin += 1 << level;
            left -= 1 << level;
            Some(subtree)
        })
    }
}

/// One hash of a proof: of the range on this side of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sibling {
    Left(LeafRange),
    Right(LeafRange),
}

impl Sibling {
    pub fn range(self) -> LeafRange {
        match self {
            Self::Left(range) | Self::Right(range) => range,
        }
    }
}

/// What an inclusion proof is made of, from the leaf up: PATH(m, D_n) of RFC 6962 §2.1.1.
/// `index` must be below `size`.
pub(super) fn inclusion(index: u64, size: u64) -> Vec<Sibling> {
    let mut siblings = Vec::new();
    let mut range = LeafRange::of_tree(size);
    while range.len() > 1 {
        let (left, right) = range.split();
        if index < right.begin {
            siblings.push(Sibling::Right(right));
            range = left;
        } else {
            siblings.push(Sibling::Left(left));
            range = right;
        }
    }
    siblings.reverse();
    siblings
}

/// What a consistency proof is made of: SUBPROOF(m, D_n, true) of RFC 6962 §2.1.2.
pub(super) struct Consistency {
    /// The last subtree of the smaller tree that the larger one has whole. `None` where that is the
    /// whole smaller tree: then its root is known, and not in the proof.
    pub start: Option<LeafRange>,
    /// From there up. What is on the left is in both trees, what is on the right only in the larger.
    pub siblings: Vec<Sibling>,
}

/// `size1` must be above 0 and not above `size2`.
pub(super) fn consistency(size1: u64, size2: u64) -> Consistency {
    let mut siblings = Vec::new();
    let mut range = LeafRange::of_tree(size2);
    while range.end != size1 {
        let (left, right) = range.split();
        if size1 <= right.begin {
            siblings.push(Sibling::Right(right));
            range = left;
        } else {
            siblings.push(Sibling::Left(left));
            range = right;
        }
    }
    siblings.reverse();
    Consistency {
        start: (range.begin > 0).then_some(range),
        siblings,
    }
}
