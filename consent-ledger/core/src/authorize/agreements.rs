//! Checks 3 to 12: which grants allow this direction, purpose, place, profession and category.

use super::{Asking, further};
use crate::record::{AgreementVersion, CoreError};
use crate::store::StateRead;
use crate::view::{Between, View};
use sekisho_domain::{
    AgreementRef, Category, Codes, ConsentRule, Denial, DenyReason, Grant, Nature, TimeMs,
};

/// A grant that would allow something if the patient consented; or a network asking for its own documents.
pub(super) struct Candidate {
    /// The agreement and the grant's position; none for a network's own documents.
    pub grant: Option<(AgreementRef, u32)>,
    /// The categories asked for that it allows.
    pub categories: Codes<Category>,
    /// Which consents it needs; none: those the network's own policy asks for.
    pub rule: Option<ConsentRule>,
    /// Its end, or that of its agreement's version.
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
    if asking.is_own() {
        return own(view, asking);
    }
    let mut found = Vec::new();
    let mut furthest = None;
    for agreement in view.between(asking.target, &asking.request.viewing)?.iter() {
        match standing(view, agreement, asking) {
            Standing::InForce(version, until) => {
                collect(version, until, asking, &mut found, &mut furthest);
            }
            Standing::Not(reason, version) => {
                let id = agreement.id.clone();
                let agreement = Some(AgreementRef { id, version });
                further(&mut furthest, Denial { reason, agreement });
            }
            Standing::NotBetweenThem => {}
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

/// A network asking for its own documents needs no agreement. What does not rest on consent needs the ceiling its
/// own policy sets for emergencies; what a law asks of a network for its own documents is between the two.
fn own<S: StateRead>(view: View<'_, S>, asking: &Asking<'_>) -> Result<Found, CoreError<S::Error>> {
    let deny = |reason| {
        Ok(Err(Denial {
            reason,
            agreement: None,
        }))
    };
    let (ceiling, until) = match asking.request.purpose.nature() {
        Nature::Ordinary => (Some(Codes::all()), None),
        Nature::Law => (None, None),
        Nature::BreakGlass | Nature::Disaster => {
            match view.policy_standing(asking.target, asking.time)? {
                Some((policy, until)) => (policy.policy.emergency, until),
                None => (None, None),
            }
        }
    };
    let Some(ceiling) = ceiling else {
        return deny(DenyReason::PurposeNotGranted);
    };
    let breaks = asking.request.purpose.nature() == Nature::BreakGlass;
    if breaks && !Grant::BREAK_GLASS_ROLES.contains(&asking.request.role) {
        return deny(DenyReason::RoleNotGranted);
    }
    let categories = asking.categories(&ceiling);
    if categories.is_empty() {
        return deny(DenyReason::CategoryNotGranted);
    }
    Ok(Ok(vec![Candidate {
        grant: None,
        categories,
        rule: None,
        until,
    }]))
}

/// What an agreement is to two networks now.
enum Standing<'a> {
    /// This version holds, until a newer one begins.
    InForce(&'a AgreementVersion, Option<TimeMs>),
    /// It does not hold, for this reason; the version the reason is about.
    Not(DenyReason, u32),
    /// The version that holds, or would, is one of others: the two were parties of an older one.
    NotBetweenThem,
}

/// The version that holds is the highest one signed by all that has begun; it takes the place of all before,
/// for everybody who was a party of them.
fn standing<'a, S: StateRead>(
    view: View<'_, S>,
    agreement: &'a Between,
    asking: &Asking<'_>,
) -> Standing<'a> {
    let between = |version: &&AgreementVersion| {
        let parties = &version.agreement.parties;
        parties.contains(asking.target) && parties.contains(&asking.request.viewing)
    };
    view.0.used(&agreement.head.sources);
    let head = &agreement.head.value;
    let mut begun = None;
    let mut to_come: Option<&AgreementVersion> = None;
    for version in head.signed.iter().rev() {
        let Some(version) = agreement.version(view, *version) else {
            continue;
        };
        if version.agreement.valid.from <= asking.time {
            begun = Some(version);
            break;
        }
        let sooner =
            |so_far: &&AgreementVersion| version.agreement.valid.from < so_far.agreement.valid.from;
        if to_come.as_ref().is_none_or(sooner) {
            to_come = Some(version);
        }
    }
    let next = to_come.as_ref().map(|v| v.agreement.valid.from);
    if let Some(version) = begun.filter(between) {
        let number = version.agreement.version;
        return if head.suspended.is_some() || head.terminated.is_some() {
            Standing::Not(DenyReason::AgreementSuspended, number)
        } else if version.agreement.valid.has_ended(asking.time) {
            Standing::Not(DenyReason::AgreementNotInPeriod, number)
        } else {
            Standing::InForce(version, next)
        };
    }
    if let Some(version) = to_come.filter(between) {
        let number = version.agreement.version;
        return if head.suspended.is_some() || head.terminated.is_some() {
            Standing::Not(DenyReason::AgreementSuspended, number)
        } else {
            Standing::Not(DenyReason::AgreementNotInPeriod, number)
        };
    }
    let proposed = if head.signed.contains(&head.latest) {
        None
    } else {
        agreement.version(view, head.latest)
    };
    match proposed.filter(between) {
        Some(_) => Standing::Not(DenyReason::AgreementNotSigned, head.latest),
        None => Standing::NotBetweenThem,
    }
}

fn collect(
    version: &AgreementVersion,
    until: Option<TimeMs>,
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
                until: [grant.valid.until, agreement.valid.until, until]
                    .into_iter()
                    .flatten()
                    .min(),
            }),
        }
    }
}

fn allows(grant: &Grant, asking: &Asking<'_>) -> Result<Codes<Category>, DenyReason> {
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
