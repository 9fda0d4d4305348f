//! What one patient gave (consent) and what one patient refused (reservation).

use crate::{
    Capture, Category, Commitment, EntryIndex, FacilityId, NetworkId, Period, Purpose, Side,
    SubjectId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The consent's id: the ledger index of the entry that granted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsentId(pub EntryIndex);

impl fmt::Display for ConsentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The reservation's id: the ledger index of the entry that set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReservationId(pub EntryIndex);

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A consent as it is granted: one subject of one network, one side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The network that took it; the subject is that network's pseudonym.
    pub network: NetworkId,
    /// The patient.
    pub subject: SubjectId,
    /// Letting documents out, or seeing others'.
    pub side: Side,
    /// The facilities of `network` it reaches: on the disclosing side those whose documents may leave,
    /// on the viewing side those that may look.
    pub facilities: FacilitySelector,
    /// Only these categories; none means all.
    pub categories: Option<BTreeSet<Category>>,
    /// Only these purposes; none means all.
    pub purposes: Option<BTreeSet<Purpose>>,
    /// When it holds.
    pub period: Period,
    /// How it was taken.
    pub capture: Capture,
    /// The facility that took it.
    pub recorded_by: FacilityId,
    /// The version of the network's consent policy it was given under.
    pub policy_version: u32,
    /// Commitment to the evidence (the scanned form, the card's log); the evidence stays with the network.
    pub evidence: Commitment,
}

/// Which facilities of the consent's own network a consent reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FacilitySelector {
    /// All of them, as far as the policy's rule on new facilities allows.
    All,
    /// These; at most [`FacilitySelector::LISTED_MAX`].
    Listed(BTreeSet<FacilityId>),
}

impl FacilitySelector {
    /// The longest list one consent may carry: more than any of the surveyed networks' lists, and small
    /// enough that a consent stays within the 16 KiB body.
    pub const LISTED_MAX: usize = 256;
}

/// What one patient refused. Always wins over a consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The network that took it; the subject is that network's pseudonym.
    pub network: NetworkId,
    /// The patient.
    pub subject: SubjectId,
    /// Who may not look.
    pub viewer: ViewerSelector,
    /// Only documents of these facilities are held back; none means of all.
    pub disclosing_facilities: Option<BTreeSet<FacilityId>>,
    /// Only these categories are held back; none means all.
    pub categories: Option<BTreeSet<Category>>,
    /// When it holds.
    pub period: Period,
    /// The facility that took it.
    pub recorded_by: FacilityId,
}

/// Whom a reservation keeps out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewerSelector {
    /// Everybody.
    Anyone,
    /// Everybody of one network.
    Network(NetworkId),
    /// One facility.
    Facility(FacilityId),
}
