"""Rules over several fields of one message (entries.md 2, 3, 5)."""

from .codes import ACTION, BREAK_GLASS, DISASTER, FOOTING, LAW, ORDINARY, PURPOSE, ROLE, RULE, nature
from .values import need
from .wire import RULES

WINDOW_MS_MAX = 300_000
DECLARATION_MS_MAX = 604_800_000
GROUNDS = {ORDINARY: "ordinary", BREAK_GLASS: "emergency", DISASTER: "disaster", LAW: "law"}


def _within(begin, end, most, what):
    need(begin < end <= begin + most, what)


def _entry(m):
    _within(m.not_before_ms, m.not_after_ms, WINDOW_MS_MAX, "an entry's window")


def _period(m):
    need(m.until_ms is None or m.from_ms < m.until_ms, "a period ends before it begins")


def _policy(m):
    need(m.disclosing is not None or m.viewing is not None, "a policy without a rule")


def _agreement(m):
    need(len(m.parties) >= 2, "an agreement of one party")
    for grant in m.grants:
        need(grant.disclosing != grant.viewing, "a grant to oneself")
        need(grant.disclosing in m.parties and grant.viewing in m.parties, "a grant of a stranger")


def _grant(m):
    rests = [nature(purpose) == ORDINARY for purpose in m.purposes]
    fits = not any(rests) if m.consent_rule == RULE.NOT_NEEDED else all(rests)
    need(fits, "a grant's purposes and its rule do not fit")
    if PURPOSE.BREAK_GLASS in m.purposes:
        need(set(m.roles) <= {ROLE.PHYSICIAN, ROLE.PARAMEDIC}, "a role that may not break the glass")


def _request(m):
    if m.action == ACTION.FIND_PATIENTS:
        need(m.viewing not in m.targets, "a network that searches for its own patient")
    if m.action in (ACTION.FIND_DOCUMENTS, ACTION.FIND_PATIENTS):
        need(m.document is None, "a document named in a request to find")
    else:
        need(m.document is not None and len(m.targets) == 1, "one document of one network is retrieved")
    need(m.grounds[0] == GROUNDS[nature(m.purpose)], "the grounds do not fit the purpose")


def _notice(m):
    need(all(nature(purpose) == ORDINARY for purpose in m.purposes), "a purpose that is not ordinary")


def _disaster(m):
    _within(m.from_ms, m.until_ms, DECLARATION_MS_MAX, "a declaration's period")


def _basis(m):
    need(m.agreement is not None or m.grant == 0, "a position in no agreement")


def _permit(m):
    for basis in m.bases:
        fits = m.footing == FOOTING.DISASTER_DRILL or bool(basis.consents) == (m.footing == FOOTING.CONSENT)
        need(fits, "a basis with consents it may not have, or without")


RULES.update(
    {
        "Entry": _entry,
        "Period": _period,
        "ConsentPolicy": _policy,
        "Agreement": _agreement,
        "Grant": _grant,
        "AccessRequest": _request,
        "PurposesNotice": _notice,
        "Disaster": _disaster,
        "Basis": _basis,
        "PermitTerms": _permit,
    }
)
