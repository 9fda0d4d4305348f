"""Agreements (apply.md 5, Agreements)."""

import hashlib

from .by import need
from .codes import REFUSE
from .state import Record


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


RULES = {
    "agreement_propose": _agreement_propose,
    "agreement_sign": _agreement_sign,
    "agreement_suspend": _agreement_suspend,
    "agreement_terminate": _agreement_terminate,
}
