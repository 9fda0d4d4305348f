//! Versions of one thing over all files of a source: the greatest is in force, the others are superseded, and after one
//! that says that the thing no longer is, none is answered.
//!
//! Files are met in the order of their paths; of equal versions the one met last counts, so that the outcome does not
//! depend on when a file was found.

use super::Facts;
use sekisho_documents::{Availability, Member, Part};
use sekisho_domain::FacilityId;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Most documents of one source, in all its files: some 100 bytes of memory each while it is read.
pub(crate) const MEMBERS_MAX: usize = 4_000_000;

/// What becomes of a document among the other versions of the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Answered(Availability),
    Deleted,
}

/// Which version a document is: its own number, then where it was met.
type Rank = (u64, u32, u64);

#[derive(Debug)]
struct Newest {
    rank: Rank,
    /// The newest version that says that it no longer is.
    ended: Option<Rank>,
}

/// The newest version of each thing met.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    newest: BTreeMap<[u8; 16], Newest>,
}

impl Versions {
    /// Takes a document in; false once there are more than [`MEMBERS_MAX`].
    pub fn take(&mut self, member: &Member, file: u32) -> bool {
        let rank = rank(member, file);
        let ended = member.ends.then_some(rank);
        if let Some(held) = self.newest.get_mut(&member.series) {
            held.rank = held.rank.max(rank);
            held.ended = held.ended.max(ended);
            return true;
        }
        if self.newest.len() == MEMBERS_MAX {
            return false;
        }
        let newest = Newest { rank, ended };
        self.newest.insert(member.series, newest);
        true
    }

    /// What becomes of a document, as far as is known yet.
    pub fn standing(&self, member: &Member, file: u32) -> Standing {
        let rank = rank(member, file);
        match self.newest.get(&member.series) {
            _ if member.ends => Standing::Deleted,
            Some(newest) if newest.ended > Some(rank) => Standing::Deleted,
            Some(newest) if newest.rank > rank => Standing::Answered(Availability::Deprecated),
            _ => Standing::Answered(Availability::Approved),
        }
    }
}

fn rank(member: &Member, file: u32) -> Rank {
    (member.version, file, member.part.offset_bytes)
}

/// What a source remembers of a document.
pub(crate) fn member(facts: &Facts, facility: &FacilityId, part: Part) -> Member {
    let mut hasher = Sha256::new();
    let parts = [
        facility.as_str(),
        facts.patient.as_str(),
        facts.data_kind,
        &facts.series,
    ];
    for text in parts {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let mut series = [0; 16];
    series.copy_from_slice(&digest[..16]);
    Member {
        part,
        series,
        version: facts.version,
        ends: facts.ends,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(series: u8, version: u64, offset_bytes: u64, ends: bool) -> Member {
        Member {
            part: Part {
                offset_bytes,
                size_bytes: 1,
                head_bytes: 0,
            },
            series: [series; 16],
            version,
            ends,
        }
    }

    #[test]
    fn the_greatest_version_stands_wherever_it_lies() {
        use Standing::{Answered, Deleted};
        let approved = Answered(Availability::Approved);
        let deprecated = Answered(Availability::Deprecated);
        type Case<'a> = (&'a str, &'a [(Member, u32)], &'a [Standing]);
        let cases: &[Case<'_>] = &[
            ("one", &[(member(1, 5, 0, false), 0)], &[approved]),
            (
                "newer behind",
                &[(member(1, 5, 0, false), 0), (member(1, 6, 0, false), 1)],
                &[deprecated, approved],
            ),
            (
                "newer before",
                &[(member(1, 6, 0, false), 0), (member(1, 5, 0, false), 1)],
                &[approved, deprecated],
            ),
            (
                "equal: by file, then by place",
                &[
                    (member(1, 5, 9, false), 0),
                    (member(1, 5, 0, false), 1),
                    (member(1, 5, 4, false), 1),
                ],
                &[deprecated, deprecated, approved],
            ),
            (
                "ended",
                &[(member(1, 5, 0, false), 0), (member(1, 6, 0, true), 1)],
                &[Deleted, Deleted],
            ),
            (
                "begun again",
                &[
                    (member(1, 5, 0, false), 0),
                    (member(1, 6, 0, true), 1),
                    (member(1, 7, 0, false), 2),
                ],
                &[Deleted, Deleted, approved],
            ),
            (
                "others are others",
                &[(member(1, 5, 0, false), 0), (member(2, 6, 0, true), 1)],
                &[approved, Deleted],
            ),
        ];
        for (case, members, expected) in cases {
            let mut versions = Versions::default();
            for (member, file) in *members {
                assert!(versions.take(member, *file));
            }
            let standings: Vec<_> = members
                .iter()
                .map(|(member, file)| versions.standing(member, *file))
                .collect();
            assert_eq!(standings, *expected, "{case}");
        }
    }
}
