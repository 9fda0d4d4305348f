//! Checks 14 to 21: the acts of consent a grant's rule needs.

use super::Asking;
use super::agreements::Candidate;
use super::reach::{self, Reach, earlier};
use crate::record::{CoreError, GivenConsent};
use crate::store::StateRead;
use crate::view::{CONSENTS_MAX, View};
use sekisho_domain::{
    Category, ConsentId, ConsentRule, DenyReason, DisclosingFacilities, FacilityId,
    FacilitySelector, Side, SubjectRef, TimeMs,
};
use std::collections::BTreeSet;

type Sides = Result<Vec<Reach>, DenyReason>;

/// Both sides' acts for one decision. Each side is read when a rule first needs it, and once: checks 14 to 20
/// are the same for every grant.
pub(super) struct Acts<'a, S> {
    view: View<'a, S>,
    asking: &'a Asking<'a>,
    disclosing: (&'a SubjectRef, Option<Acted>),
    viewing: (&'a SubjectRef, Option<Acted>),
}

/// One side's acts that reach the request, whatever the category; or why none does.
struct Acted {
    /// Whether the network's policy says how such a consent is given.
    provided: bool,
    reaching: Vec<Reach>,
    /// The reason of the act that came furthest.
    furthest: DenyReason,
}

impl<'a, S: StateRead> Acts<'a, S> {
    pub fn new(
        view: View<'a, S>,
        asking: &'a Asking<'a>,
        disclosing: &'a SubjectRef,
        viewing: &'a SubjectRef,
    ) -> Self {
        Self {
            view,
            asking,
            disclosing: (disclosing, None),
            viewing: (viewing, None),
        }
    }

    /// What the candidate's rule finds consented.
    pub fn evaluate(&mut self, candidate: &Candidate) -> Result<Sides, CoreError<S::Error>> {
        use Side::{Disclosing, Viewing};
        Ok(match candidate.rule {
            Some(ConsentRule::Disclosing) => self.side(Disclosing)?.for_grant(candidate),
            Some(ConsentRule::Viewing) => self.side(Viewing)?.for_grant(candidate),
            Some(ConsentRule::Both) => both(
                self.side(Disclosing)?.for_grant(candidate),
                self.side(Viewing)?.for_grant(candidate),
            ),
            Some(ConsentRule::Either) => either(
                self.side(Disclosing)?.for_grant(candidate),
                self.side(Viewing)?.for_grant(candidate),
            ),
            // Its own documents: every act its own policy asks for.
            None => {
                let disclosing = self.side(Disclosing)?;
                let disclosing = disclosing.provided.then(|| disclosing.for_grant(candidate));
                let viewing = self.side(Viewing)?;
                let viewing = viewing.provided.then(|| viewing.for_grant(candidate));
                match (disclosing, viewing) {
                    (Some(disclosing), Some(viewing)) => both(disclosing, viewing),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => Err(DenyReason::NoConsentPolicy),
                }
            }
        })
    }

    fn side(&mut self, side: Side) -> Result<&Acted, CoreError<S::Error>> {
        let (subject, acted) = match side {
            Side::Disclosing => &mut self.disclosing,
            Side::Viewing => &mut self.viewing,
        };
        Ok(match acted {
            Some(acted) => acted,
            None => acted.insert(Acted::read(self.view, self.asking, subject, side)?),
        })
    }
}

impl Acted {
    fn read<S: StateRead>(
        view: View<'_, S>,
        asking: &Asking<'_>,
        subject: &SubjectRef,
        side: Side,
    ) -> Result<Self, CoreError<S::Error>> {
        let mut acted = Self {
            provided: false,
            reaching: Vec::new(),
            furthest: DenyReason::NoConsentPolicy,
        };
        // A grant may rest on a side only where that network's policy says how such a consent is given.
        let Some((policy, until)) = view.policy_standing(&subject.network, asking.time)? else {
            return Ok(acted);
        };
        let (rule, none) = match side {
            Side::Disclosing => (policy.policy.disclosing, DenyReason::NoDisclosingConsent),
            Side::Viewing => (policy.policy.viewing, DenyReason::NoViewingConsent),
        };
        if rule.is_none() {
            return Ok(acted);
        }
        (acted.provided, acted.furthest) = (true, none);
        for given in view.consents_of(&subject.network, &subject.subject, side)? {
            match reaches(view, &given, asking, until)? {
                Ok(reach) => reach::add(&mut acted.reaching, reach, CONSENTS_MAX),
                Err(reason) => acted.furthest = acted.furthest.max(reason),
            }
        }
        Ok(acted)
    }

    /// Check 21: what of it is in the categories the grant allows.
    fn for_grant(&self, candidate: &Candidate) -> Sides {
        let within: Vec<_> = self
            .reaching
            .iter()
            .filter_map(|reach| reach_within(reach, &candidate.categories, None))
            .collect();
        match (within.is_empty(), self.reaching.is_empty()) {
            (false, _) => Ok(within),
            (true, true) => Err(self.furthest),
            (true, false) => Err(DenyReason::ConsentForOtherCategory),
        }
    }
}

/// The reach narrowed to these categories, and ended by that instant; none if no category is left.
fn reach_within(
    reach: &Reach,
    categories: &BTreeSet<Category>,
    until: Option<TimeMs>,
) -> Option<Reach> {
    let categories: BTreeSet<_> = reach.categories.intersection(categories).copied().collect();
    (!categories.is_empty()).then(|| Reach {
        categories,
        until: earlier(reach.until, until),
        ..reach.clone()
    })
}

/// Every pair of a disclosing and a viewing act that have a category in common. Where both sides fail, the
/// check that stands first in the published order is the reason.
fn both(disclosing: Sides, viewing: Sides) -> Sides {
    let (disclosing, viewing) = match (disclosing, viewing) {
        (Ok(d), Ok(v)) => (d, v),
        (Err(d), Err(v)) => return Err(d.min(v)),
        (Err(one), Ok(_)) | (Ok(_), Err(one)) => return Err(one),
    };
    let mut pairs = Vec::new();
    for (d, v) in disclosing
        .iter()
        .flat_map(|d| viewing.iter().map(move |v| (d, v)))
    {
        if let Some(mut pair) = reach_within(d, &v.categories, v.until) {
            pair.consents.extend(&v.consents);
            pairs.push(pair);
        }
    }
    if pairs.is_empty() {
        Err(DenyReason::ConsentForOtherCategory)
    } else {
        Ok(pairs)
    }
}

/// Where neither side consents, the reason is that of the side that came further.
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

/// Checks 17 to 20 of one act; the categories it is limited to are looked at for each grant.
fn reaches<S: StateRead>(
    view: View<'_, S>,
    given: &GivenConsent,
    asking: &Asking<'_>,
    policy_until: Option<TimeMs>,
) -> Result<Result<Reach, DenyReason>, CoreError<S::Error>> {
    let consent = &given.consent;
    if given.withdrawn.is_some() {
        return Ok(Err(DenyReason::ConsentWithdrawn));
    }
    if !consent.period.contains(asking.time) {
        return Ok(Err(DenyReason::ConsentNotInPeriod));
    }
    // Under every rule on new facilities there is, a facility that joins later, or leaves and joins again,
    // needs a consent of its own: nothing reaches beyond those registered when it was given.
    let looks = asking.registered < given.granted;
    let facilities = match (consent.side, &consent.facilities) {
        (Side::Disclosing, FacilitySelector::All) => {
            Some(DisclosingFacilities::RegisteredBefore(given.granted))
        }
        (Side::Disclosing, FacilitySelector::Listed(set)) => {
            let mut still = BTreeSet::<FacilityId>::new();
            for facility in set {
                let member = view.facility_of(facility, &consent.network)?;
                if member.is_some_and(|member| member.registered < given.granted) {
                    still.insert(facility.clone());
                }
            }
            (!still.is_empty()).then_some(DisclosingFacilities::Listed(still))
        }
        (Side::Viewing, FacilitySelector::All) => looks.then_some(DisclosingFacilities::All),
        (Side::Viewing, FacilitySelector::Listed(set)) => {
            (looks && set.contains(&asking.request.facility)).then_some(DisclosingFacilities::All)
        }
    };
    let Some(facilities) = facilities else {
        return Ok(Err(DenyReason::ConsentForOtherFacility));
    };
    let purpose = |set: &BTreeSet<_>| set.contains(&asking.request.purpose);
    if !consent.purposes.as_ref().is_none_or(purpose) {
        return Ok(Err(DenyReason::ConsentForOtherPurpose));
    }
    let all = || Category::ALL.iter().copied().collect();
    Ok(Ok(Reach {
        grant: None,
        consents: [ConsentId(given.granted)].into(),
        categories: consent.categories.clone().unwrap_or_else(all),
        facilities,
        until: earlier(consent.period.until, policy_until),
    }))
}
