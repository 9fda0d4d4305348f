"""Acts of consent and their places (authorize.md 5 and 6)."""

from .codes import ALL_CATEGORIES, CAPTURE, DENY, SIDE, is_explicit
from .reach import ALL, LIST_MAX, SIDE_MAX, Denied, Reach, add, need
from .state import covers, earliest, has_ended, later, notice_stands, proxy_holds

DAY_MS = 86_400_000


class Act:
    def __init__(self, reaches, at_visit, for_disasters):
        self.reaches, self.at_visit, self.for_disasters = reaches, at_visit, for_disasters


class Side:
    """Section 5: one side's rule, acts and reason."""

    def __init__(self, asking, side):
        self.asking, self.side, self.state, self.t = asking, side, asking.state, asking.t
        disclosing = side == SIDE.DISCLOSING
        self.network, subject = asking.disclosing_subject if disclosing else asking.viewing_subject
        self.rule, self.acts, self.reason = None, [], DENY.NO_CONSENT_POLICY
        standing = self.state.standing_policy(self.network, self.t)
        if standing is None:
            return
        policy, self.until = standing
        self.rule = self._rule_of(policy)
        own = asking.target == asking.request.viewing
        self.alone = own and self.side == SIDE.DISCLOSING and policy.policy.viewing is None
        if self.rule is None:
            return
        self.reason = DENY.NO_DISCLOSING_CONSENT if disclosing else DENY.NO_VIEWING_CONSENT
        for index, given in self.state.consents_of(self.network, subject, side):
            try:
                self.acts.append(self._act(index, given))
            except Denied as denied:
                self.reason = max(self.reason, denied.reason)

    def _rule_of(self, policy):
        return policy.policy.disclosing if self.side == SIDE.DISCLOSING else policy.policy.viewing

    def within(self, categories, fit=None):
        """The acts within categories, of all or those with a property."""
        acts = [act for act in self.acts if fit is None or getattr(act, fit)]
        out = []
        for act in acts:
            for reach in act.reaches:
                common = reach.categories & categories
                if common:
                    add(out, Reach(None, reach.consents, common, reach.places, reach.end), SIDE_MAX)
        if not out:
            raise Denied(DENY.CONSENT_FOR_OTHER_CATEGORY if acts else self.reason)
        return out

    def _act(self, g, given):
        """5.3 and 5.4."""
        consent, request, t = given.consent, self.asking.request, self.t
        need(not given.withdrawn, DENY.CONSENT_WITHDRAWN)
        voiding = earliest(
            *(
                policy.effective_from
                for policy in self.state.policies[self.network]
                if policy.voids_earlier and policy.version > consent.policy_version
            )
        )
        need(voiding is None or t < voiding, DENY.CONSENT_VOIDED)
        need(covers(consent.period, t), DENY.CONSENT_NOT_IN_PERIOD)
        ends = [self.until, voiding, consent.period.until_ms]
        if consent.proxy is not None:
            proxy = self.state.proxies.get(consent.proxy)
            need(proxy is not None and proxy_holds(proxy, t), DENY.CONSENT_PROXY_ENDED)
            ends.append(proxy.period.until_ms)
        if consent.capture == CAPTURE.NOTICE_WITH_OPT_OUT:
            ends.append(self._notice_end(g, given))
        places = self._places(g, consent)
        need(places, DENY.CONSENT_FOR_OTHER_FACILITY)
        who = consent.practitioners
        need(who is None or request.practitioner_id in who.practitioners, DENY.CONSENT_FOR_OTHER_PRACTITIONER)
        purposes = consent.purposes
        need(purposes is None or request.purpose in purposes.purposes, DENY.CONSENT_FOR_OTHER_PURPOSE)
        limited = consent.categories
        categories = ALL_CATEGORIES if limited is None else frozenset(limited.categories)
        end = earliest(*ends)
        here = self.asking.facility
        kind, listed = consent.facilities
        at_visit = (
            kind == "listed_facilities"
            and here in listed.facilities
            and consent.recorded_by == here
            and is_explicit(consent.capture)
        )
        reaches = [Reach(None, frozenset([g]), categories, place, end) for place in places]
        return Act(reaches, at_visit, purposes is not None)

    def _notice_end(self, g, given):
        """5.3.5, and what 5.4 says of it."""
        then, ends = False, []
        for index, notice in self.state.notices_of(self.network, "purposes"):
            if self.asking.request.purpose not in notice.purposes:
                continue
            if notice.place not in (None, given.consent.recorded_by):
                continue
            at = given.granted_at
            kept = notice.removed is None or g < notice.removed
            then |= index < g and kept and notice.stands_from <= at and not has_ended(notice.period, at)
            if notice_stands(notice, self.t):
                ends.append(notice.period.until_ms)
        need(then and ends, DENY.CONSENT_NOTICE_ENDED)
        return None if None in ends else max(ends)

    def _places(self, g, consent):
        """Section 6."""
        asking, here = self.asking, self.asking.facility
        known = asking.record.registered < g
        kind, listed = consent.facilities
        other = consent.counterpart
        if self.side == SIDE.DISCLOSING:
            if other is not None and not (here in other.facilities and known):
                return []
            if self.alone and not known and here not in self._joined(consent):
                return []
            if kind == "listed_facilities":
                places = [asking.listed(listed.facilities, self.network, g)]
            else:
                joined = self._joined(consent)
                places = [("before", g)]
                for at in range(0, len(joined), LIST_MAX):
                    places.append(asking.listed(joined[at : at + LIST_MAX], self.network, None))
        else:
            if kind == "listed_facilities":
                looks = known and here in listed.facilities
            else:
                looks = known or here in self._joined(consent)
            if not looks:
                return []
            places = [ALL if other is None else asking.listed(other.facilities, asking.target, g)]
        return [place for place in places if place is not None]

    def _joined(self, consent):
        """The facilities that joined after the consent, ascending."""
        policies = self.state.policies[self.network]
        then = next((p for p in policies if p.version == consent.policy_version), None)
        then = then and self._rule_of(then)
        if then is None:
            return []
        (kind, days), (kind_now, days_now) = then.new_facility.rule, self.rule.new_facility.rule
        if kind != "after_notice_days" or kind_now != "after_notice_days":
            return []
        joined = set()
        for index, notice in self.state.notices_of(self.network, "joining_facility"):
            matures = later(notice.stands_from, max(days, days_now) * DAY_MS)
            until = notice.period.until_ms
            if notice.removed is not None or matures > self.t or (until is not None and until < matures):
                continue
            record = self.state.present(notice.place, self.network)
            if record is not None and record.registered < index:
                joined.add(notice.place)
        return sorted(joined)
