//! A network's own published rule of how consent is obtained there.

use crate::{Capture, Hash, Scope, TimeMs, Withdrawal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
}

/// One side's rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// How far one consent reaches.
    pub scope: Scope,
    /// The ways of taking it that count; not empty.
    pub capture: BTreeSet<Capture>,
    /// What happens to given consents when a facility joins.
    pub new_facility: NewFacility,
    /// The ways of withdrawing; not empty.
    pub withdrawal: BTreeSet<Withdrawal>,
}

/// What a facility that joins after a consent was given may expect of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewFacility {
    /// It needs a consent of its own, taken this way.
    NeedsConsent(Capture),
    /// Consents given before never reach it.
    NotCovered,
}
