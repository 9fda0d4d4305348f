//! Consent policies.

use super::{categories_in, categories_out, numbers, required, some_codes};
use crate::v1;
use sekisho_domain::{
    Capture, ConsentPolicy, DomainError, NewFacility, Rule, Scope, TimeMs, Withdrawal,
};

impl From<&ConsentPolicy> for v1::ConsentPolicy {
    fn from(p: &ConsentPolicy) -> Self {
        Self {
            version: p.version,
            valid_from_ms: p.valid_from.0,
            text_hash: p.text_hash.0.to_vec(),
            disclosing: p.disclosing.as_ref().map(Into::into),
            viewing: p.viewing.as_ref().map(Into::into),
            voids_earlier: p.voids_earlier,
            emergency: categories_out(p.emergency.as_ref()),
        }
    }
}

impl TryFrom<v1::ConsentPolicy> for ConsentPolicy {
    type Error = DomainError;
    fn try_from(p: v1::ConsentPolicy) -> Result<Self, DomainError> {
        if p.disclosing.is_none() && p.viewing.is_none() {
            return Err(DomainError::Missing("a rule for at least one side"));
        }
        Ok(Self {
            version: p.version,
            valid_from: TimeMs(p.valid_from_ms),
            text_hash: p.text_hash.as_slice().try_into()?,
            disclosing: p.disclosing.map(TryInto::try_into).transpose()?,
            viewing: p.viewing.map(TryInto::try_into).transpose()?,
            voids_earlier: p.voids_earlier,
            emergency: categories_in(p.emergency)?,
        })
    }
}

impl From<&Rule> for v1::Rule {
    fn from(r: &Rule) -> Self {
        use v1::new_facility::Rule as New;
        Self {
            scope: r.scope.number().into(),
            capture: numbers!(r.capture),
            new_facility: Some(v1::NewFacility {
                rule: Some(match r.new_facility {
                    NewFacility::NeedsConsent(capture) => {
                        New::NeedsConsent(capture.number().into())
                    }
                    NewFacility::NotCovered => New::NotCovered(v1::Everything {}),
                    NewFacility::AfterNotice { days } => New::AfterNoticeDays(days.into()),
                    NewFacility::WhenCardPresented => New::WhenCardPresented(v1::Everything {}),
                    NewFacility::FacilityChoice => New::FacilityChoice(v1::Everything {}),
                }),
            }),
            withdrawal: numbers!(r.withdrawal),
        }
    }
}

impl TryFrom<v1::Rule> for Rule {
    type Error = DomainError;
    fn try_from(r: v1::Rule) -> Result<Self, DomainError> {
        use v1::new_facility::Rule as New;
        Ok(Self {
            scope: Scope::from_number(r.scope.into())?,
            capture: some_codes(
                &r.capture,
                Capture::from_number,
                "the ways of taking consent",
            )?,
            new_facility: match required(
                r.new_facility.and_then(|n| n.rule),
                "the rule on new facilities",
            )? {
                New::NeedsConsent(capture) => {
                    NewFacility::NeedsConsent(Capture::from_number(capture.into())?)
                }
                New::NotCovered(_) => NewFacility::NotCovered,
                New::AfterNoticeDays(days) => {
                    let days = u16::try_from(days).unwrap_or_default();
                    if !(1..=NewFacility::NOTICE_DAYS_MAX).contains(&days) {
                        return Err(DomainError::Invalid(
                            "a notice of a new facility stands for 1 to 366 days",
                        ));
                    }
                    NewFacility::AfterNotice { days }
                }
                New::WhenCardPresented(_) => NewFacility::WhenCardPresented,
                New::FacilityChoice(_) => NewFacility::FacilityChoice,
            },
            withdrawal: some_codes(
                &r.withdrawal,
                Withdrawal::from_number,
                "the ways of withdrawal",
            )?,
        })
    }
}
