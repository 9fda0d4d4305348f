"""Reaches: what may be seen, and why (authorize.md 4 and, of meetings, 5)."""

from .codes import DENY
from .state import earliest

LIST_MAX, SIDE_MAX = 256, 64


class Denied(Exception):
    """A check does not hold: its number, and the agreement it names as (id, version)."""

    def __init__(self, reason, agreement=None):
        super().__init__(reason)
        self.reason, self.agreement = reason, agreement


def need(ok, reason):
    """`condition -> reason`."""
    if not ok:
        raise Denied(reason)


# Places are ("all",), ("before", index) or ("list", {facility: registered}).

ALL = ("all",)


def listed(facilities):
    return ("list", facilities) if facilities else None


def places_cover(a, b):
    """4.1."""
    if a[0] == "all":
        return True
    if a[0] == "before":
        if b[0] == "before":
            return b[1] <= a[1]
        return b[0] == "list" and all(registered < a[1] for registered in b[1].values())
    return b[0] == "list" and all(facility in a[1] for facility in b[1])


def places_meet(a, b):
    """4.2: what is common, or None."""
    if a[0] == "all":
        return b
    if b[0] == "all":
        return a
    if a[0] == "before" and b[0] == "before":
        return ("before", min(a[1], b[1]))
    if a[0] == "before":
        a, b = b, a
    if b[0] == "before":
        return listed({f: registered for f, registered in a[1].items() if registered < b[1]})
    return listed({f: registered for f, registered in a[1].items() if f in b[1]})


class Reach:
    """What may be seen and why."""

    def __init__(self, grant, consents, categories, places, end):
        self.grant, self.consents, self.categories = grant, consents, categories
        self.places, self.end = places, end

    def covers(self, other):
        return self.categories >= other.categories and places_cover(self.places, other.places)

    def meeting(self, other):
        categories = self.categories & other.categories
        places = places_meet(self.places, other.places) if categories else None
        if places is None:
            return None
        return Reach(None, self.consents | other.consents, categories, places, earliest(self.end, other.end))


def add(reaches, new, bound):
    """4.3."""
    if any(member.covers(new) for member in reaches):
        return
    reaches[:] = [member for member in reaches if not new.covers(member)]
    if new.places[0] == "list":
        for at, member in enumerate(reaches):
            same = member.grant == new.grant and member.categories == new.categories
            if member.places[0] != "list" or not same:
                continue
            both = {**member.places[1], **new.places[1]}
            if len(both) <= LIST_MAX:
                reaches[at] = Reach(
                    member.grant,
                    member.consents | new.consents,
                    member.categories,
                    ("list", both),
                    earliest(member.end, new.end),
                )
                return
    if len(reaches) < bound:
        reaches.append(new)


def meetings(first, second):
    """Section 5."""
    out = []
    for a in first:
        for b in second:
            meeting = a.meeting(b)
            if meeting is not None:
                add(out, meeting, SIDE_MAX)
    if not out:
        common = any(a.categories & b.categories for a in first for b in second)
        raise Denied(DENY.CONSENT_FOR_OTHER_FACILITY if common else DENY.CONSENT_FOR_OTHER_CATEGORY)
    return out
