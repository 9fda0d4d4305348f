//! What two or more networks signed.

use crate::{
    AgreementId, Category, Codes, ConsentRule, DomainError, FacilityKind, Hash, Nature, NetworkId,
    Period, Purpose, Role, Settlement,
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
    /// How long the viewing side keeps what it got.
    pub retention: Retention,
    /// Who bears the cost of answering.
    pub settlement: Settlement,
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

/// How long the viewing side keeps what it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// Shown, not kept.
    NotKept,
    /// At most so many days, 1 to [`Retention::DAYS_MAX`].
    Days(u32),
    /// As part of its own medical record, as long as the law asks.
    AsOwnRecord,
}

impl Retention {
    /// A hundred years.
    pub const DAYS_MAX: u32 = 36_525;
}

/// One direction of an agreement: `viewing` may see documents of `disclosing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose documents.
    pub disclosing: NetworkId,
    /// Who may see them.
    pub viewing: NetworkId,
    /// Which kinds of information; not empty.
    pub categories: Codes<Category>,
    /// For which purposes; not empty.
    pub purposes: Codes<Purpose>,
    /// Asked from which kinds of facility; not empty.
    pub facility_kinds: Codes<FacilityKind>,
    /// Asked by which professions; not empty.
    pub roles: Codes<Role>,
    /// Which acts of consent it needs.
    pub consent_rule: ConsentRule,
    /// When it holds, within the agreement's own period.
    pub valid: Period,
}

impl Grant {
    /// Who may break the glass: physicians and paramedics (architecture §9).
    pub const BREAK_GLASS_ROLES: [Role; 2] = [Role::Physician, Role::Paramedic];

    /// Whether its purposes and its rule of consent fit each other: purposes that rest on consent need a rule,
    /// those that do not have [`ConsentRule::NotNeeded`], and no grant mixes the two; and only a physician or a
    /// paramedic breaks the glass.
    ///
    /// # Errors
    /// [`DomainError::Invalid`].
    pub fn check(&self) -> Result<(), DomainError> {
        let ordinary = |purpose: Purpose| purpose.nature() == Nature::Ordinary;
        let consented = self.consent_rule != ConsentRule::NotNeeded;
        if self.purposes.iter().any(|p| ordinary(p) != consented) {
            return Err(DomainError::Invalid(
                "a grant is either for purposes that rest on consent, with a consent rule, or for others, with the rule not-needed",
            ));
        }
        let may = Codes::from(Self::BREAK_GLASS_ROLES);
        if self.purposes.contains(&Purpose::BreakGlass) && !self.roles.is_subset(&may) {
            return Err(DomainError::Invalid(
                "only a physician or a paramedic may break the glass: the grant's roles name others",
            ));
        }
        Ok(())
    }
}
