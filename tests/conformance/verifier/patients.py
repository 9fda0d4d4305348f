"""Consents, reservations, links, proxies, deaths (apply.md 5, Patients)."""

from .by import CHANGES_MAX, Refused, need
from .codes import CAPTURE, ORDINARY, PROXY, PURPOSE, REFUSE, SCOPE, SIDE, nature
from .state import Record, has_ended, later, link_holds, notice_stands, reservation_names

DAY_MS = 86_400_000
JAPAN_MS = 9 * 3_600_000


def _provides_for(rule, consent):
    kind, listed = consent.facilities
    listed = listed.facilities if kind == "listed_facilities" else None
    own = listed == [consent.recorded_by]
    taken = consent.capture in rule.capture
    scope = rule.scope
    if scope == SCOPE.ALL_FACILITIES:
        fits = listed is None
    elif scope == SCOPE.LISTED_FACILITIES:
        fits = listed is not None
    elif scope == SCOPE.EACH_FACILITY:
        fits = own
    elif scope == SCOPE.EACH_PRACTITIONER:
        one = consent.practitioners is not None and len(consent.practitioners.practitioners) == 1
        fits = one and (own or (consent.side == SIDE.DISCLOSING and listed is not None))
    else:
        other = consent.counterpart
        fits = listed is not None and len(listed) == 1
        fits = fits and other is not None and len(other.facilities) == 1
    if taken and fits:
        return True
    new, value = rule.new_facility.rule
    if new == "needs_consent":
        wide = scope in (SCOPE.ALL_FACILITIES, SCOPE.LISTED_FACILITIES)
        return wide and listed is not None and consent.capture == value
    if new == "when_card_presented":
        return own and consent.capture == CAPTURE.CARD_PRESENTED
    return new == "facility_choice" and own and taken


def _consent_grant(by, body):
    state, t = by.state, by.t
    by.node_of(body.network)
    need(not has_ended(body.period, t), REFUSE.INVALID_CONTENT)
    if body.purposes is not None:
        for purpose in body.purposes.purposes:
            known = nature(purpose) == ORDINARY or purpose == PURPOSE.DISASTER
            need(known, REFUSE.INVALID_CONTENT)
    need(not state.is_dead(body.network, body.subject), REFUSE.SUBJECT_DECEASED)
    by.proxy(body)
    by.present(body.recorded_by, body.network)
    standing = state.standing_policy(body.network, t)
    need(standing is not None, REFUSE.NO_CONSENT_POLICY)
    policy = standing[0].policy
    need(body.policy_version == policy.version, REFUSE.WRONG_VERSION)
    rule = policy.disclosing if body.side == SIDE.DISCLOSING else policy.viewing
    need(rule is not None and _provides_for(rule, body), REFUSE.POLICY_FORBIDS)
    if body.capture == CAPTURE.NOTICE_WITH_OPT_OUT:
        posted = any(
            notice_stands(n, t) and n.place in (None, body.recorded_by)
            for _, n in state.notices_of(body.network, "purposes")
        )
        need(posted, REFUSE.NOTICE_NOT_POSTED)
    kind, listed = body.facilities
    if kind == "listed_facilities":
        for facility in listed.facilities:
            by.present(facility, body.network)
    of = (body.network, body.subject, body.side)
    before = state.consents.get(of, {}).values()
    need(len(before) < 512, REFUSE.TOO_MANY)
    named = sum(_names(g.consent) for g in before)
    need(named + _names(body) <= 4096, REFUSE.TOO_MANY)
    given = Record(consent=body, granted_at=t, withdrawn=False)

    def effect():
        state.consents.setdefault(of, {})[by.i] = given

    return effect


def _names(consent):
    kind, listed = consent.facilities
    total = len(listed.facilities) if kind == "listed_facilities" else 0
    if consent.counterpart is not None:
        total += len(consent.counterpart.facilities)
    if consent.practitioners is not None:
        total += len(consent.practitioners.practitioners)
    return total


def _find(records, index):
    """A record by its index alone, among those kept by their subject."""
    for of_subject in records.values():
        if index in of_subject:
            return of_subject[index]
    raise Refused(REFUSE.NOT_FOUND)


def _consent_withdraw(by, body):
    given = _find(by.state.consents, body.consent)
    by.node_of(given.consent.network)
    by.is_or_was_of(body.recorded_by, given.consent.network)
    need(not given.withdrawn, REFUSE.ENDED)

    def effect():
        given.withdrawn = True

    return effect


def _reservation_set(by, body):
    by.node_of(body.network)
    need(not has_ended(body.period, by.t), REFUSE.INVALID_CONTENT)
    by.is_or_was_of(body.recorded_by, body.network)
    by.proxy(body)
    of = (body.network, body.subject)
    before = by.state.reservations.get(of, {}).values()
    need(len(before) < 513, REFUSE.TOO_MANY)
    need(sum(reservation_names(g.reservation) for g in before) <= 4096, REFUSE.TOO_MANY)
    given = Record(reservation=body, cleared=False)

    def effect():
        by.state.reservations.setdefault(of, {})[by.i] = given

    return effect


def _reservation_clear(by, body):
    given = _find(by.state.reservations, body.reservation)
    network = given.reservation.network
    by.node_of(network)
    by.present(body.recorded_by, network)
    need(not given.cleared, REFUSE.ENDED)

    def effect():
        given.cleared = True

    return effect


def _reservation_seal(by, body):
    by.node()

    def effect():
        by.state.seals[by.i] = Record(network=by.network, lifted=False)

    return effect


def _reservation_unseal(by, body):
    seal = by.state.seals.get(body.seal)
    need(seal is not None, REFUSE.NOT_FOUND)
    by.node_of(seal.network)
    need(not seal.lifted, REFUSE.ENDED)

    def effect():
        seal.lifted = True

    return effect


def _pair(by, body):
    return (by.network, body.own), (body.other.network, body.other.subject)


def _subject_link(by, body):
    by.node()
    a, b = _pair(by, body)
    need(a[0] != b[0], REFUSE.INVALID_CONTENT)
    need(b[0] in by.state.networks, REFUSE.NOT_FOUND)
    for one, far in ((a, b), (b, a)):
        claims = by.state.claims(one, far[0])
        need(all(other == far or not link_holds(link) for other, link in claims), REFUSE.ALREADY_EXISTS)
        need(len(claims) < 64 or any(other == far for other, _ in claims), REFUSE.TOO_MANY)
    link = by.state.links.get(frozenset((a, b)))
    if link is not None:
        need(by.network not in link.said_by, REFUSE.ALREADY_EXISTS)
        need(link.changes < CHANGES_MAX, REFUSE.TOO_MANY)

    def effect():
        now = by.state.links.setdefault(frozenset((a, b)), Record(said_by=set(), changes=0))
        now.said_by.add(by.network)
        now.changes += 1

    return effect


def _subject_unlink(by, body):
    by.node()
    a, b = _pair(by, body)
    link = by.state.links.get(frozenset((a, b)))
    need(link is not None, REFUSE.NOT_FOUND)
    need(by.network in link.said_by, REFUSE.ENDED)

    def effect():
        link.said_by.remove(by.network)
        link.changes += 1

    return effect


def is_first_of_april(time):
    """Whether an instant is 1 April, 00:00 at UTC+9, in the proleptic Gregorian calendar."""
    local = later(time, JAPAN_MS)
    if local % DAY_MS:
        return False
    # 400 years have 146,097 days; the day of such a cycle is looked up in the calendar of 2000 to 2399.
    days = (local // DAY_MS - 10_957) % 146_097
    year = 2000
    while True:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        if days < 365 + leap:
            return days == 31 + 28 + leap + 31
        days -= 365 + leap
        year += 1


def _proxy_register(by, body):
    by.node_of(body.network)
    need(not has_ended(body.period, by.t), REFUSE.INVALID_CONTENT)
    until = body.period.until_ms
    if until is None:
        need(body.kind == PROXY.GUARDIAN, REFUSE.INVALID_CONTENT)
    elif body.kind == PROXY.PARENT:
        need(is_first_of_april(until), REFUSE.INVALID_CONTENT)
    by.present(body.recorded_by, body.network)
    need(not by.state.is_dead(body.network, body.subject), REFUSE.SUBJECT_DECEASED)
    proxy = Record(network=body.network, subject=body.subject, period=body.period, ended=False)

    def effect():
        by.state.proxies[by.i] = proxy

    return effect


def _proxy_end(by, body):
    proxy = by.state.proxies.get(body.proxy)
    need(proxy is not None, REFUSE.NOT_FOUND)
    by.node_of(proxy.network)
    by.is_or_was_of(body.recorded_by, proxy.network)
    need(not proxy.ended, REFUSE.ENDED)

    def effect():
        proxy.ended = True

    return effect


def _death(recorded):
    def rule(by, body):
        by.node()
        by.is_or_was_of(body.recorded_by, by.network)
        of = (by.network, body.subject)
        before = by.state.deaths.get(of) or Record(recorded=False, changes=0)
        if recorded:
            need(not before.recorded, REFUSE.ALREADY_EXISTS)
            need(before.changes < CHANGES_MAX, REFUSE.TOO_MANY)
        else:
            need(before.recorded, REFUSE.NOT_FOUND)

        def effect():
            by.state.deaths[of] = Record(recorded=recorded, changes=before.changes + 1)

        return effect

    return rule


RULES = {
    "consent_grant": _consent_grant,
    "consent_withdraw": _consent_withdraw,
    "reservation_set": _reservation_set,
    "reservation_clear": _reservation_clear,
    "subject_link": _subject_link,
    "subject_unlink": _subject_unlink,
    "proxy_register": _proxy_register,
    "proxy_end": _proxy_end,
    "death_record": _death(True),
    "death_retract": _death(False),
    "reservation_seal": _reservation_seal,
    "reservation_unseal": _reservation_unseal,
}
