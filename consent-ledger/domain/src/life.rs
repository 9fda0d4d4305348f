//! What happens around a patient's consents: who speaks for them, what is posted, death, emergencies, disasters.

use crate::{
    AreaCode, Codes, Commitment, DisasterKind, EntryIndex, FacilityId, NetworkId, Pattern, Period,
    PractitionerId, ProxyKind, Purpose, SubjectId, TimeMs, Verdict,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub EntryIndex);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

index_id! {
    /// The proxy's id: the ledger index of the entry that registered it.
    ProxyId
}
index_id! {
    /// The notice's id: the ledger index of the entry that posted it.
    NoticeId
}
index_id! {
    /// The declaration's id: the ledger index of the entry that declared it.
    DisasterId
}
index_id! {
    /// The sealed reservation's id: the ledger index of the entry that sealed it.
    SealId
}

/// Somebody who speaks for a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// The network that knows it; the subject is that network's pseudonym.
    pub network: NetworkId,
    /// The patient.
    pub subject: SubjectId,
    /// As whom.
    pub kind: ProxyKind,
    /// When it holds. A parent's ends on a 1 April at 00:00 in Japan, on or before the child comes of age: an
    /// exact day would be a birth date. Only a guardian's may have no end.
    pub period: Period,
    /// The facility that was shown the evidence.
    pub recorded_by: FacilityId,
    /// Commitment to who it is and to what was shown.
    pub evidence: Commitment,
}

/// What a network posts where its patients read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub about: NoticeAbout,
    /// When it stands; not before the entry that posts it.
    pub period: Period,
    /// SHA-256 of the posted text.
    pub text_hash: crate::Hash,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeAbout {
    /// The purposes for which what is held there is used and provided.
    Purposes {
        /// At this facility; none: at every facility of the network.
        facility: Option<FacilityId>,
        /// The purposes; not empty, all of them resting on consent.
        purposes: Codes<Purpose>,
    },
    /// A facility has joined.
    Joining {
        /// The facility.
        facility: FacilityId,
    },
}

/// An officer's judgement of an access by break-glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The access request's index.
    pub access: EntryIndex,
    /// Who judges; not who asked.
    pub reviewer: PractitionerId,
    /// What they found.
    pub verdict: Verdict,
    /// Commitment to the reasons; the text stays with the network.
    pub evidence: Commitment,
}

impl Review {
    /// How long after the access a review is due: 72 hours (architecture §9).
    pub const DUE_MS: u64 = 72 * 60 * 60 * 1000;
}

/// A word to officers: one practitioner's accesses look unlike ordinary work. It accuses nobody, and changes no
/// decision. The ledger takes it only where the accesses it names show the pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityAlert {
    /// What they look like.
    pub pattern: Pattern,
    /// The network that asked.
    pub viewing: NetworkId,
    /// Its practitioner.
    pub practitioner: PractitionerId,
    /// The access requests' indices, ascending, 1 to [`SecurityAlert::ACCESSES_MAX`].
    pub accesses: Vec<EntryIndex>,
}

impl SecurityAlert {
    /// More than any pattern needs.
    pub const ACCESSES_MAX: usize = 64;
}

/// A declared disaster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disaster {
    /// What happened.
    pub kind: DisasterKind,
    /// Where: prefectures and municipalities of the authority, 1 to [`Disaster::AREAS_MAX`].
    pub area: BTreeSet<AreaCode>,
    /// When it holds; at most [`Disaster::PERIOD_MS_MAX`], extendable, ends by itself.
    pub from: TimeMs,
    /// First instant at which it no longer holds.
    pub until: TimeMs,
    /// Whether it is a drill.
    pub drill: bool,
}

impl Disaster {
    /// Every municipality of the largest prefecture, and then some.
    pub const AREAS_MAX: usize = 256;
    /// How long a declaration or an extension lasts at most: 7 days (architecture §9).
    pub const PERIOD_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;
}
