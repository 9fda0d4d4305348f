//! The law a second time, as plainly as it can be read: may this one document be seen, now? Written from the
//! architecture (§6, §9) and sharing no code with the first reading: it keeps no state, knows only what was said, in
//! order, and looks through all of it for every question. Under 200 lines, so that it can be checked by reading;
//! therefore laid out by hand, at most 130 columns wide.

use sekisho_domain::*;

/// Something somebody said, and the ledger accepted.
#[derive(Debug, Clone)]
pub(super) struct Said { pub index: EntryIndex, pub time: TimeMs, pub by: NetworkId, pub body: Body }

/// All of it, among as many networks.
pub(super) struct Reference<'a> { pub members: usize, pub said: &'a [Said] }

/// One document and who asks for it: `target`'s, of its facility `of`; and the two ends of the question.
pub(super) struct Sight<'a> {
    pub r: &'a AccessRequest, pub target: &'a NetworkId, pub of: &'a FacilityId, pub category: Category, pub now: TimeMs,
}
struct Ends { asking: Member, holding: Member, chart: SubjectRef, viewer: SubjectRef }

/// A facility's membership of a network, since an entry.
#[derive(Clone)]
struct Member { since: EntryIndex, kind: FacilityKind, municipality: Option<AreaCode> }

const END: EntryIndex = EntryIndex(u64::MAX);

fn within(period: &Period, time: TimeMs) -> bool {
    period.from <= time && period.until.is_none_or(|until| time < until)
}

/// What was said that looks like this, in order.
macro_rules! heard {
    ($of:ident, $said:ident, { $($pattern:pat $(if $guard:expr)? => $value:expr),+ }) => {
        $of.said.iter().filter_map(move |$said| match &$said.body { $($pattern $(if $guard)? => Some($value),)+ _ => None })
    };
}

impl<'a> Reference<'a> {
    pub fn may_see(&self, s: &Sight<'_>) -> bool {
        let search = s.r.action == Action::FindPatients; // only what their own network knows of the patient counts
        let viewer = SubjectRef { network: s.r.viewing.clone(), subject: s.r.subject };
        let chart = if search { Some(viewer.clone()) } else { self.chart(&viewer, s.target) };
        let ends = (self.member(&s.r.facility, &s.r.viewing), self.member(s.of, s.target), chart);
        let (Some(asking), Some(holding), Some(chart)) = ends else { return false };
        let ends = Ends { asking, holding, chart, viewer };
        let Some(drill) = self.disaster(s, &ends) else { return false };
        let by_consent = drill || s.r.purpose.nature() == Nature::Ordinary;
        let barred = drill && !search && !self.acts(Side::Disclosing, s, &ends).iter().any(|consent| consent.purposes.is_some());
        let against = [&ends.chart, &ends.viewer].iter().any(|p| by_consent && self.has_died(p) || self.reserved(p, s));
        let granted = || self.grants(s, ends.asking.kind).any(|rule| search || self.consented(rule, s, &ends));
        let opened = if *s.target == s.r.viewing { self.own(s, &ends) } else { granted() };
        opened && !barred && (!search || s.category == Category::Demographics) && (s.r.purpose.nature() == Nature::Law || !against)
            && s.r.categories.is_none_or(|set| set.contains(&s.category))
    }

    /// The last word about a facility: that it is a member of this network, or not.
    fn member(&self, code: &FacilityId, network: &NetworkId) -> Option<Member> {
        heard!(self, said, {
            Body::FacilityRegister { facility, kind, municipality, .. } if facility == code => (said.by == *network)
                .then(|| Member { since: said.index, kind: *kind, municipality: municipality.clone() }),
            Body::FacilityLeave { facility } if facility == code => None
        }).last()?
    }

    /// The patient as the other network knows them: both say so, and neither has taken it back.
    fn chart(&self, viewer: &SubjectRef, target: &NetworkId) -> Option<SubjectRef> {
        let says = |one: &SubjectRef, far: &SubjectRef| heard!(self, said, {
            Body::SubjectLink { own, other } if (&said.by, own, other) == (&one.network, &one.subject, far) => true,
            Body::SubjectUnlink { own, other } if (&said.by, own, other) == (&one.network, &one.subject, far) => false
        }).last() == Some(true);
        let mut claimed = heard!(self, said, { Body::SubjectLink { other, .. } if other.network == *target => other });
        let linked = claimed.find(|far| says(viewer, far) && says(far, viewer)).cloned();
        if *target == viewer.network { Some(viewer.clone()) } else { linked }
    }

    fn has_died(&self, of: &SubjectRef) -> bool {
        heard!(self, said, {
            Body::DeathRecord { subject, .. } if (&said.by, subject) == (&of.network, &of.subject) => true,
            Body::DeathRetract { subject, .. } if (&said.by, subject) == (&of.network, &of.subject) => false
        }).last() == Some(true)
    }

    fn reserved(&self, of: &SubjectRef, s: &Sight<'_>) -> bool {
        let cleared = |id| heard!(self, said, { Body::ReservationClear { reservation, .. } => reservation.0 }).any(|r| r == id);
        heard!(self, said, { Body::ReservationSet(r) if (&r.network, r.subject) == (&of.network, of.subject) => (said, r) })
            .any(|(said, r)| within(&r.period, s.now) && !cleared(said.index)
                && r.categories.is_none_or(|set| set.contains(&s.category))
                && r.purposes.is_none_or(|set| set.contains(&s.r.purpose))
                && r.disclosing_facilities.as_ref().is_none_or(|set| set.contains(s.of))
                && match &r.viewer {
                    ViewerSelector::Anyone => true,
                    ViewerSelector::Network(network) => *network == s.r.viewing,
                    ViewerSelector::Facility(facility) => *facility == s.r.facility,
                    ViewerSelector::Practitioner(who) => *who == s.r.practitioner_id,
                })
    }

    /// The rules of the grants in force that fit the request and the category.
    fn grants<'s>(&'s self, s: &'s Sight<'_>, kind: FacilityKind) -> impl Iterator<Item = ConsentRule> + 's {
        let agreements = heard!(self, said, { Body::AgreementPropose(a) if self.is_in_force(a, s.now) => a });
        agreements.flat_map(|agreement| &agreement.grants).filter(move |g| {
            (&g.disclosing, &g.viewing) == (s.target, &s.r.viewing) && within(&g.valid, s.now)
                && g.purposes.contains(&s.r.purpose) && g.facility_kinds.contains(&kind)
                && g.roles.contains(&s.r.role) && g.categories.contains(&s.category)
        }).map(|grant| grant.consent_rule)
    }

    /// Signed by all since the last suspension, begun, with no higher such version, not over, never terminated.
    fn is_in_force(&self, agreement: &Agreement, now: TimeMs) -> bool {
        let stopped = heard!(self, said, { Body::AgreementSuspend { id } if *id == agreement.id => said.index }).last();
        let counts = |of: &Agreement| of.valid.from <= now && of.parties.iter().all(|party| heard!(self, said, {
            Body::AgreementPropose(a) if said.by == *party => (&a.id, a.version, said.index),
            Body::AgreementSign { id, version, .. } if said.by == *party => (id, *version, said.index)
        }).any(|(id, version, at)| (id, version) == (&of.id, of.version) && Some(at) > stopped));
        let newer = |of: &&Agreement| of.id == agreement.id && of.version > agreement.version && counts(of);
        let replaced = heard!(self, said, { Body::AgreementPropose(a) => a }).any(|a| newer(&a));
        let terminated = heard!(self, said, { Body::AgreementTerminate { id } => id }).any(|id| *id == agreement.id);
        counts(agreement) && !replaced && !terminated && within(&agreement.valid, now)
    }

    /// A network's own documents: every act its own policy asks for; or its policy's ceiling for emergencies.
    fn own(&self, s: &Sight<'_>, ends: &Ends) -> bool {
        let Some(policy) = self.policy(s.target, s.now) else { return false };
        let ceiling = policy.emergency.is_some_and(|set| set.contains(&s.category));
        let sides: Vec<_> = Side::ALL.iter().copied().filter(|side| rule_of(policy, *side).is_some()).collect();
        match s.r.purpose.nature() {
            Nature::Law => false,
            Nature::BreakGlass => ceiling && [Role::Physician, Role::Paramedic].contains(&s.r.role),
            Nature::Disaster => ceiling,
            Nature::Ordinary => !sides.is_empty() && sides.iter().all(|side| !self.acts(*side, s, ends).is_empty()),
        }
    }

    fn consented(&self, rule: ConsentRule, s: &Sight<'_>, ends: &Ends) -> bool {
        let viewing = self.acts(Side::Viewing, s, ends);
        let (d, v) = (!self.acts(Side::Disclosing, s, ends).is_empty(), !viewing.is_empty());
        let at_visit = |c: &&Consent| c.recorded_by == s.r.facility && c.capture.is_explicit()
            && matches!(&c.facilities, FacilitySelector::Listed(set) if set.contains(&s.r.facility));
        match rule {
            ConsentRule::Disclosing => d,
            ConsentRule::Viewing => v,
            ConsentRule::Both => d && v,
            ConsentRule::Either => d || v,
            ConsentRule::NotNeeded => s.r.purpose.nature() != Nature::Ordinary,
            ConsentRule::RecipientConsentWithProviderReservation => {
                let explicit = |rule: &Rule| rule.capture.iter().all(Capture::is_explicit);
                let mut posted = self.posted(s.target, s.of, s.r.purpose, END, s.now).into_iter();
                self.policy(&s.r.viewing, s.now).and_then(|p| p.viewing.as_ref()).is_some_and(explicit)
                    && viewing.iter().any(at_visit) && posted.any(|(at, everywhere)| everywhere || ends.holding.since < at)
            }
        }
    }

    /// The policies that have begun; of those the one that stands.
    fn policies(&self, of: &NetworkId, t: TimeMs) -> Vec<&'a ConsentPolicy> {
        heard!(self, said, { Body::ConsentPolicyPublish(p) if said.by == *of && p.valid_from.max(said.time) <= t => p }).collect()
    }
    fn policy(&self, of: &NetworkId, now: TimeMs) -> Option<&'a ConsentPolicy> {
        self.policies(of, now).into_iter().max_by_key(|policy| policy.version)
    }

    /// The consents of a side that let this be seen.
    fn acts(&self, side: Side, s: &Sight<'_>, ends: &Ends) -> Vec<&'a Consent> {
        let of = if side == Side::Disclosing { &ends.chart } else { &ends.viewer };
        let rule = self.policy(&of.network, s.now).and_then(|policy| rule_of(policy, side));
        let own = |c: &Consent| (&c.network, c.subject, c.side) == (&of.network, of.subject, side);
        let holds = |c: &Consent, said: &Said, rule: &Rule| self.holds(said, c, s) && self.reaches(said.index, c, rule, s, ends);
        heard!(self, said, { Body::ConsentGrant(c) if own(c) && rule.is_some_and(|rule| holds(c, said, rule)) => c }).collect()
    }

    /// Whether a consent holds, for this purpose, practitioner and category.
    fn holds(&self, given: &Said, c: &Consent, s: &Sight<'_>) -> bool {
        let withdrawn = heard!(self, said, { Body::ConsentWithdraw { consent, .. } => consent.0 }).any(|id| id == given.index);
        let noticed = |before, at| !self.posted(&c.network, &c.recorded_by, s.r.purpose, before, at).is_empty();
        let ended = |id| heard!(self, said, { Body::ProxyEnd { proxy, .. } => *proxy }).any(|proxy| proxy == id);
        let speaks = |id: ProxyId| !ended(id) && heard!(self, said, { Body::ProxyRegister(p) if said.index == id.0 => p })
            .any(|proxy| within(&proxy.period, s.now));
        !withdrawn && !self.policies(&c.network, s.now).iter().any(|p| p.version > c.policy_version && p.voids_earlier)
            && within(&c.period, s.now) && c.proxy.is_none_or(speaks)
            && (c.capture != Capture::NoticeWithOptOut || noticed(given.index, given.time) && noticed(END, s.now))
            && c.practitioners.as_ref().is_none_or(|set| set.contains(&s.r.practitioner_id))
            && c.purposes.is_none_or(|set| set.contains(&s.r.purpose))
            && c.categories.is_none_or(|set| set.contains(&s.category))
    }

    /// Whether it reaches from its own network's facility to the one at the other end.
    fn reaches(&self, given: EntryIndex, c: &Consent, rule: &Rule, s: &Sight<'_>, ends: &Ends) -> bool {
        let (holding, asking) = ((s.of, ends.holding.since), (&s.r.facility, ends.asking.since));
        let (near, far) = if c.side == Side::Disclosing { (holding, asking) } else { (asking, holding) };
        let own = match &c.facilities {
            FacilitySelector::Listed(set) => set.contains(near.0) && near.1 < given,
            FacilitySelector::All => near.1 < given || self.joined(near.0, near.1, c, rule, s.now),
        };
        let asks = |p: &ConsentPolicy| c.side == Side::Viewing || c.network != s.r.viewing || p.viewing.is_some();
        let sees = far.1 < given || self.policy(&c.network, s.now).is_some_and(asks) || self.joined(far.0, far.1, c, rule, s.now);
        own && sees && c.counterpart.as_ref().is_none_or(|set| set.contains(far.0) && far.1 < given)
    }

    /// Whether a notice of its joining has stood as long as both policies ask: the consent's, and today's.
    fn joined(&self, place: &FacilityId, since: EntryIndex, c: &Consent, rule: &Rule, now: TimeMs) -> bool {
        let days = |rule: &Rule| match rule.new_facility { NewFacility::AfterNotice { days } => Some(days), _ => None };
        let then = self.policies(&c.network, now).into_iter().find(|p| p.version == c.policy_version);
        let (Some(then), Some(today)) = (then.and_then(|p| rule_of(p, c.side)).and_then(days), days(rule)) else { return false };
        self.notices(&c.network, END).iter().any(|(said, notice)| {
            let ripe = notice.period.from.max(said.time).plus_ms(u64::from(then.max(today)) * 86_400_000);
            matches!(&notice.about, NoticeAbout::Joining { facility } if facility == place) && since < said.index
                && ripe <= now && notice.period.until.is_none_or(|until| ripe <= until)
        })
    }

    /// A network's notices, as they hung before an entry.
    fn notices(&self, of: &NetworkId, before: EntryIndex) -> Vec<(&'a Said, &'a Notice)> {
        let down = |id| heard!(self, said, { Body::NoticeRemove { notice } if said.index < before => notice.0 }).any(|n| n == id);
        let hung = |said: &Said| said.by == *of && said.index < before && !down(said.index);
        heard!(self, said, { Body::NoticePost(notice) if hung(said) => (said, notice) }).collect()
    }

    /// Those that name a purpose at a place, at a time; and whether for every place.
    fn posted(&self, of: &NetworkId, at: &FacilityId, why: Purpose, before: EntryIndex, time: TimeMs) -> Vec<(EntryIndex, bool)> {
        self.notices(of, before).into_iter().filter_map(|(said, notice)| match &notice.about {
            NoticeAbout::Purposes { facility, purposes } => (facility.as_ref().is_none_or(|f| f == at) && said.time <= time
                && within(&notice.period, time) && purposes.contains(&why)).then_some((said.index, facility.is_none())),
            NoticeAbout::Joining { .. } => None,
        }).collect()
    }

    /// Whether the disaster named, if one is, holds now at one of the two ends; and then whether it is a drill.
    fn disaster(&self, s: &Sight<'_>, ends: &Ends) -> Option<bool> {
        let Grounds::Disaster { declaration: id, .. } = s.r.grounds else { return Some(false) };
        let (by, d) = heard!(self, said, { Body::DisasterDeclare(d) if said.index == id.0 => (&said.by, d) }).next()?;
        let mut prolonged = heard!(self, said, { Body::DisasterExtend { declaration, until } if *declaration == id => *until });
        let mut ended = heard!(self, said, { Body::DisasterEnd { declaration } => *declaration });
        let dismissed = heard!(self, said, { Body::AuthorityEnd { authority } if authority == by => () });
        let over = ended.any(|e| e == id) || 2 * dismissed.count() > self.members;
        let inside = |code: &FacilityId, m: &Member| d.area.iter()
            .any(|area| area.as_str() == code.prefecture() || Some(area) == m.municipality.as_ref());
        let theirs = heard!(self, said, { Body::FacilityRegister { facility, .. } => facility });
        let there = |code: &FacilityId| self.member(code, s.target).is_some_and(|member| inside(code, &member));
        let area = inside(&s.r.facility, &ends.asking) || theirs.into_iter().any(there);
        (!over && d.from <= s.now && s.now < prolonged.next_back().unwrap_or(d.until) && area).then_some(d.drill)
    }
}

fn rule_of(policy: &ConsentPolicy, side: Side) -> Option<&Rule> {
    if side == Side::Disclosing { policy.disclosing.as_ref() } else { policy.viewing.as_ref() }
}
