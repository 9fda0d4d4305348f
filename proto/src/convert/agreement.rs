//! Agreements.

use super::{bounded, numbers, required, some_codes};
use crate::v1;
use sekisho_domain::{
    Agreement, AgreementRef, Category, ConsentRule, DomainError, FacilityKind, Grant, Purpose,
    Retention, Role, Settlement,
};
use std::collections::BTreeSet;

impl From<&Agreement> for v1::Agreement {
    fn from(a: &Agreement) -> Self {
        Self {
            id: a.id.to_string(),
            version: a.version,
            parties: a.parties.iter().map(ToString::to_string).collect(),
            grants: a.grants.iter().map(Into::into).collect(),
            valid: Some(a.valid.into()),
            text_hash: a.text_hash.0.to_vec(),
            retention: Some(a.retention.into()),
            settlement: a.settlement.number().into(),
        }
    }
}

impl TryFrom<v1::Agreement> for Agreement {
    type Error = DomainError;
    fn try_from(a: v1::Agreement) -> Result<Self, DomainError> {
        bounded(&a.parties, Self::PARTIES_MAX, "the parties of an agreement")?;
        bounded(&a.grants, Self::GRANTS_MAX, "the grants of an agreement")?;
        let parties = a
            .parties
            .iter()
            .map(|p| p.parse())
            .collect::<Result<BTreeSet<_>, _>>()?;
        if parties.len() < 2 {
            return Err(DomainError::Invalid(
                "an agreement needs at least two parties",
            ));
        }
        let grants = a
            .grants
            .into_iter()
            .map(Grant::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        if grants.is_empty() {
            return Err(DomainError::Missing("a grant"));
        }
        for grant in &grants {
            if grant.disclosing == grant.viewing
                || !parties.contains(&grant.disclosing)
                || !parties.contains(&grant.viewing)
            {
                return Err(DomainError::Invalid(
                    "a grant must be between two different parties of its agreement",
                ));
            }
        }
        Ok(Self {
            id: a.id.parse()?,
            version: a.version,
            parties,
            grants,
            valid: required(a.valid, "the agreement's period")?.try_into()?,
            text_hash: a.text_hash.as_slice().try_into()?,
            retention: required(a.retention, "how long copies are kept")?.try_into()?,
            settlement: Settlement::from_number(a.settlement.into())?,
        })
    }
}

impl From<Retention> for v1::Retention {
    fn from(retention: Retention) -> Self {
        use v1::retention::Retention as Wire;
        Self {
            retention: Some(match retention {
                Retention::NotKept => Wire::NotKept(v1::Everything {}),
                Retention::Days(days) => Wire::Days(days),
                Retention::AsOwnRecord => Wire::AsOwnRecord(v1::Everything {}),
            }),
        }
    }
}

impl TryFrom<v1::Retention> for Retention {
    type Error = DomainError;
    fn try_from(retention: v1::Retention) -> Result<Self, DomainError> {
        use v1::retention::Retention as Wire;
        match required(retention.retention, "how long copies are kept")? {
            Wire::NotKept(_) => Ok(Self::NotKept),
            Wire::AsOwnRecord(_) => Ok(Self::AsOwnRecord),
            Wire::Days(days @ 1..=Self::DAYS_MAX) => Ok(Self::Days(days)),
            Wire::Days(_) => Err(DomainError::Invalid(
                "copies are kept for 1 to 36525 days, or not, or as one's own record",
            )),
        }
    }
}

impl From<&Grant> for v1::Grant {
    fn from(g: &Grant) -> Self {
        Self {
            disclosing: g.disclosing.to_string(),
            viewing: g.viewing.to_string(),
            categories: numbers!(g.categories),
            purposes: numbers!(g.purposes),
            facility_kinds: numbers!(g.facility_kinds),
            roles: numbers!(g.roles),
            consent_rule: g.consent_rule.number().into(),
            valid: Some(g.valid.into()),
        }
    }
}

impl TryFrom<v1::Grant> for Grant {
    type Error = DomainError;
    fn try_from(g: v1::Grant) -> Result<Self, DomainError> {
        let grant = Self {
            disclosing: g.disclosing.parse()?,
            viewing: g.viewing.parse()?,
            categories: some_codes(
                &g.categories,
                Category::from_number,
                "the grant's categories",
            )?,
            purposes: some_codes(&g.purposes, Purpose::from_number, "the grant's purposes")?,
            facility_kinds: some_codes(
                &g.facility_kinds,
                FacilityKind::from_number,
                "the grant's facility kinds",
            )?,
            roles: some_codes(&g.roles, Role::from_number, "the grant's roles")?,
            consent_rule: ConsentRule::from_number(g.consent_rule.into())?,
            valid: required(g.valid, "the grant's period")?.try_into()?,
        };
        grant.check()?;
        Ok(grant)
    }
}

impl From<&AgreementRef> for v1::AgreementRef {
    fn from(a: &AgreementRef) -> Self {
        Self {
            id: a.id.to_string(),
            version: a.version,
        }
    }
}

impl TryFrom<v1::AgreementRef> for AgreementRef {
    type Error = DomainError;
    fn try_from(a: v1::AgreementRef) -> Result<Self, DomainError> {
        Ok(Self {
            id: a.id.parse()?,
            version: a.version,
        })
    }
}
