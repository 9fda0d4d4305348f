//! What two voters say alike.

use super::Attested;
use crate::store::Row;
use crate::view::Meta;
use sekisho_domain::{Hash, ReplicaId};

/// Why what two voters said is not one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Differs {
    /// One replica, or two of one network: no second word.
    #[error("they are not voters of two networks")]
    NotTwo,
    /// The rows differ, and so does how far they are: one may be behind.
    #[error("they are not equally far")]
    Behind,
    /// Equally far, and yet not the same: one of them is wrong.
    #[error("they contradict each other")]
    Contradict,
}

/// What two voters of two networks said alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Who said it.
    pub by: [ReplicaId; 2],
    /// Where the ledger stands: as far as both are at least.
    pub meta: Meta,
    /// The rows, of each question in its order.
    pub answers: Vec<Vec<Row>>,
}

/// What two voters agree on.
///
/// Rows must be the same. Where the ledger stands is the only thing in which truthful voters differ: of leaves and of
/// time the lesser counts. That is true of the ledger whichever of the two lies, since it never shrinks and its time
/// never runs back; so are the rows, since one of the two is truthful. A digest of which there is one witness only is
/// not passed on.
///
/// # Errors
/// [`Differs`].
pub fn agree(a: &Attested, b: &Attested) -> Result<Agreed, Differs> {
    let (one, other) = (&a.by, &b.by);
    if one.replica == other.replica || one.network == other.network || one.key == other.key {
        return Err(Differs::NotTwo);
    }
    let equally_far = a.meta.size == b.meta.size;
    let apart = match equally_far {
        true => Differs::Contradict,
        false => Differs::Behind,
    };
    let (least, most) = match a.meta.size <= b.meta.size {
        true => (&a.meta, &b.meta),
        false => (&b.meta, &a.meta),
    };
    let same = match equally_far {
        true => least == most,
        // One batch moves both.
        false => least.lineage == most.lineage && least.time <= most.time,
    };
    if !same || a.answers != b.answers {
        return Err(apart);
    }
    let mut meta = least.clone();
    if !equally_far {
        meta.digest = Hash([0; 32]);
    }
    Ok(Agreed {
        by: [one.replica, other.replica],
        meta,
        answers: a.answers.clone(),
    })
}

/// Of what several voters said there is nothing two agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// Ask again from this size on, for one may only have been behind. As far as all but the farthest are; of two, as
    /// far as the farther. One that lies about how far it is holds up nobody by that, while two others answer.
    pub ask_from: Option<u64>,
    /// Pairs that contradict each other at one size: one of each is wrong.
    pub contradict: Vec<[ReplicaId; 2]>,
}

/// What two of these agree on, with those that contradict it; or why there is nothing.
///
/// # Errors
/// [`Apart`].
pub fn settle(said: &[Attested]) -> Result<(Agreed, Vec<ReplicaId>), Apart> {
    let mut contradict = Vec::new();
    let mut behind = false;
    for (n, a) in said.iter().enumerate() {
        for b in said.iter().skip(n + 1) {
            match agree(a, b) {
                Ok(agreed) => {
                    let against = said.iter().filter(|c| {
                        let both = [agree(a, c), agree(b, c)];
                        both.contains(&Err(Differs::Contradict))
                    });
                    let against = against.map(|c| c.by.replica).collect();
                    return Ok((agreed, against));
                }
                Err(Differs::Contradict) => contradict.push([a.by.replica, b.by.replica]),
                Err(Differs::Behind) => behind = true,
                Err(Differs::NotTwo) => {}
            }
        }
    }
    let mut sizes: Vec<_> = said.iter().map(|said| said.meta.size).collect();
    sizes.sort_unstable();
    let farthest = sizes.pop();
    let ask_from = match sizes.len() {
        0 | 1 => farthest,
        _ => sizes.pop(),
    };
    Err(Apart {
        ask_from: ask_from.filter(|_| behind),
        contradict,
    })
}
