"""Who says an entry, and what many rules ask of them (apply.md 5)."""

from . import keys, wire
from .codes import KEY, REFUSE
from .state import proxy_holds

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


class By:
    """Who says it, where and when; and the rules that many entries share."""

    def __init__(self, state, leaf):
        self.state, self.i, self.t = state, leaf.index, leaf.time_ms
        self.author = leaf.entry.author
        self.signers = [signature.key_id for signature in leaf.envelope.signatures]
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
        before = self.state.sayings.get(self.saying, {})
        said = {n: key for n, key in before.items() if not self.state.keys[key].revoked}
        need(self.network not in said, REFUSE.ALREADY_EXISTS)

        def say():
            now = {**said, self.network: self.author}
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
