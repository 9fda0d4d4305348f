//! A network's own published rule of how consent is obtained there.

use crate::{Capture, Category, Codes, Hash, Scope, TimeMs, Withdrawal};
use serde::{Deserialize, Serialize};

/// A network's consent policy, one version. At least one side has a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentPolicy {
    /// From 1, each published version one more than the last.
    pub version: u32,
    /// The first instant it holds; not before the entry that publishes it.
    pub valid_from: TimeMs,
    /// SHA-256 of the published text.
    pub text_hash: Hash,
    /// How a patient lets documents out; none where the policy asks for no such act.
    pub disclosing: Option<Rule>,
    /// How a patient lets a facility see others' documents; none where the policy asks for no such act.
    pub viewing: Option<Rule>,
    /// Whether consents given under earlier versions no longer hold once this one does: a new system, a new
    /// organisation, and everybody is asked again.
    pub voids_earlier: bool,
    /// Which categories the network's own facilities may break the glass for among themselves; none: they may not.
    pub emergency: Option<Codes<Category>>,
}

/// One side's rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How far one consent reaches.
    pub scope: Scope,
    /// The ways of taking it that count; not empty.
    pub capture: Codes<Capture>,
    /// What happens to given consents when a facility joins.
    pub new_facility: NewFacility,
    /// The ways of withdrawing; not empty.
    pub withdrawal: Codes<Withdrawal>,
}

/// What a facility that joins after a consent was given may expect of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewFacility {
    /// It needs a consent of its own, taken this way.
    NeedsConsent(Capture),
    /// Consents given before never reach it.
    NotCovered,
    /// Consents given before reach it once a notice of its joining has stood for so many days, 1 to
    /// [`NewFacility::NOTICE_DAYS_MAX`].
    AfterNotice {
        /// Days from the notice's entry on.
        days: u16,
    },
    /// It needs the patient's card: a consent of its own, taken there by card.
    WhenCardPresented,
    /// It chooses among the rule's ways, and takes a consent of its own.
    FacilityChoice,
}

impl NewFacility {
    /// The longest notice a policy may ask for: a year.
    pub const NOTICE_DAYS_MAX: u16 = 366;
}
