//! Access requests and transfers.

use super::{bounded, categories_in, categories_out, required};
use crate::v1;
use sekisho_domain::{
    AccessRequest, Action, DisasterConsent, DisasterId, DomainError, EmergencyReason, EntryIndex,
    Grounds, LegalBasis, Purpose, Role, Transfer,
};
use std::collections::BTreeSet;

impl From<&AccessRequest> for v1::AccessRequest {
    fn from(r: &AccessRequest) -> Self {
        Self {
            viewing: r.viewing.to_string(),
            facility: r.facility.to_string(),
            role: r.role.number().into(),
            practitioner: r.practitioner.0.to_vec(),
            purpose: r.purpose.number().into(),
            subject: r.subject.0.to_vec(),
            action: r.action.number().into(),
            document: r.document.map(|d| d.0.to_vec()),
            categories: categories_out(r.categories.as_ref()),
            targets: r.targets.iter().map(ToString::to_string).collect(),
            practitioner_id: r.practitioner_id.0.to_vec(),
            grounds: Some(r.grounds.into()),
        }
    }
}

impl From<Grounds> for v1::access_request::Grounds {
    fn from(grounds: Grounds) -> Self {
        match grounds {
            Grounds::Ordinary => Self::Ordinary(v1::Everything {}),
            Grounds::Emergency(reason) => Self::Emergency(reason.number().into()),
            Grounds::Disaster {
                declaration,
                consent,
            } => Self::Disaster(v1::DisasterGrounds {
                declaration: declaration.0.0,
                consent: consent.number().into(),
            }),
            Grounds::Law(basis) => Self::Law(basis.number().into()),
        }
    }
}

impl TryFrom<v1::access_request::Grounds> for Grounds {
    type Error = DomainError;
    fn try_from(grounds: v1::access_request::Grounds) -> Result<Self, DomainError> {
        use v1::access_request::Grounds as Wire;
        Ok(match grounds {
            Wire::Ordinary(_) => Self::Ordinary,
            Wire::Emergency(reason) => {
                Self::Emergency(EmergencyReason::from_number(reason.into())?)
            }
            Wire::Disaster(d) => Self::Disaster {
                declaration: DisasterId(EntryIndex(d.declaration)),
                consent: DisasterConsent::from_number(d.consent.into())?,
            },
            Wire::Law(basis) => Self::Law(LegalBasis::from_number(basis.into())?),
        })
    }
}

impl TryFrom<v1::AccessRequest> for AccessRequest {
    type Error = DomainError;
    fn try_from(r: v1::AccessRequest) -> Result<Self, DomainError> {
        bounded(&r.targets, Self::TARGETS_MAX, "the networks asked")?;
        let targets = r
            .targets
            .iter()
            .map(|t| t.parse())
            .collect::<Result<BTreeSet<_>, _>>()?;
        if targets.is_empty() {
            return Err(DomainError::Missing("a network to ask"));
        }
        let action = Action::from_number(r.action.into())?;
        let document = r.document.map(|d| d.as_slice().try_into()).transpose()?;
        match (action, document.is_some(), targets.len()) {
            (Action::FindDocuments | Action::FindPatients, false, _)
            | (Action::RetrieveDocument, true, 1) => {}
            (Action::FindDocuments | Action::FindPatients, ..) => {
                return Err(DomainError::Invalid(
                    "a request to find documents or patients names no document",
                ));
            }
            (Action::RetrieveDocument, ..) => {
                return Err(DomainError::Invalid(
                    "a request to retrieve names one document of one network",
                ));
            }
        }
        let request = Self {
            viewing: r.viewing.parse()?,
            facility: r.facility.parse()?,
            role: Role::from_number(r.role.into())?,
            practitioner: r.practitioner.as_slice().try_into()?,
            purpose: Purpose::from_number(r.purpose.into())?,
            subject: r.subject.as_slice().try_into()?,
            action,
            document,
            categories: categories_in(r.categories)?,
            targets,
            practitioner_id: r.practitioner_id.as_slice().try_into()?,
            grounds: required(r.grounds, "the request's grounds")?.try_into()?,
        };
        request.check()?;
        Ok(request)
    }
}

impl From<&Transfer> for v1::Transfer {
    fn from(t: &Transfer) -> Self {
        Self {
            access: t.access.0,
            disclosing: t.disclosing.to_string(),
            document: t.document.0.to_vec(),
            content: t.content.0.to_vec(),
        }
    }
}

impl TryFrom<v1::Transfer> for Transfer {
    type Error = DomainError;
    fn try_from(t: v1::Transfer) -> Result<Self, DomainError> {
        Ok(Self {
            access: EntryIndex(t.access),
            disclosing: t.disclosing.parse()?,
            document: t.document.as_slice().try_into()?,
            content: t.content.as_slice().try_into()?,
        })
    }
}
