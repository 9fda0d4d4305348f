//! Checks 17 to 30: the acts of consent a grant's rule needs.

use super::agreements::Candidate;
use super::reach::{self, Places, Reach};
use super::{Asking, Patient};
use crate::chart::{Act, looked_at};
use crate::record::{CoreError, Policy};
use crate::store::StateRead;
use crate::view::View;
use sekisho_domain::{
    Capture, Category, Codes, ConsentId, ConsentRule, DenyReason, EntryIndex, FacilityId,
    FacilitySelector, NetworkId, NewFacility, NoticeAbout, Rule, Side, TimeMs,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub(super) type Sides = Result<Vec<Reach>, DenyReason>;

/// What one side, or both together, let be seen at most: as many different sets of categories or facilities as no
/// patient tells apart. Bounds the pairs a decision looks at; what is left out only narrows.
const REACHES_MAX: usize = 64;

/// Both sides' acts for one decision. Each side is read when a rule first needs it, and once: checks 17 to 29
/// are the same for every grant.
pub(super) struct Acts<'a, S> {
    view: View<'a, S>,
    asking: &'a Asking<'a>,
    patient: &'a Patient<'a>,
    disclosing: Option<Acted>,
    viewing: Option<Acted>,
}

/// One side's acts that reach the request, whatever the category; or why none does.
pub(super) struct Acted {
    /// The rule of the network's policy on how such a consent is given; none where it knows no such act.
    pub rule: Option<Rule>,
    reaching: Vec<(Reach, Taken)>,
    /// The reason of the act that came furthest.
    furthest: DenyReason,
}

/// How an act was taken, as far as rules look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Explicitly, by the asking facility itself and for it by name: at the visit.
    pub at_visit: bool,
    /// For disasters by name.
    for_disasters: bool,
}

impl<'a, S: StateRead> Acts<'a, S> {
    pub fn new(view: View<'a, S>, asking: &'a Asking<'a>, patient: &'a Patient<'a>) -> Self {
        Self {
            view,
            asking,
            patient,
            disclosing: None,
            viewing: None,
        }
    }

    /// What the candidate's rule finds consented.
    pub fn evaluate(&mut self, candidate: &Candidate) -> Result<Sides, CoreError<S::Error>> {
        use Side::{Disclosing, Viewing};
        let categories = candidate.categories;
        let any = |_: &Taken| true;
        Ok(match candidate.rule {
            Some(ConsentRule::Disclosing) => self.side(Disclosing)?.within(categories, any),
            Some(ConsentRule::Viewing) => self.side(Viewing)?.within(categories, any),
            Some(ConsentRule::Both) => both(
                self.side(Disclosing)?.within(categories, any),
                self.side(Viewing)?.within(categories, any),
            ),
            Some(ConsentRule::Either) => either(
                self.side(Disclosing)?.within(categories, any),
                self.side(Viewing)?.within(categories, any),
            ),
            Some(ConsentRule::RecipientConsentWithProviderReservation) => {
                self.by_recipient(categories)?
            }
            // No candidate of an ordinary purpose has this rule: its grant would not have been let in.
            Some(ConsentRule::NotNeeded) => Err(DenyReason::NoConsentPolicy),
            // Its own documents: every act its own policy asks for.
            None => {
                let disclosing = self.side(Disclosing)?;
                let asks = disclosing.rule.is_some();
                let disclosing = asks.then(|| disclosing.within(categories, any));
                let viewing = self.side(Viewing)?;
                let asks = viewing.rule.is_some();
                let viewing = asks.then(|| viewing.within(categories, any));
                match (disclosing, viewing) {
                    (Some(disclosing), Some(viewing)) => both(disclosing, viewing),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => Err(DenyReason::NoConsentPolicy),
                }
            }
        })
    }

    /// In a drill, what the patient consented to disclose in disasters, by name.
    pub fn for_drill(&mut self, candidate: &Candidate) -> Result<Sides, CoreError<S::Error>> {
        let disclosing = self.side(Side::Disclosing)?;
        Ok(disclosing.within(candidate.categories, |taken| taken.for_disasters))
    }

    /// The ministry's rule of 2020: the asking network's policy asks for explicit consent to query, the provider
    /// has posted its purposes, the recipient took the consent at the visit. That the patient made no reservation
    /// is check 31.
    fn by_recipient(&mut self, categories: Codes<Category>) -> Result<Sides, CoreError<S::Error>> {
        let viewing = self.side(Side::Viewing)?;
        let Some(rule) = &viewing.rule else {
            return Ok(Err(DenyReason::NoConsentPolicy));
        };
        if !rule.capture.iter().all(Capture::is_explicit) {
            return Ok(Err(DenyReason::ExplicitConsentNotRequired));
        }
        let consented = viewing.within(categories, |taken| taken.at_visit);
        let posted = posted(self.view, self.asking)?;
        Ok(if posted.is_empty() {
            Err(DenyReason::PurposesNotPosted)
        } else {
            consented.and_then(|consented| meets(&posted, &consented))
        })
    }

    pub fn side(&mut self, side: Side) -> Result<&Acted, CoreError<S::Error>> {
        let acted = match side {
            Side::Disclosing => &mut self.disclosing,
            Side::Viewing => &mut self.viewing,
        };
        Ok(match acted {
            Some(acted) => acted,
            None => acted.insert(Acted::read(self.view, self.asking, self.patient, side)?),
        })
    }
}

/// Where the network asked has posted the purpose, of every category, until the notice ends.
pub(super) fn posted<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
) -> Result<Vec<Reach>, CoreError<S::Error>> {
    let mut reaches = Vec::new();
    for notice in view.purposes_posted(asking.target)?.iter() {
        let NoticeAbout::Purposes { facility, purposes } = &notice.notice.about else {
            continue;
        };
        if !notice.stands(asking.time) || !purposes.contains(&asking.request.purpose) {
            continue;
        }
        let places = match facility {
            None => Places::All,
            Some(place) => {
                let before = notice.posted;
                match listed(view, [place], asking.target, before)? {
                    Some(places) => places,
                    None => continue,
                }
            }
        };
        let reach = Reach {
            places,
            until: notice.notice.period.until,
            ..Reach::without_consent(Codes::all())
        };
        reach::add(&mut reaches, reach, REACHES_MAX);
    }
    Ok(reaches)
}

/// Those of the facilities that are members of the network and were before this index; none if none is.
fn listed<'f, S: StateRead>(
    view: View<'_, S>,
    facilities: impl IntoIterator<Item = &'f FacilityId>,
    network: &NetworkId,
    before: EntryIndex,
) -> Result<Option<Places>, CoreError<S::Error>> {
    let mut still = BTreeMap::new();
    for facility in facilities {
        let member = view.member(facility, network)?;
        if let Some(member) = member.filter(|member| member.registered < before) {
            still.insert(facility.clone(), member.registered);
        }
    }
    Ok((!still.is_empty()).then(|| Places::Listed(Rc::new(still))))
}

impl Acted {
    fn read<S: StateRead>(
        view: View<'_, S>,
        asking: &Asking<'_>,
        patient: &Patient<'_>,
        side: Side,
    ) -> Result<Self, CoreError<S::Error>> {
        let (subject, chart) = patient.side(side);
        let mut acted = Self {
            rule: None,
            reaching: Vec::new(),
            furthest: DenyReason::NoConsentPolicy,
        };
        // A grant may rest on a side only where that network's policy says how such a consent is given.
        let policies = view.policies_kept(&subject.network)?;
        let Some((policy, until)) = crate::view::standing_policy(&policies, asking.time) else {
            return Ok(acted);
        };
        let (rule, none) = match side {
            Side::Disclosing => (&policy.policy.disclosing, DenyReason::NoDisclosingConsent),
            Side::Viewing => (&policy.policy.viewing, DenyReason::NoViewingConsent),
        };
        let Some(rule) = rule else {
            return Ok(acted);
        };
        acted.furthest = none;
        let rules = Rules {
            view,
            asking,
            side,
            network: &subject.network,
            policies: &policies,
            rule,
            alone: side == Side::Disclosing && asking.is_own() && policy.policy.viewing.is_none(),
            until,
            joined: RefCell::default(),
        };
        for given in chart.acts(view.0, side)? {
            let given = looked_at(view.0, given);
            match rules.reaches(&given)? {
                Ok(reaches) => {
                    let taken = rules.taken(&given);
                    acted
                        .reaching
                        .extend(reaches.into_iter().map(|r| (r, taken)));
                }
                Err(reason) => acted.furthest = acted.furthest.max(reason),
            }
        }
        acted.rule = Some(rule.clone());
        Ok(acted)
    }

    /// Check 30: what of it is in these categories, of the acts that are fit.
    pub fn within(&self, categories: Codes<Category>, fit: impl Fn(&Taken) -> bool) -> Sides {
        let mut within = Vec::new();
        let mut any = false;
        for (reach, _) in self.reaching.iter().filter(|(_, taken)| fit(taken)) {
            any = true;
            let categories = reach.categories.intersection(&categories);
            if !categories.is_empty() {
                let reach = Reach {
                    categories,
                    ..reach.clone()
                };
                reach::add(&mut within, reach, REACHES_MAX);
            }
        }
        match (within.is_empty(), any) {
            (false, _) => Ok(within),
            (true, true) => Err(DenyReason::ConsentForOtherCategory),
            (true, false) => Err(self.furthest),
        }
    }
}

/// What every pair of the two lets be seen.
pub(super) fn meets(some: &[Reach], others: &[Reach]) -> Sides {
    let mut pairs = Vec::new();
    for (one, other) in some.iter().flat_map(|s| others.iter().map(move |o| (s, o))) {
        if let Some(pair) = one.meet(other) {
            reach::add(&mut pairs, pair, REACHES_MAX);
        }
    }
    if !pairs.is_empty() {
        return Ok(pairs);
    }
    let common = |(one, other): (&Reach, &Reach)| !one.categories.is_disjoint(&other.categories);
    let mut all = some.iter().flat_map(|s| others.iter().map(move |o| (s, o)));
    Err(if all.any(common) {
        DenyReason::ConsentForOtherFacility
    } else {
        DenyReason::ConsentForOtherCategory
    })
}

/// Every pair of a disclosing and a viewing act that have a category and a facility in common. Where both sides
/// fail, the check that stands first in the published order is the reason.
fn both(disclosing: Sides, viewing: Sides) -> Sides {
    match (disclosing, viewing) {
        (Ok(d), Ok(v)) => meets(&d, &v),
        (Err(d), Err(v)) => Err(d.min(v)),
        (Err(one), Ok(_)) | (Ok(_), Err(one)) => Err(one),
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

/// One side's policy, against which its acts are looked at.
struct Rules<'a, S> {
    view: View<'a, S>,
    asking: &'a Asking<'a>,
    side: Side,
    network: &'a NetworkId,
    policies: &'a [Policy],
    /// The rule that holds now.
    rule: &'a Rule,
    /// Whether the act is the only one asked for: a network's own documents, and its policy knows no act of viewing.
    alone: bool,
    /// When a newer version begins.
    until: Option<TimeMs>,
    /// Which facilities joined, by the days a notice must have stood: the same for many acts, and looked up once.
    joined: RefCell<BTreeMap<u16, Rc<Joined>>>,
}

/// The facilities that an act reaches though they joined after it.
#[derive(Debug, Default)]
struct Joined {
    facilities: BTreeSet<FacilityId>,
    /// The same in lists no longer than a consent's may be.
    lists: Vec<Places>,
}

impl<S: StateRead> Rules<'_, S> {
    fn taken(&self, given: &Act) -> Taken {
        let consent = given;
        let here = &self.asking.request.facility;
        let by_name =
            matches!(&consent.facilities, FacilitySelector::Listed(set) if set.contains(here));
        Taken {
            at_visit: by_name && consent.recorded_by == *here && consent.capture.is_explicit(),
            for_disasters: consent.purposes.is_some(),
        }
    }

    /// Checks 22 to 29 of one act; the categories it is limited to are looked at for each grant.
    fn reaches(&self, given: &Act) -> Result<Result<Vec<Reach>, DenyReason>, CoreError<S::Error>> {
        let (consent, now) = (given, self.asking.time);
        if given.withdrawn.is_some() {
            return Ok(Err(DenyReason::ConsentWithdrawn));
        }
        let voiding = self
            .policies
            .iter()
            .filter(|p| p.policy.version > consent.policy_version && p.policy.voids_earlier)
            .map(|p| p.effective_from)
            .min();
        if voiding.is_some_and(|from| from <= now) {
            return Ok(Err(DenyReason::ConsentVoided));
        }
        if !consent.period.contains(now) {
            return Ok(Err(DenyReason::ConsentNotInPeriod));
        }
        let mut ends = vec![self.until, voiding, consent.period.until];
        if let Some(id) = consent.proxy {
            match self.view.proxy(id)?.filter(|known| known.value.holds(now)) {
                Some(known) => ends.push(known.value.proxy.period.until),
                None => return Ok(Err(DenyReason::ConsentProxyEnded)),
            }
        }
        if consent.capture == Capture::NoticeWithOptOut {
            match self.stands_posted(given)? {
                Some(until) => ends.push(until),
                None => return Ok(Err(DenyReason::ConsentNoticeEnded)),
            }
        }
        let places = self.places(given)?;
        if places.is_empty() {
            return Ok(Err(DenyReason::ConsentForOtherFacility));
        }
        let who = |set: &BTreeSet<_>| set.contains(&self.asking.request.practitioner_id);
        if !consent.practitioners.as_ref().is_none_or(who) {
            return Ok(Err(DenyReason::ConsentForOtherPractitioner));
        }
        let purposes = &consent.purposes;
        if !purposes.is_none_or(|set| set.contains(&self.asking.request.purpose)) {
            return Ok(Err(DenyReason::ConsentForOtherPurpose));
        }
        let until = ends.into_iter().flatten().min();
        Ok(Ok(places
            .into_iter()
            .map(|places| Reach {
                grant: None,
                consents: [ConsentId(given.granted)].into(),
                categories: consent.categories.unwrap_or_else(Codes::all),
                places,
                until,
            })
            .collect()))
    }

    /// A consent taken by notice holds for a purpose that a notice, at the facility that recorded it, named when it
    /// was recorded and one names now: `Some` with the end of the latter.
    fn stands_posted(&self, given: &Act) -> Result<Option<Option<TimeMs>>, CoreError<S::Error>> {
        let (mut then, mut now): (bool, Option<Option<TimeMs>>) = (false, None);
        for notice in self.view.purposes_posted(self.network)?.iter() {
            let NoticeAbout::Purposes { facility, purposes } = &notice.notice.about else {
                continue;
            };
            let place = facility.as_ref();
            if place.is_some_and(|place| *place != given.recorded_by)
                || !purposes.contains(&self.asking.request.purpose)
            {
                continue;
            }
            then |= notice.stood(given.granted, given.granted_at);
            if notice.stands(self.asking.time) {
                let until = notice.notice.period.until;
                now = Some(match now {
                    None => until,
                    // The one that stands longest; none: without end.
                    Some(so_far) => so_far.zip(until).map(|(a, b)| a.max(b)),
                });
            }
        }
        Ok(now.filter(|_| then))
    }

    /// Check 27: the disclosing facilities whose documents the act lets be seen by the asking one. A facility that
    /// joins later, or leaves and joins again, needs a consent of its own, unless the policy under which the
    /// consent was given and the one that holds now both reach it after a notice, and that has stood long enough.
    /// So, too, does one that joins later to look, where the consent to disclose is the only act there is.
    fn places(&self, given: &Act) -> Result<Vec<Places>, CoreError<S::Error>> {
        let consent = given;
        let (view, before, here) = (self.view, given.granted, &self.asking.request.facility);
        let knows_asking = self.asking.registered < before;
        Ok(match self.side {
            Side::Disclosing => {
                let named = consent.counterpart.as_ref();
                if named.is_some_and(|set| !set.contains(here) || !knows_asking) {
                    return Ok(Vec::new());
                }
                if self.alone && !knows_asking && !self.joined(given)?.facilities.contains(here) {
                    return Ok(Vec::new());
                }
                match &consent.facilities {
                    FacilitySelector::All => {
                        let joined = self.joined(given)?;
                        let mut places = vec![Places::RegisteredBefore(before)];
                        places.extend(joined.lists.iter().cloned());
                        places
                    }
                    FacilitySelector::Listed(set) => {
                        Vec::from_iter(listed(view, set, self.network, before)?)
                    }
                }
            }
            Side::Viewing => {
                let looks = match &consent.facilities {
                    FacilitySelector::All => {
                        knows_asking || self.joined(given)?.facilities.contains(here)
                    }
                    FacilitySelector::Listed(set) => knows_asking && set.contains(here),
                };
                match (looks, &consent.counterpart) {
                    (false, _) => Vec::new(),
                    (true, None) => vec![Places::All],
                    (true, Some(set)) => {
                        Vec::from_iter(listed(view, set, self.asking.target, before)?)
                    }
                }
            }
        })
    }

    /// The facilities that joined after the consent and that it reaches all the same; of viewing ones, only the
    /// asking one is looked at.
    fn joined(&self, given: &Act) -> Result<Rc<Joined>, CoreError<S::Error>> {
        let version = given.policy_version;
        let then = self.policies.iter().find(|p| p.policy.version == version);
        let then = then.and_then(|p| match self.side {
            Side::Disclosing => p.policy.disclosing.as_ref(),
            Side::Viewing => p.policy.viewing.as_ref(),
        });
        let (Some(NewFacility::AfterNotice { days: then }), NewFacility::AfterNotice { days: now }) =
            (then.map(|rule| rule.new_facility), self.rule.new_facility)
        else {
            return Ok(Rc::default());
        };
        let days = then.max(now);
        if let Some(known) = self.joined.borrow().get(&days) {
            return Ok(Rc::clone(known));
        }
        let facilities = self.joined_after(days)?;
        let in_order = Vec::from_iter(&facilities);
        let mut lists = Vec::new();
        for some in in_order.chunks(FacilitySelector::LISTED_MAX) {
            let any = EntryIndex(u64::MAX);
            let some = some.iter().copied();
            lists.extend(listed(self.view, some, self.network, any)?);
        }
        let joined = Rc::new(Joined { facilities, lists });
        self.joined.borrow_mut().insert(days, Rc::clone(&joined));
        Ok(joined)
    }

    /// The facilities a notice of whose joining has stood for so many days.
    fn joined_after(&self, days: u16) -> Result<BTreeSet<FacilityId>, CoreError<S::Error>> {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        let wait_ms = u64::from(days) * DAY_MS;
        let only = match self.side {
            Side::Disclosing => None,
            Side::Viewing => Some(&self.asking.request.facility),
        };
        let mut joined = BTreeSet::new();
        for notice in self.view.joinings_posted(self.network)?.iter() {
            let NoticeAbout::Joining { facility } = &notice.notice.about else {
                continue;
            };
            let matured = notice.stands_from.plus_ms(wait_ms);
            let stood = notice.notice.period.until.is_none_or(|end| matured <= end);
            if only.is_some_and(|only| only != facility)
                || notice.removed.is_some()
                || !stood
                || self.asking.time < matured
            {
                continue;
            }
            // The notice was about this membership, not one before it.
            let member = self.view.member(facility, self.network)?;
            if member.is_some_and(|m| m.registered < notice.posted) {
                joined.insert(facility.clone());
            }
        }
        Ok(joined)
    }
}
