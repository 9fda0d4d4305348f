"""What each entry does to the state (apply.md 3 to 5)."""

import hashlib

from . import keys, wire
from .authorize import decide
from .codes import ACTION, CAPTURE, FOOTING, KEY, ORDINARY, PROXY, PURPOSE, REFUSE, SCOPE, SIDE, nature
from .leaf import LEAF_BYTES_MAX
from .state import (
    Record,
    has_ended,
    is_reviewed,
    later,
    link_holds,
    notice_stands,
    proxy_holds,
    reservation_names,
)

DAY_MS = 86_400_000
JAPAN_MS = 9 * 3_600_000
DECLARATION_MS_MAX = 604_800_000
CHANGES_MAX = 256


class Refused(Exception):
    """A rule does not hold."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def need(ok, reason):
    """`condition -> reason`: refuses unless it holds."""
    if not ok:
        raise Refused(reason)


def is_authentic(state, leaf):
    """Section 3; the entry's request id is used from then on."""
    entry, envelope = leaf.entry, leaf.envelope
    author = state.keys.get(entry.author)
    if author is None or (author.network, entry.request_id) in state.requests:
        return False
    if entry.ledger != state.ledger or entry.lineage != 1:
        return False
    if not entry.not_before_ms <= leaf.time_ms < entry.not_after_ms:
        return False
    message = keys.pae(envelope.payload_type, envelope.payload)
    signed = False
    for signature in envelope.signatures:
        key = state.keys.get(signature.key_id)
        if key is None or key.revoked or not keys.holds(key.key, message, signature.signature):
            return False
        signed |= signature.key_id == entry.author
    if signed:
        state.requests.add((author.network, entry.request_id))
    return signed


def outcome(state, leaf):
    """Section 4: the encoded outcome, with its effect on the state."""
    by = _By(state, leaf)
    name, body = leaf.entry.body
    try:
        effect = RULES[name](by, body)
    except Refused as refusal:
        return _encoded(("refused", refusal.reason))
    decided = None
    if name == "access_request":
        decided = decide(state, body, by.t)
        result = _encoded(("decided", {"decisions": decided}))
    else:
        result = _encoded(("accepted", {}))
    if _leaf_bytes(leaf, result) > LEAF_BYTES_MAX:
        return _encoded(("refused", REFUSE.TOO_MANY))
    if decided is not None:
        _access(by, body, decided)
    elif effect is not None:
        effect()
    return result


def _encoded(member):
    return wire.encode("Outcome", {"outcome": member})


def _leaf_bytes(leaf, result):
    """The length of the leaf with this outcome in place of its own."""
    written = len(leaf.outcome.raw)
    prefix = len(wire.varint(len(result))) - len(wire.varint(written))
    return len(leaf.raw) + len(result) - written + prefix


class _By:
    """Who says it, where and when; and the rules that many entries share."""

    def __init__(self, state, leaf):
        self.state, self.i, self.t = state, leaf.index, leaf.time_ms
        self.author = leaf.entry.author
        key = state.keys[self.author]
        self.network, self.purpose = key.network, key.purpose
        # The body's field in the entry: everything after the entry's own fields.
        self.saying = _body_bytes(leaf.entry)

    def governance(self):
        need(self.purpose == KEY.GOVERNANCE, REFUSE.NOT_AUTHORISED)

    def node(self):
        need(self.purpose == KEY.NODE, REFUSE.NOT_AUTHORISED)

    def node_of(self, network):
        need(self.purpose == KEY.NODE and self.network == network, REFUSE.NOT_AUTHORISED)

    def rules_over(self, purpose):
        if self.purpose == KEY.GOVERNANCE:
            return purpose != KEY.AUTHORITY
        return self.purpose == KEY.AUTHORITY == purpose

    def present(self, facility, network):
        need(self.state.present(facility, network) is not None, REFUSE.FACILITY_UNKNOWN)

    def is_or_was_of(self, facility, network):
        need(self.state.is_or_was_of(facility, network), REFUSE.FACILITY_UNKNOWN)

    def new_key(self, key):
        need(keys.registrable(key), REFUSE.WEAK_KEY)
        need(keys.key_id(key) not in self.state.keys, REFUSE.ALREADY_EXISTS)

    def proxy(self, body):
        if body.proxy is None:
            return
        proxy = self.state.proxies.get(body.proxy)
        ok = (
            proxy is not None
            and (proxy.network, proxy.subject) == (body.network, body.subject)
            and proxy_holds(proxy, self.t)
        )
        need(ok, REFUSE.PROXY_INVALID)

    def majority(self, effect):
        """What the entry does, once more than half of the networks have said the same."""
        said = self.state.sayings.get(self.saying, set())
        need(self.network not in said, REFUSE.ALREADY_EXISTS)

        def say():
            now = said | {self.network}
            if 2 * len(now) > len(self.state.networks):
                self.state.sayings.pop(self.saying, None)
                effect()
            else:
                self.state.sayings[self.saying] = now

        return say


def _body_bytes(entry):
    name, body = entry.body
    number = next(f.number for f in wire.TYPES["Entry"].fields if f.name == name)
    return wire.varint(number << 3 | 2) + wire.varint(len(body.raw)) + body.raw


# Members


def _id_is_free(by, network):
    taken = network in by.state.networks or network in by.state.authorities
    need(not taken, REFUSE.ALREADY_EXISTS)


def _network_admit(by, body):
    by.governance()
    _id_is_free(by, body.network)
    need(len(by.state.networks) < 64, REFUSE.TOO_MANY)
    by.new_key(body.governance_key)

    def effect():
        by.state.networks.add(body.network)
        by.state.put_key(body.network, KEY.GOVERNANCE, body.governance_key)

    return by.majority(effect)


def _authority_admit(by, body):
    by.governance()
    _id_is_free(by, body.authority)
    need(len(by.state.authorities) < 128, REFUSE.TOO_MANY)
    by.new_key(body.key)

    def effect():
        by.state.authorities[body.authority] = Record(prefectures=set(body.prefectures), ended=False)
        by.state.put_key(body.authority, KEY.AUTHORITY, body.key)

    return by.majority(effect)


def _authority_end(by, body):
    by.governance()
    authority = by.state.authorities.get(body.authority)
    need(authority is not None, REFUSE.NOT_FOUND)
    need(not authority.ended, REFUSE.ENDED)

    def effect():
        authority.ended = True

    return by.majority(effect)


def _key_add(by, body):
    need(by.rules_over(body.purpose), REFUSE.NOT_AUTHORISED)
    transport = body.purpose == KEY.TRANSPORT
    need((body.endpoint is not None) == transport, REFUSE.INVALID_CONTENT)
    by.new_key(body.public_key)
    own = [key for key in by.state.keys.values() if key.network == by.network]
    need(len(own) < 64, REFUSE.TOO_MANY)
    return lambda: by.state.put_key(by.network, body.purpose, body.public_key)


def _key_revoke(by, body):
    may = by.purpose in (KEY.GOVERNANCE, KEY.AUTHORITY) and body.key != by.author
    need(may, REFUSE.NOT_AUTHORISED)
    key = by.state.keys.get(body.key)
    need(key is not None, REFUSE.NOT_FOUND)
    need(key.network == by.network and by.rules_over(key.purpose), REFUSE.NOT_AUTHORISED)
    need(not key.revoked, REFUSE.ENDED)

    def effect():
        key.revoked = True

    return effect


def _facility_register(by, body):
    by.governance()
    fits = body.municipality is None or body.municipality[:2] == body.facility[:2]
    need(fits, REFUSE.INVALID_CONTENT)
    before = by.state.facilities.get(body.facility)
    need(before is None or before.left, REFUSE.ALREADY_EXISTS)
    changes = 0 if before is None else before.changes
    need(changes < CHANGES_MAX, REFUSE.TOO_MANY)

    def effect():
        by.state.facilities[body.facility] = Record(
            network=by.network,
            kind=body.kind,
            municipality=body.municipality,
            registered=by.i,
            left=False,
            changes=changes + 1,
        )

    return effect


def _facility_leave(by, body):
    by.governance()
    facility = by.state.facilities.get(body.facility)
    need(facility is not None, REFUSE.NOT_FOUND)
    need(facility.network == by.network, REFUSE.NOT_AUTHORISED)
    need(not facility.left, REFUSE.ENDED)

    def effect():
        facility.left = True
        facility.changes += 1

    return effect


def _policy_publish(by, body):
    by.governance()
    policies = by.state.policies.get(by.network, [])
    need(len(policies) < 256, REFUSE.TOO_MANY)
    last = policies[-1].version if policies else 0
    need(body.version == last + 1, REFUSE.WRONG_VERSION)
    policy = Record(
        version=body.version,
        policy=body,
        voids_earlier=body.voids_earlier,
        effective_from=max(body.valid_from_ms, by.t),
    )
    return lambda: by.state.policies.setdefault(by.network, []).append(policy)


def _notice_post(by, body):
    by.governance()
    need(not has_ended(body.period, by.t), REFUSE.INVALID_CONTENT)
    about, what = body.about
    place = what if about == "joining_facility" else what.facility
    if place is not None:
        by.present(place, by.network)
    need(len(by.state.notices_of(by.network, about)) < 1024, REFUSE.TOO_MANY)
    notice = Record(
        network=by.network,
        about=about,
        place=place,
        purposes=None if about == "joining_facility" else frozenset(what.purposes),
        period=body.period,
        stands_from=max(body.period.from_ms, by.t),
        removed=None,
    )

    def effect():
        by.state.notices[by.i] = notice

    return effect


def _notice_remove(by, body):
    by.governance()
    notice = by.state.notices.get(body.notice)
    need(notice is not None, REFUSE.NOT_FOUND)
    need(notice.network == by.network, REFUSE.NOT_AUTHORISED)
    need(notice.removed is None, REFUSE.ENDED)

    def effect():
        notice.removed = by.i

    return effect


# Agreements


def _is_party(agreement, network, t):
    for version in reversed(agreement.signed or [agreement.latest]):
        terms = agreement.versions[version].terms
        if network in terms.parties:
            return True
        if terms.valid.from_ms <= t:
            return False
    return False


def _list(by, agreement_id, parties):
    """The rule; its effect."""
    others = [party for party in parties if party != by.network]
    for other in others:
        listed = by.state.agreements_of(by.network, other)
        need(agreement_id in listed or len(listed) < 32, REFUSE.TOO_MANY)

    def effect():
        for other in others:
            by.state.listed.setdefault(frozenset((by.network, other)), set()).add(agreement_id)

    return effect


def _agreement_propose(by, body):
    by.governance()
    need(by.network in body.parties, REFUSE.NOT_A_PARTY)
    need(all(party in by.state.networks for party in body.parties), REFUSE.NOT_FOUND)
    agreement = by.state.agreements.get(body.id)
    latest = 0
    if agreement is not None:
        need(not agreement.terminated, REFUSE.ENDED)
        latest = agreement.latest
        last = by.network in agreement.versions[latest].terms.parties
        need(last or _is_party(agreement, by.network, by.t), REFUSE.NOT_A_PARTY)
    need(body.version == latest + 1, REFUSE.WRONG_VERSION)
    need(body.version <= 256, REFUSE.TOO_MANY)
    list_it = _list(by, body.id, body.parties)

    def effect():
        list_it()
        if body.id not in by.state.agreements:
            by.state.agreements[body.id] = Record(
                latest=0, signed=[], suspended=None, terminated=False, versions={}
            )
        now = by.state.agreements[body.id]
        now.latest = body.version
        digest = hashlib.sha256(body.raw).digest()
        now.versions[body.version] = Record(terms=body, digest=digest, signed={by.network: by.i})

    return effect


def _agreement_sign(by, body):
    by.governance()
    agreement = by.state.agreements.get(body.id)
    version = agreement.versions.get(body.version) if agreement is not None else None
    need(version is not None, REFUSE.NOT_FOUND)
    need(by.network in version.terms.parties, REFUSE.NOT_A_PARTY)
    need(not agreement.terminated, REFUSE.ENDED)
    need(agreement.latest == body.version, REFUSE.WRONG_VERSION)
    need(version.digest == body.digest, REFUSE.DIGEST_MISMATCH)
    need(by.network not in version.signed, REFUSE.ALREADY_EXISTS)
    list_it = _list(by, body.id, version.terms.parties)

    def effect():
        list_it()
        version.signed[by.network] = by.i
        if all(party in version.signed for party in version.terms.parties):
            agreement.signed.append(body.version)
            if agreement.suspended is not None and min(version.signed.values()) > agreement.suspended:
                agreement.suspended = None
                agreement.signed = [body.version]

    return effect


def _agreement_end(by, body):
    by.governance()
    agreement = by.state.agreements.get(body.id)
    need(agreement is not None, REFUSE.NOT_FOUND)
    need(_is_party(agreement, by.network, by.t), REFUSE.NOT_A_PARTY)
    need(not agreement.terminated, REFUSE.ENDED)
    return agreement


def _agreement_suspend(by, body):
    agreement = _agreement_end(by, body)
    need(agreement.suspended is None, REFUSE.ALREADY_EXISTS)

    def effect():
        agreement.suspended = by.i

    return effect


def _agreement_terminate(by, body):
    agreement = _agreement_end(by, body)

    def effect():
        agreement.terminated = True

    return effect


# Patients


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


# Access


def _access_request(by, body):
    by.node_of(body.viewing)


def _access(by, body, decisions):
    """What a decided request leaves."""
    by.state.accesses[by.i] = Record(request=body, decisions=decisions)
    permits = [terms for kind, terms in (d["decision"] for d in decisions) if kind == "permit"]
    if any(terms["footing"] == FOOTING.BREAK_GLASS for terms in permits):
        by.state.emergencies[by.i] = Record(
            viewing=body.viewing, practitioner=body.practitioner_id, verdict=None, told=False, changes=1
        )


def _transfer(kind):
    def rule(by, body):
        by.node()
        access = by.state.accesses.get(body.access)
        need(access is not None, REFUSE.NOT_FOUND)
        party = body.disclosing if kind == "release" else access.request.viewing
        need(by.network == party, REFUSE.NOT_AUTHORISED)
        permitted = any(
            d["network"] == body.disclosing and d["decision"][0] == "permit" for d in access.decisions
        )
        asked = (
            access.request.action == ACTION.RETRIEVE_DOCUMENT and access.request.document == body.document
        )
        need(permitted and asked, REFUSE.NOT_PERMITTED)
        transfer = (body.access, kind)
        need(transfer not in by.state.transfers, REFUSE.ALREADY_EXISTS)
        return lambda: by.state.transfers.add(transfer)

    return rule


# Emergencies and disasters


def _emergency_review(by, body):
    need(by.purpose == KEY.OFFICER, REFUSE.NOT_AUTHORISED)
    emergency = by.state.emergencies.get(body.access)
    need(emergency is not None, REFUSE.NOT_FOUND)
    need(by.network == emergency.viewing, REFUSE.NOT_AUTHORISED)
    need(body.reviewer != emergency.practitioner, REFUSE.SECOND_PERSON_NEEDED)
    need(not is_reviewed(emergency), REFUSE.ENDED)
    need(emergency.changes < CHANGES_MAX, REFUSE.TOO_MANY)

    def effect():
        emergency.verdict = body.verdict
        emergency.changes += 1

    return effect


def _patient_told(by, body):
    emergency = by.state.emergencies.get(body.access)
    need(emergency is not None, REFUSE.NOT_FOUND)
    by.node_of(emergency.viewing)
    by.present(body.recorded_by, emergency.viewing)
    need(not emergency.told, REFUSE.ALREADY_EXISTS)

    def effect():
        emergency.told = True
        emergency.changes += 1

    return effect


def _may_declare(by, areas):
    authority = by.state.authorities.get(by.network) if by.purpose == KEY.AUTHORITY else None
    ok = (
        authority is not None
        and not authority.ended
        and all(area[:2] in authority.prefectures for area in areas)
    )
    need(ok, REFUSE.NOT_AUTHORISED)


def _disaster_declare(by, body):
    _may_declare(by, body.area)
    latest = later(max(body.from_ms, by.t), DECLARATION_MS_MAX)
    need(by.t < body.until_ms <= latest, REFUSE.INVALID_CONTENT)
    disaster = Record(
        authority=by.network,
        area=body.area,
        from_ms=body.from_ms,
        until_ms=body.until_ms,
        drill=body.drill,
        ended=False,
        changes=1,
    )

    def effect():
        by.state.disasters[by.i] = disaster

    return effect


def _own_disaster(by, index):
    need(by.purpose == KEY.AUTHORITY, REFUSE.NOT_AUTHORISED)
    disaster = by.state.disasters.get(index)
    need(disaster is not None, REFUSE.NOT_FOUND)
    need(disaster.authority == by.network, REFUSE.NOT_AUTHORISED)
    need(not disaster.ended and by.t < disaster.until_ms, REFUSE.ENDED)
    return disaster


def _disaster_extend(by, body):
    disaster = _own_disaster(by, body.declaration)
    _may_declare(by, disaster.area)
    latest = later(max(disaster.from_ms, by.t), DECLARATION_MS_MAX)
    need(disaster.until_ms < body.until_ms <= latest, REFUSE.INVALID_CONTENT)
    need(disaster.changes < CHANGES_MAX, REFUSE.TOO_MANY)

    def effect():
        disaster.until_ms = body.until_ms
        disaster.changes += 1

    return effect


def _disaster_end(by, body):
    disaster = _own_disaster(by, body.declaration)

    def effect():
        disaster.ended = True

    return effect


RULES = {
    "network_admit": _network_admit,
    "key_add": _key_add,
    "key_revoke": _key_revoke,
    "facility_register": _facility_register,
    "facility_leave": _facility_leave,
    "consent_policy_publish": _policy_publish,
    "agreement_propose": _agreement_propose,
    "agreement_sign": _agreement_sign,
    "agreement_suspend": _agreement_suspend,
    "agreement_terminate": _agreement_terminate,
    "consent_grant": _consent_grant,
    "consent_withdraw": _consent_withdraw,
    "reservation_set": _reservation_set,
    "reservation_clear": _reservation_clear,
    "subject_link": _subject_link,
    "subject_unlink": _subject_unlink,
    "access_request": _access_request,
    "release": _transfer("release"),
    "receipt": _transfer("receipt"),
    "authority_admit": _authority_admit,
    "authority_end": _authority_end,
    "notice_post": _notice_post,
    "notice_remove": _notice_remove,
    "proxy_register": _proxy_register,
    "proxy_end": _proxy_end,
    "death_record": _death(True),
    "death_retract": _death(False),
    "reservation_seal": _reservation_seal,
    "reservation_unseal": _reservation_unseal,
    "emergency_review": _emergency_review,
    "patient_told": _patient_told,
    "disaster_declare": _disaster_declare,
    "disaster_extend": _disaster_extend,
    "disaster_end": _disaster_end,
}
