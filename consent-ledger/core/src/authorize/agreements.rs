//! Checks 3 to 12: which grants allow this direction, purpose, place, profession and category.

use super::{Asking, further};
use crate::record::{AgreementHead, AgreementVersion, CoreError};
use crate::store::StateRead;
use crate::view::View;
use sekisho_domain::{
    AgreementId, AgreementRef, Category, ConsentRule, Denial, DenyReason, Grant, TimeMs,
};
use std::collections::BTreeSet;

/// A grant that would allow something if the patient consented; or a network asking for its own documents.
pub(super) struct Candidate {
    /// The agreement and the grant's position; none for a network's own documents.
    pub grant: Option<(AgreementRef, u32)>,
    /// The categories asked for that it allows.
    pub categories: BTreeSet<Category>,
    /// Which consents it needs; none: those the network's own policy asks for.
    pub rule: Option<ConsentRule>,
    /// Its end, or that of its agreement.
    pub until: Option<TimeMs>,
}

impl Candidate {
    pub fn agreement(&self) -> Option<AgreementRef> {
        self.grant.as_ref().map(|(agreement, _)| agreement.clone())
    }
}

type Found = Result<Vec<Candidate>, Denial>;

pub(super) fn candidates<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
) -> Result<Found, CoreError<S::Error>> {
    if *asking.target == asking.request.viewing {
        let categories = asking.categories(&Category::ALL.iter().copied().collect());
        return Ok(Ok(vec![Candidate {
            grant: None,
            categories,
            rule: None,
            until: None,
        }]));
    }
    let mut found = Vec::new();
    let mut furthest = None;
    for id in view.agreements_of(asking.target, &asking.request.viewing)? {
        match current(view, &id, asking.time)? {
            Err(denial) => further(&mut furthest, denial),
            Ok(version) => collect(&version, asking, &mut found, &mut furthest),
        }
    }
    if found.is_empty() {
        Ok(Err(furthest.unwrap_or(Denial {
            reason: DenyReason::NoAgreement,
            agreement: None,
        })))
    } else {
        Ok(Ok(found))
    }
}

/// The version of an agreement that holds now: the highest one signed by all that has begun.
fn current<S: StateRead>(
    view: View<'_, S>,
    id: &AgreementId,
    time: TimeMs,
) -> Result<Result<AgreementVersion, Denial>, CoreError<S::Error>> {
    let head = view
        .agreement_head(id)?
        .map_or_else(AgreementHead::default, |r| r.value);
    let deny = |reason, version| {
        Ok(Err(Denial {
            reason,
            agreement: Some(AgreementRef {
                id: id.clone(),
                version,
            }),
        }))
    };
    let Some(last_signed) = head.signed.last().copied() else {
        return deny(DenyReason::AgreementNotSigned, head.latest);
    };
    if head.suspended.is_some() || head.terminated.is_some() {
        return deny(DenyReason::AgreementSuspended, last_signed);
    }
    for version in head.signed.iter().rev() {
        let Some(record) = view.agreement(id, *version)? else {
            continue;
        };
        let valid = record.value.agreement.valid;
        if valid.from <= time {
            let ended = valid.has_ended(time);
            return if ended {
                deny(DenyReason::AgreementNotInPeriod, *version)
            } else {
                Ok(Ok(record.value))
            };
        }
    }
    deny(DenyReason::AgreementNotInPeriod, last_signed)
}

fn collect(
    version: &AgreementVersion,
    asking: &Asking<'_>,
    found: &mut Vec<Candidate>,
    furthest: &mut Option<Denial>,
) {
    let agreement = &version.agreement;
    let reference = AgreementRef {
        id: agreement.id.clone(),
        version: agreement.version,
    };
    let mut deny = |reason| {
        further(
            furthest,
            Denial {
                reason,
                agreement: Some(reference.clone()),
            },
        )
    };
    deny(DenyReason::DirectionNotGranted);
    for (position, grant) in (0u32..).zip(&agreement.grants) {
        if grant.disclosing != *asking.target || grant.viewing != asking.request.viewing {
            continue;
        }
        match allows(grant, asking) {
            Err(reason) => deny(reason),
            Ok(categories) => found.push(Candidate {
                grant: Some((reference.clone(), position)),
                categories,
                rule: Some(grant.consent_rule),
                until: [grant.valid.until, agreement.valid.until]
                    .into_iter()
                    .flatten()
                    .min(),
            }),
        }
    }
}

fn allows(grant: &Grant, asking: &Asking<'_>) -> Result<BTreeSet<Category>, DenyReason> {
    let check = |ok: bool, reason| if ok { Ok(()) } else { Err(reason) };
    check(
        grant.valid.contains(asking.time),
        DenyReason::GrantNotInPeriod,
    )?;
    check(
        grant.purposes.contains(&asking.request.purpose),
        DenyReason::PurposeNotGranted,
    )?;
    check(
        grant.facility_kinds.contains(&asking.kind),
        DenyReason::FacilityKindNotGranted,
    )?;
    check(
        grant.roles.contains(&asking.request.role),
        DenyReason::RoleNotGranted,
    )?;
    let categories = asking.categories(&grant.categories);
    check(!categories.is_empty(), DenyReason::CategoryNotGranted)?;
    Ok(categories)
}
