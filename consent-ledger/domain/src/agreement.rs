//! What two or more networks signed.

use crate::{
    AgreementId, Category, ConsentRule, FacilityKind, Hash, NetworkId, Period, Purpose, Role,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One version of an agreement. In force when every party's governance key has signed this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The same for all versions.
    pub id: AgreementId,
    /// From 1, each version one more than the last.
    pub version: u32,
    /// Two or more networks, at most [`Agreement::PARTIES_MAX`].
    pub parties: BTreeSet<NetworkId>,
    /// What is allowed, direction by direction; 1 to [`Agreement::GRANTS_MAX`].
    pub grants: Vec<Grant>,
    /// When it holds.
    pub valid: Period,
    /// SHA-256 of the text people signed.
    pub text_hash: Hash,
}

impl Agreement {
    /// More than the largest federation the surveys know of.
    pub const PARTIES_MAX: usize = 64;
    /// A grant for each ordered pair of an eight-party agreement.
    pub const GRANTS_MAX: usize = 64;
}

/// One direction of an agreement: `viewing` may see documents of `disclosing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose documents.
    pub disclosing: NetworkId,
    /// Who may see them.
    pub viewing: NetworkId,
    /// Which kinds of information; not empty.
    pub categories: BTreeSet<Category>,
    /// For which purposes; not empty.
    pub purposes: BTreeSet<Purpose>,
    /// Asked from which kinds of facility; not empty.
    pub facility_kinds: BTreeSet<FacilityKind>,
    /// Asked by which professions; not empty.
    pub roles: BTreeSet<Role>,
    /// Which acts of consent it needs.
    pub consent_rule: ConsentRule,
    /// When it holds, within the agreement's own period.
    pub valid: Period,
}
