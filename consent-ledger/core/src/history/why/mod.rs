//! Why a decision was made, in the order of the checks.

mod asked;

use super::HistoryError;
use crate::store::StateRead;
use crate::view::View;
use asked::Asked;
use sekisho_domain::{
    AccessRequest, AgreementRef, AreaCode, Category, Codes, ConsentId, ConsentRule, Decision,
    DenyReason, DisasterId, DisasterKind, EntryIndex, FacilityId, FacilityKind, Nature, NetworkId,
    NoticeId, Period, Purpose, ReservationId, Rule, Side, SubjectRef, TimeMs,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One asked network's decision, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// The network.
    pub network: NetworkId,
    /// What was decided.
    pub decision: Decision,
    /// The checks, in their order.
    pub stages: Vec<Stage>,
}

/// Some of the checks that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Which.
    pub stage: StageKind,
    /// How they ended.
    pub standing: Standing,
    /// What they looked at.
    pub facts: Vec<Fact>,
}

/// Checks that belong together, in the published order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageKind {
    /// 1 and 2: members and facilities.
    Members,
    /// 3 to 12: agreements and grants.
    Agreements,
    /// 13 and 14: the declaration.
    Disaster,
    /// 15 and 16: the patient.
    Patient,
    /// 17 to 19: policies and notices.
    Policies,
    /// 20 to 30: consents.
    Consents,
    /// 31: reservations.
    Reservations,
}

impl StageKind {
    /// All, in their order.
    pub const ALL: [Self; 7] = [
        Self::Members,
        Self::Agreements,
        Self::Disaster,
        Self::Patient,
        Self::Policies,
        Self::Consents,
        Self::Reservations,
    ];

    /// To which a reason belongs.
    pub fn of(reason: DenyReason) -> Self {
        match reason.number() {
            ..=2 => Self::Members,
            3..=12 => Self::Agreements,
            13 | 14 => Self::Disaster,
            15 | 16 => Self::Patient,
            17..=19 => Self::Policies,
            20..=30 => Self::Consents,
            31.. => Self::Reservations,
        }
    }

    /// Whether what a request rests on asks for these checks.
    fn is_asked(self, nature: Nature, drill: bool) -> bool {
        match self {
            Self::Members | Self::Agreements | Self::Patient => true,
            Self::Disaster => nature == Nature::Disaster,
            Self::Policies | Self::Consents => nature == Nature::Ordinary || drill,
            Self::Reservations => nature != Nature::Law,
        }
    }
}

/// How checks ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing stood against it.
    Passed,
    /// This did.
    Failed(DenyReason),
    /// What the request rests on does not ask for them.
    NotNeeded,
    /// A check before them had failed.
    NotReached,
}

/// Something the checks looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "fact")]
pub enum Fact {
    /// A member, by which entries; by none: it founded the ledger.
    Member {
        /// The network.
        network: NetworkId,
        /// The entries.
        by: Vec<EntryIndex>,
    },
    /// The asking facility.
    Facility {
        /// Its code.
        facility: FacilityId,
        /// What kind of place it is.
        kind: FacilityKind,
        /// Its network.
        network: NetworkId,
        /// The entry that registered it.
        registered: EntryIndex,
        /// The entry by which it left.
        left: Option<EntryIndex>,
    },
    /// A network asks for its own documents: no agreement needed; in emergencies and disasters its policy's ceiling.
    Own {
        /// The ceiling.
        emergency: Option<Codes<Category>>,
    },
    /// An agreement between the two: the version that counted.
    Agreement {
        /// The agreement.
        agreement: AgreementRef,
        /// Who had signed this version, by which entry.
        signed: BTreeMap<NetworkId, EntryIndex>,
        /// Who had not.
        unsigned: BTreeSet<NetworkId>,
        /// When this version holds.
        valid: Period,
        /// The entry that suspended the agreement.
        suspended: Option<EntryIndex>,
        /// The entry that ended it.
        terminated: Option<EntryIndex>,
    },
    /// A grant in this direction, and what would have come of it alone.
    Grant {
        /// The agreement.
        agreement: AgreementRef,
        /// The grant's position in it, from 0.
        grant: u32,
        /// Which acts of consent it needs.
        rule: ConsentRule,
        /// What stood against it; none: it permits something.
        against: Option<DenyReason>,
    },
    /// The declaration the request names.
    Disaster {
        /// The declaration.
        declaration: DisasterId,
        /// By whom.
        authority: NetworkId,
        /// What happened.
        kind: DisasterKind,
        /// Where.
        area: BTreeSet<AreaCode>,
        /// From when.
        from: TimeMs,
        /// Until when, as last extended.
        until: TimeMs,
        /// Whether it is a drill.
        drill: bool,
        /// The entry that ended it early.
        ended: Option<EntryIndex>,
    },
    /// What was said about the patient being a patient of the network asked.
    Link {
        /// The patient, as the asking network knows them.
        own: SubjectRef,
        /// The other network's patient.
        other: SubjectRef,
        /// By whom, by which entry; it holds when both are here.
        said_by: BTreeMap<NetworkId, EntryIndex>,
    },
    /// A record of the patient's death.
    Death {
        /// Whose.
        subject: SubjectRef,
        /// The entry.
        recorded: EntryIndex,
    },
    /// The consent policy that held, as far as one side goes.
    Policy {
        /// Whose.
        network: NetworkId,
        /// Which side.
        side: Side,
        /// Its version.
        version: u32,
        /// Since when.
        effective_from: TimeMs,
        /// What it asks for; none: no such act.
        rule: Option<Rule>,
    },
    /// A notice of purposes of use that stood.
    Notice {
        /// The notice.
        notice: NoticeId,
        /// Whose.
        network: NetworkId,
        /// At which facility; none: at every.
        facility: Option<FacilityId>,
        /// The purposes.
        purposes: Codes<Purpose>,
    },
    /// An act of consent, and what would have come of it alone on its side.
    Consent {
        /// The consent.
        consent: ConsentId,
        /// Whose.
        subject: SubjectRef,
        /// On which side.
        side: Side,
        /// The policy version it was given under.
        policy_version: u32,
        /// When it holds.
        period: Period,
        /// The entry that withdrew it.
        withdrawn: Option<EntryIndex>,
        /// What stood against it; none: it suffices on its side.
        against: Option<DenyReason>,
    },
    /// A reservation that stood.
    Reservation {
        /// The reservation.
        reservation: ReservationId,
        /// Whose.
        subject: SubjectRef,
        /// Whether it took anything from what would have been permitted without any.
        narrows: bool,
    },
}

/// Explains what was decided for each network a request asked, over the state it was decided in. The decisions are
/// made anew; they are those of the leaf wherever the state is the one before it.
///
/// # Errors
/// The state cannot be read.
pub fn why<S: StateRead>(
    view: View<'_, S>,
    request: &AccessRequest,
    time: TimeMs,
) -> Result<Vec<Why>, HistoryError<S::Error>> {
    let mut all = Vec::new();
    for target in &request.targets {
        let one = AccessRequest {
            targets: [target.clone()].into(),
            ..request.clone()
        };
        all.push(Asked::at(view, &one, target, time)?.explained()?);
    }
    Ok(all)
}
