"""Requests, transfers, emergencies, disasters (apply.md 5)."""

from .by import CHANGES_MAX, need
from .codes import ACTION, DENY, FOOTING, KEY, PATTERN, PURPOSE, REFUSE
from .state import Record, is_reviewed, later

DECLARATION_MS_MAX = 604_800_000
HOUR_MS = 3_600_000
# How many accesses make a pattern.
ACCESSES = {PATTERN.MANY_PATIENTS: 50, PATTERN.REPEATED_DENIALS: 10, PATTERN.NIGHT_BURST: 15}


def _access_request(by, body):
    by.node_of(body.viewing)


def decided(by, body, decisions):
    """What a decided request leaves."""
    by.state.accesses[by.i] = Record(request=body, decisions=decisions, t=by.t)
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


def _is_against_will(access):
    reasons = [d["decision"][1]["reason"] for d in access.decisions if d["decision"][0] == "deny"]
    return len(reasons) == len(access.decisions) and any(r >= DENY.NO_DISCLOSING_CONSENT for r in reasons)


def _shows(pattern, accesses):
    """apply.md 5: whether accesses show a pattern."""
    patients = {access.request.subject for access in accesses}
    fits = {
        PATTERN.MANY_PATIENTS: lambda access: True,
        PATTERN.REPEATED_DENIALS: _is_against_will,
        PATTERN.NIGHT_BURST: lambda access: (access.t // HOUR_MS + 9) % 24 < 5,
    }[pattern]
    return (
        len(accesses) == ACCESSES[pattern]
        and accesses[-1].t - accesses[0].t <= HOUR_MS
        and all(access.request.purpose != PURPOSE.DISASTER and fits(access) for access in accesses)
        and (pattern == PATTERN.REPEATED_DENIALS or len(patients) == len(accesses))
    )


def _security_alert(by, body):
    by.node()
    accesses = []
    for index in body.accesses:
        access = by.state.accesses.get(index)
        need(access is not None, REFUSE.NOT_FOUND)
        asked = access.request
        same = (asked.viewing, asked.practitioner_id) == (body.viewing, body.practitioner_id)
        need(same, REFUSE.INVALID_CONTENT)
        need(by.network == body.viewing or by.network in asked.targets, REFUSE.NOT_AUTHORISED)
        accesses.append(access)
    need(_shows(body.pattern, accesses), REFUSE.INVALID_CONTENT)
    who = (body.viewing, body.pattern, body.practitioner_id)
    need(body.accesses[0] > by.state.alerts.get(who, -1), REFUSE.ALREADY_EXISTS)

    def effect():
        by.state.alerts[who] = body.accesses[-1]

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
    "access_request": _access_request,
    "release": _transfer("release"),
    "receipt": _transfer("receipt"),
    "emergency_review": _emergency_review,
    "patient_told": _patient_told,
    "security_alert": _security_alert,
    "disaster_declare": _disaster_declare,
    "disaster_extend": _disaster_extend,
    "disaster_end": _disaster_end,
}
