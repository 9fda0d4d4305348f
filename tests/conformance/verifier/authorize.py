"""The decision on an access request (authorize.md)."""

from .codes import ACTION, ALL_CATEGORIES, BREAK_GLASS, CATEGORY, DENY, DISASTER, FOOTING, ORDINARY, ROLE, RULE, SIDE, is_explicit, nature
from .reach import ALL, SIDE_MAX, Denied, Reach, add, listed, meetings, need
from .side import Side
from .state import covers, disaster_holds, earliest, has_ended, later, link_holds, notice_stands, reservation_names

PERMIT_MS = 3_600_000
BASES_MAX, WITHHELD_MAX, RESERVATIONS_MAX = 32, 32, 512
RESERVATION_NAMES_MAX = 4096


def highest(denials):
    """The one with the highest number, the first of equals."""
    return max(denials, key=lambda denial: denial.reason)


def decide(state, request, t):
    """One decision for each target, in order, as `Decisions` are encoded."""
    out = []
    for target in request.targets:
        try:
            decision = ("permit", _Asking(state, request, t, target).permit())
        except Denied as denied:
            decision = ("deny", {"reason": denied.reason, "agreement": _reference(denied.agreement)})
        out.append({"network": target, "decision": decision})
    return out


def _reference(agreement):
    return None if agreement is None else {"id": agreement[0], "version": agreement[1]}


class _Candidate:
    def __init__(self, grant, categories, rule, end):
        # grant: (agreement id, version, position) or None.
        self.grant, self.categories, self.rule, self.end = grant, categories, rule, end


def _tried(side, *args):
    """Reaches, or the reason why not."""
    try:
        return side.within(*args), None
    except Denied as denied:
        return None, denied.reason


def both(d, v):
    """The rule BOTH, of two results of `_tried`."""
    reasons = [reason for _, reason in (d, v) if reason is not None]
    if reasons:
        raise Denied(min(reasons))
    return meetings(d[0], v[0])


def either(d, v):
    """The rule EITHER."""
    if d[0] is None and v[0] is None:
        raise Denied(max(d[1], v[1]))
    return (d[0] or []) + (v[0] or [])


class _Asking:
    """One target's decision."""

    def __init__(self, state, request, t, target):
        self.state, self.request, self.t, self.target = state, request, t, target
        self.viewing, self.facility = request.viewing, request.facility
        self.is_own = target == self.viewing
        wanted = request.categories
        self.asked = ALL_CATEGORIES if wanted is None else frozenset(wanted.categories)
        self.is_search = request.action == ACTION.FIND_PATIENTS
        if self.is_search:
            self.asked &= {CATEGORY.DEMOGRAPHICS}
        self.sides = {}

    def permit(self):
        """Section 1."""
        state, request, t = self.state, self.request, self.t
        need(self.target in state.networks, DENY.NOT_A_MEMBER)
        self.record = state.present(self.facility, self.viewing)
        need(self.record is not None, DENY.FACILITY_NOT_REGISTERED)
        candidates = self._own() if self.is_own else self._candidates()
        footing, footing_end = self._footing()
        self.viewing_subject = (self.viewing, request.subject)
        self.disclosing_subject = self.viewing_subject
        if not self.is_search:
            self.disclosing_subject = (self.target, self._subject())
        if footing in (FOOTING.CONSENT, FOOTING.DISASTER_DRILL):
            dead = state.is_dead(*self.disclosing_subject) or state.is_dead(*self.viewing_subject)
            need(not dead, DENY.SUBJECT_DECEASED)

        union, denials = [], []
        for candidate in candidates:
            try:
                reaches = self._consented(candidate, footing)
            except Denied as denied:
                grant = candidate.grant
                denials.append(Denied(denied.reason, grant and grant[:2]))
                continue
            for reach in reaches:
                end = earliest(reach.end, candidate.end, footing_end)
                add(
                    union,
                    Reach(candidate.grant, reach.consents, reach.categories, reach.places, end),
                    BASES_MAX,
                )
        if not union:
            raise highest(denials)
        if self.is_search and footing == FOOTING.CONSENT:
            footing = FOOTING.AGREEMENT
        withheld, begin = [], None
        if footing != FOOTING.LAW:
            union, withheld, begin = self._narrowed(union)
        ends = [reach.end for reach in union]
        return {
            "subject": self.disclosing_subject[1],
            "bases": [_basis(reach) for reach in union],
            "withheld": [_withheld(*one) for one in withheld],
            "expires_ms": earliest(begin, later(t, PERMIT_MS), *ends),
            "footing": footing,
        }

    # Section 2

    def _own(self):
        request = self.request
        kind = nature(request.purpose)
        ceiling, end = ALL_CATEGORIES, None
        if kind != ORDINARY:
            ceiling = None
            standing = self.state.standing_policy(self.viewing, self.t)
            if kind in (BREAK_GLASS, DISASTER) and standing is not None:
                policy, end = standing
                if policy.policy.emergency is not None:
                    ceiling = frozenset(policy.policy.emergency.categories)
        need(ceiling is not None, DENY.PURPOSE_NOT_GRANTED)
        if kind == BREAK_GLASS:
            need(request.role in (ROLE.PHYSICIAN, ROLE.PARAMEDIC), DENY.ROLE_NOT_GRANTED)
        categories = ceiling & self.asked
        need(categories, DENY.CATEGORY_NOT_GRANTED)
        return [_Candidate(None, categories, None, end)]

    def _candidates(self):
        found, denials = [], []
        for agreement_id in sorted(self.state.agreements_of(self.target, self.viewing)):
            self._of_agreement(agreement_id, found, denials)
        if not found:
            raise highest(denials) if denials else Denied(DENY.NO_AGREEMENT)
        return found

    def _of_agreement(self, agreement_id, found, denials):
        agreement, t = self.state.agreements[agreement_id], self.t

        def between(version):
            if version is None:
                return False
            parties = agreement.versions[version].terms.parties
            return self.target in parties and self.viewing in parties

        def begins(version):
            return agreement.versions[version].terms.valid.from_ms

        def deny(reason, version):
            denials.append(Denied(reason, (agreement_id, version)))

        begun = max((v for v in agreement.signed if begins(v) <= t), default=None)
        above = [v for v in agreement.signed if begun is None or v > begun]
        to_come = min(above, key=lambda v: (begins(v), -v), default=None)
        stopped = agreement.suspended is not None or agreement.terminated
        if between(begun):
            terms = agreement.versions[begun].terms
            if stopped:
                deny(DENY.AGREEMENT_SUSPENDED, begun)
            elif has_ended(terms.valid, t):
                deny(DENY.AGREEMENT_NOT_IN_PERIOD, begun)
            else:
                self._in_force(terms, None if to_come is None else begins(to_come), found, deny)
        elif between(to_come):
            deny(DENY.AGREEMENT_SUSPENDED if stopped else DENY.AGREEMENT_NOT_IN_PERIOD, to_come)
        elif agreement.latest not in agreement.signed and between(agreement.latest):
            deny(DENY.AGREEMENT_NOT_SIGNED, agreement.latest)

    def _in_force(self, terms, until, found, deny):
        request = self.request
        deny(DENY.DIRECTION_NOT_GRANTED, terms.version)
        for position, grant in enumerate(terms.grants):
            if grant.disclosing != self.target or grant.viewing != self.viewing:
                continue
            categories = frozenset(grant.categories) & self.asked
            if not covers(grant.valid, self.t):
                deny(DENY.GRANT_NOT_IN_PERIOD, terms.version)
            elif request.purpose not in grant.purposes:
                deny(DENY.PURPOSE_NOT_GRANTED, terms.version)
            elif self.record.kind not in grant.facility_kinds:
                deny(DENY.FACILITY_KIND_NOT_GRANTED, terms.version)
            elif request.role not in grant.roles:
                deny(DENY.ROLE_NOT_GRANTED, terms.version)
            elif not categories:
                deny(DENY.CATEGORY_NOT_GRANTED, terms.version)
            else:
                end = earliest(grant.valid.until_ms, terms.valid.until_ms, until)
                found.append(
                    _Candidate((terms.id, terms.version, position), categories, grant.consent_rule, end)
                )

    # Section 3

    def _footing(self):
        kind, value = self.request.grounds
        if kind != "disaster":
            footing = {"ordinary": FOOTING.CONSENT, "emergency": FOOTING.BREAK_GLASS, "law": FOOTING.LAW}
            return footing[kind], None
        disaster = self.state.disasters.get(value.declaration)
        need(disaster is not None and disaster_holds(disaster, self.t), DENY.DISASTER_NOT_DECLARED)
        authority = self.state.authorities.get(disaster.authority)
        need(authority is not None and not authority.ended, DENY.DISASTER_NOT_DECLARED)
        area = set(disaster.area)

        def is_in(code, record):
            return code[:2] in area or (record.municipality is not None and record.municipality in area)

        inside = is_in(self.facility, self.record) or any(
            record.network == self.target and not record.left and is_in(code, record)
            for code, record in self.state.facilities.items()
        )
        need(inside, DENY.OUTSIDE_DISASTER_AREA)
        return (FOOTING.DISASTER_DRILL if disaster.drill else FOOTING.DISASTER), disaster.until_ms

    def _subject(self):
        """1.5."""
        if self.is_own:
            return self.request.subject
        for (_, subject), link in self.state.claims((self.viewing, self.request.subject), self.target):
            if link_holds(link):
                return subject
        raise Denied(DENY.SUBJECT_NOT_LINKED)

    # Section 5

    def _side(self, side):
        if side not in self.sides:
            self.sides[side] = Side(self, side)
        return self.sides[side]

    def _consented(self, candidate, footing):
        k = candidate.categories
        if self.is_search:
            return [Reach(None, frozenset(), k, ALL, None)]
        if footing == FOOTING.DISASTER_DRILL:
            return self._side(SIDE.DISCLOSING).within(k, "for_disasters")
        if footing != FOOTING.CONSENT:
            return [Reach(None, frozenset(), k, ALL, None)]
        rule = candidate.rule
        if rule == RULE.RECIPIENT_CONSENT_WITH_PROVIDER_RESERVATION:
            return self._by_recipient(k)
        if rule == RULE.DISCLOSING:
            return self._side(SIDE.DISCLOSING).within(k)
        if rule == RULE.VIEWING:
            return self._side(SIDE.VIEWING).within(k)
        disclosing, viewing = self._side(SIDE.DISCLOSING), self._side(SIDE.VIEWING)
        if rule is None and (disclosing.rule is None or viewing.rule is None):
            one = disclosing if disclosing.rule is not None else viewing
            return one.within(k)
        combine = either if rule == RULE.EITHER else both
        return combine(_tried(disclosing, k), _tried(viewing, k))

    def _by_recipient(self, k):
        viewing = self._side(SIDE.VIEWING)
        need(viewing.rule is not None, DENY.NO_CONSENT_POLICY)
        need(all(is_explicit(c) for c in viewing.rule.capture), DENY.EXPLICIT_CONSENT_NOT_REQUIRED)
        posted = []
        for index, notice in self.state.notices_of(self.target, "purposes"):
            if not notice_stands(notice, self.t) or self.request.purpose not in notice.purposes:
                continue
            places = ALL
            if notice.place is not None:
                places = self.listed([notice.place], self.target, index)
            if places is not None:
                add(posted, Reach(None, frozenset(), ALL_CATEGORIES, places, notice.period.until_ms), SIDE_MAX)
        need(posted, DENY.PURPOSES_NOT_POSTED)
        return meetings(posted, viewing.within(k, "at_visit"))

    def listed(self, facilities, network, before):
        """Section 6: of the facilities those present in the network and registered before an index."""
        out = {}
        for facility in facilities:
            record = self.state.present(facility, network)
            if record is not None and (before is None or record.registered < before):
                out[facility] = record.registered
        return listed(out)

    # Section 8

    def _narrowed(self, union):
        request, t = self.request, self.t
        withheld, begin = [], None
        subjects = [self.disclosing_subject]
        if self.viewing_subject != self.disclosing_subject:
            subjects.append(self.viewing_subject)
        for subject in subjects:
            reservations = self.state.reservations_of(*subject)
            need(len(reservations) <= RESERVATIONS_MAX, DENY.RESERVED_BY_PATIENT)
            named = sum(reservation_names(given.reservation) for given in reservations)
            need(named <= RESERVATION_NAMES_MAX, DENY.RESERVED_BY_PATIENT)
            for given in reservations:
                reservation = given.reservation
                if given.cleared or has_ended(reservation.period, t) or not self._concerns(reservation):
                    continue
                if reservation.period.from_ms > t:
                    begin = earliest(begin, reservation.period.from_ms)
                    continue
                categories = reservation.categories and tuple(reservation.categories.categories)
                facilities = reservation.disclosing_facilities
                if facilities is not None:
                    one = (categories, tuple(facilities.facilities))
                    if one not in withheld:
                        withheld.append(one)
                    continue
                need(categories is not None, DENY.RESERVED_BY_PATIENT)
                union = [
                    Reach(r.grant, r.consents, r.categories - set(categories), r.places, r.end)
                    for r in union
                    if r.categories - set(categories)
                ]
        need(union and len(withheld) <= WITHHELD_MAX, DENY.RESERVED_BY_PATIENT)
        return union, withheld, begin

    def _concerns(self, reservation):
        request = self.request
        kind, who = reservation.viewer
        viewer = {
            "anyone": True,
            "viewer_network": who == self.viewing,
            "viewer_facility": who == self.facility,
            "viewer_practitioner": who == request.practitioner_id,
        }[kind]
        return viewer and (reservation.purposes is None or request.purpose in reservation.purposes.purposes)


# Section 9


def _basis(reach):
    kind = reach.places[0]
    if kind == "all":
        facilities = ("all", {})
    elif kind == "before":
        facilities = ("registered_before", reach.places[1])
    else:
        facilities = ("listed", {"facilities": sorted(reach.places[1])})
    return {
        "agreement": None if reach.grant is None else _reference(reach.grant),
        "grant": 0 if reach.grant is None else reach.grant[2],
        "consents": sorted(reach.consents),
        "categories": sorted(reach.categories),
        "facilities": facilities,
    }


def _withheld(categories, facilities):
    return {
        "categories": None if categories is None else {"categories": list(categories)},
        "facilities": {"facilities": list(facilities)},
    }
