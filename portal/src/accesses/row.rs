//! What a list shows of an access.

use sekisho_domain::{
    AccessRequest, Action, Decision, DenyReason, EntryIndex, FacilityId, Footing, Grounds,
    NetworkId, PractitionerId, Purpose, Role, SubjectId, TimeMs,
};
use serde::{Deserialize, Serialize};

/// One access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its ledger index.
    pub index: EntryIndex,
    /// When it was decided.
    pub time: TimeMs,
    /// Who asked: the network,
    pub viewing: NetworkId,
    /// its facility,
    pub facility: FacilityId,
    /// in which profession,
    pub role: Role,
    /// and who, by the viewing network's pseudonym.
    pub practitioner: PractitionerId,
    /// What for.
    pub purpose: Purpose,
    /// On what grounds.
    pub grounds: Grounds,
    /// What was asked for.
    pub action: Action,
    /// The patient, by the viewing network's pseudonym.
    pub subject: SubjectId,
    /// Each asked network, in the order of their ids.
    pub targets: Vec<Target>,
    /// The last release under it.
    pub release: Option<EntryIndex>,
    /// The last receipt under it.
    pub receipt: Option<EntryIndex>,
}

/// One asked network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Which.
    pub network: NetworkId,
    /// What the ledger decided.
    pub decided: Decided,
}

/// A decision without its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decided {
    /// On this footing; the patient by the asked network's pseudonym.
    Permitted(Footing, SubjectId),
    /// For this reason.
    Denied(DenyReason),
}

impl Row {
    /// The row of a request just decided.
    pub(super) fn of(
        index: EntryIndex,
        time: TimeMs,
        request: &AccessRequest,
        decisions: &[(NetworkId, Decision)],
    ) -> Self {
        let target = |(network, decision): &(NetworkId, Decision)| Target {
            network: network.clone(),
            decided: match decision {
                Decision::Permit(terms) => Decided::Permitted(terms.footing, terms.subject),
                Decision::Deny(denial) => Decided::Denied(denial.reason),
            },
        };
        Self {
            index,
            time,
            viewing: request.viewing.clone(),
            facility: request.facility.clone(),
            role: request.role,
            practitioner: request.practitioner_id,
            purpose: request.purpose,
            grounds: request.grounds,
            action: request.action,
            subject: request.subject,
            targets: decisions.iter().map(target).collect(),
            release: None,
            receipt: None,
        }
    }

    /// Whether any asked network may answer.
    pub fn is_permitted(&self) -> bool {
        self.permitted() > 0
    }

    /// How many may.
    pub fn permitted(&self) -> usize {
        let targets = self.targets.iter();
        targets
            .filter(|t| matches!(t.decided, Decided::Permitted(..)))
            .count()
    }

    /// The patient it is about, by the pseudonym of each network that has one for them here. A search for a patient
    /// names nobody in the networks it asks.
    pub(super) fn subjects(&self) -> Vec<(&NetworkId, SubjectId)> {
        let mut all = vec![(&self.viewing, self.subject)];
        if self.action != Action::FindPatients {
            all.extend(self.targets.iter().filter_map(|t| match t.decided {
                Decided::Permitted(_, subject) => Some((&t.network, subject)),
                Decided::Denied(_) => None,
            }));
        }
        all
    }
}
