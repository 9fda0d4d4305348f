//! What one patient gave (consent) and what one patient refused (reservation).

use crate::{
    AccessRequest, Capture, Category, Codes, Commitment, EntryIndex, FacilityId, Nature, NetworkId,
    Period, PractitionerId, ProxyId, Purpose, Side, SubjectId,
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
    /// Only these facilities at the other end, at most [`FacilitySelector::LISTED_MAX`]: on the disclosing side
    /// those that may look, on the viewing side those whose documents may be seen; none means any.
    pub counterpart: Option<BTreeSet<FacilityId>>,
    /// Only these practitioners may look, at most [`Consent::PRACTITIONERS_MAX`]; none means any.
    pub practitioners: Option<BTreeSet<PractitionerId>>,
    /// Only these categories; none means all.
    pub categories: Option<Codes<Category>>,
    /// Only these purposes; none means all that rest on consent.
    pub purposes: Option<Codes<Purpose>>,
    /// When it holds.
    pub period: Period,
    /// How it was taken.
    pub capture: Capture,
    /// The facility that took it.
    pub recorded_by: FacilityId,
    /// Who gave it for the patient; none: the patient. It holds as long as the proxy does.
    pub proxy: Option<ProxyId>,
    /// The version of the network's consent policy it was given under.
    pub policy_version: u32,
    /// Commitment to the evidence (the scanned form, the card's log); the evidence stays with the network.
    pub evidence: Commitment,
}

impl Consent {
    /// Practitioners one consent may name: a team, not a register.
    pub const PRACTITIONERS_MAX: usize = 64;

    /// How many facilities and practitioners it names, in all its lists.
    pub fn names(&self) -> usize {
        let listed = match &self.facilities {
            FacilitySelector::All => 0,
            FacilitySelector::Listed(set) => set.len(),
        };
        let counterpart = self.counterpart.as_ref().map_or(0, BTreeSet::len);
        let practitioners = self.practitioners.as_ref().map_or(0, BTreeSet::len);
        listed + counterpart + practitioners
    }
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
    pub categories: Option<Codes<Category>>,
    /// Only from use for these purposes; none means all, emergencies and disasters among them. So a patient says
    /// what an emergency may not open, or that it may open what is otherwise held back.
    pub purposes: Option<Codes<Purpose>>,
    /// When it holds.
    pub period: Period,
    /// The facility that took it.
    pub recorded_by: FacilityId,
    /// Who made it for the patient; none: the patient. It outlasts the proxy: what narrows stays.
    pub proxy: Option<ProxyId>,
}

impl Reservation {
    /// How many facilities it names as disclosing ones.
    pub fn names(&self) -> usize {
        self.disclosing_facilities.as_ref().map_or(0, BTreeSet::len)
    }

    /// Whether it is against such a request, at whatever time: against this viewer, and for this purpose. No
    /// reservation is against what a law asks.
    pub fn is_against(&self, request: &AccessRequest) -> bool {
        let viewer = match &self.viewer {
            ViewerSelector::Anyone => true,
            ViewerSelector::Network(network) => *network == request.viewing,
            ViewerSelector::Facility(facility) => *facility == request.facility,
            ViewerSelector::Practitioner(who) => *who == request.practitioner_id,
        };
        let purpose = request.purpose;
        viewer
            && purpose.nature() != Nature::Law
            && self.purposes.is_none_or(|set| set.contains(&purpose))
    }
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
    /// One practitioner.
    Practitioner(PractitionerId),
}
