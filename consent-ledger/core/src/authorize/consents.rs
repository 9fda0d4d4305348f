//! Checks 14 to 21: the acts of consent a grant's rule needs.

use super::Asking;
use super::agreements::Candidate;
use crate::record::{CoreError, GivenConsent};
use crate::store::StateRead;
use crate::view::View;
use sekisho_domain::{
    Category, ConsentId, ConsentRule, DenyReason, DisclosingFacilities, FacilitySelector, Side,
    SubjectRef, TimeMs,
};
use std::collections::BTreeSet;

/// What one way of consenting allows under one candidate.
pub(super) struct Consented {
    pub consents: Vec<ConsentId>,
    pub categories: BTreeSet<Category>,
    pub facilities: DisclosingFacilities,
    pub until: Option<TimeMs>,
}

type Sides = Result<Vec<Consented>, DenyReason>;

pub(super) fn evaluate<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
    candidate: &Candidate,
    disclosing: &SubjectRef,
    viewing: &SubjectRef,
) -> Result<Sides, CoreError<S::Error>> {
    let disclose = |view| side(view, asking, candidate, disclosing, Side::Disclosing);
    let look = |view| side(view, asking, candidate, viewing, Side::Viewing);
    Ok(match candidate.rule {
        Some(ConsentRule::Disclosing) => disclose(view)?,
        Some(ConsentRule::Viewing) => look(view)?,
        Some(ConsentRule::Both) => both(disclose(view)?, look(view)?),
        Some(ConsentRule::Either) => either(disclose(view)?, look(view)?),
        // Its own documents: every act its own policy asks for.
        None => match view
            .policy_at(asking.target, asking.time)?
            .map(|p| p.policy)
        {
            None => Err(DenyReason::NoConsentPolicy),
            Some(policy) => match (policy.disclosing.is_some(), policy.viewing.is_some()) {
                (true, true) => both(disclose(view)?, look(view)?),
                (true, false) => disclose(view)?,
                (false, true) => look(view)?,
                (false, false) => Err(DenyReason::NoConsentPolicy),
            },
        },
    })
}

/// Every pair of a disclosing and a viewing act that have a category in common.
fn both(disclosing: Sides, viewing: Sides) -> Sides {
    let (disclosing, viewing) = (disclosing?, viewing?);
    let pairs: Vec<_> = disclosing
        .iter()
        .flat_map(|d| viewing.iter().map(move |v| (d, v)))
        .filter_map(|(d, v)| {
            let categories: BTreeSet<_> =
                d.categories.intersection(&v.categories).copied().collect();
            (!categories.is_empty()).then(|| Consented {
                consents: d
                    .consents
                    .iter()
                    .chain(&v.consents)
                    .copied()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
                categories,
                facilities: d.facilities.clone(),
                until: [d.until, v.until].into_iter().flatten().min(),
            })
        })
        .collect();
    if pairs.is_empty() {
        Err(DenyReason::ConsentForOtherCategory)
    } else {
        Ok(pairs)
    }
}

fn either(disclosing: Sides, viewing: Sides) -> Sides {
    match (disclosing, viewing) {
        (Ok(mut d), Ok(v)) => {
            d.extend(v);
            Ok(d)
        }
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
        (Err(d), Err(v)) => Err(d.max(v)),
    }
}

/// The acts of one side that reach this request; else the reason of the one that came furthest.
fn side<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
    candidate: &Candidate,
    subject: &SubjectRef,
    side: Side,
) -> Result<Sides, CoreError<S::Error>> {
    // A grant may rest on a side only where that network's policy says how such a consent is given.
    let policy = view
        .policy_at(&subject.network, asking.time)?
        .map(|p| p.policy);
    let rule = policy.as_ref().and_then(|p| match side {
        Side::Disclosing => p.disclosing.as_ref(),
        Side::Viewing => p.viewing.as_ref(),
    });
    if rule.is_none() {
        return Ok(Err(DenyReason::NoConsentPolicy));
    }
    let mut reaching = Vec::new();
    let mut furthest = match side {
        Side::Disclosing => DenyReason::NoDisclosingConsent,
        Side::Viewing => DenyReason::NoViewingConsent,
    };
    for given in view.consents_of(&subject.network, &subject.subject, side)? {
        match reaches(&given, asking, candidate) {
            Ok(consented) => reaching.push(consented),
            Err(reason) => furthest = furthest.max(reason),
        }
    }
    Ok(if reaching.is_empty() {
        Err(furthest)
    } else {
        Ok(reaching)
    })
}

fn reaches(
    given: &GivenConsent,
    asking: &Asking<'_>,
    candidate: &Candidate,
) -> Result<Consented, DenyReason> {
    let consent = &given.consent;
    let check = |ok: bool, reason| if ok { Ok(()) } else { Err(reason) };
    check(given.withdrawn.is_none(), DenyReason::ConsentWithdrawn)?;
    check(
        consent.period.contains(asking.time),
        DenyReason::ConsentNotInPeriod,
    )?;
    let facilities = match (consent.side, &consent.facilities) {
        // Under both rules on new facilities there are, a facility that joins later needs a consent of its own.
        (Side::Disclosing, FacilitySelector::All) => {
            DisclosingFacilities::RegisteredBefore(given.granted)
        }
        (Side::Disclosing, FacilitySelector::Listed(set)) => {
            DisclosingFacilities::Listed(set.clone())
        }
        (Side::Viewing, FacilitySelector::All) => {
            check(
                asking.registered < given.granted,
                DenyReason::ConsentForOtherFacility,
            )?;
            DisclosingFacilities::All
        }
        (Side::Viewing, FacilitySelector::Listed(set)) => {
            check(
                set.contains(&asking.request.facility),
                DenyReason::ConsentForOtherFacility,
            )?;
            DisclosingFacilities::All
        }
    };
    let purpose = |set: &BTreeSet<_>| set.contains(&asking.request.purpose);
    check(
        consent.purposes.as_ref().is_none_or(purpose),
        DenyReason::ConsentForOtherPurpose,
    )?;
    let categories: BTreeSet<_> = match &consent.categories {
        None => candidate.categories.clone(),
        Some(set) => candidate.categories.intersection(set).copied().collect(),
    };
    check(!categories.is_empty(), DenyReason::ConsentForOtherCategory)?;
    Ok(Consented {
        consents: vec![ConsentId(given.granted)],
        categories,
        facilities,
        until: consent.period.until,
    })
}
