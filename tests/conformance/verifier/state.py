"""The state (apply.md 1, 2) and the questions both pages ask of it."""

from . import keys
from .codes import KEY, VERDICT

TIME_MAX = 2**64 - 1


class Record:
    """A record of the state: whatever attributes its kind has."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


def later(time, ms):
    """A sum of times (proof-bundle.md 1.2)."""
    return min(time + ms, TIME_MAX)


def earliest(*instants):
    """proof-bundle.md 1.4."""
    return min((i for i in instants if i is not None), default=None)


def has_ended(period, t):
    """proof-bundle.md 1.3."""
    return period.until_ms is not None and period.until_ms <= t


def covers(period, t):
    """proof-bundle.md 1.3."""
    return period.from_ms <= t and not has_ended(period, t)


class State:
    """Every record, by what names it."""

    def __init__(self, genesis):
        self.ledger = genesis.ledger
        self.lineage = 1
        self.networks = set()
        self.authorities = {}
        self.keys = {}
        self.facilities = {}
        self.policies = {}
        self.agreements = {}
        self.listed = {}
        self.consents = {}
        self.reservations = {}
        self.links = {}
        self.notices = {}
        self.proxies = {}
        self.deaths = {}
        self.seals = {}
        self.emergencies = {}
        self.disasters = {}
        self.accesses = {}
        self.transfers = set()
        self.alerts = {}
        self.sayings = {}
        self.requests = set()
        self.replicas = {}
        for network in genesis.networks:
            self.networks.add(network["id"])
            self.put_key(network["id"], KEY.GOVERNANCE, network["governance_key"])
        for replica in genesis.replicas:
            self.put_key(replica["network"], KEY.TRANSPORT, replica["transport_key"])
            self.put_key(replica["network"], KEY.CHECKPOINT, replica["checkpoint_key"])
            self.replicas[replica["id"]] = Record(
                network=replica["network"],
                transport_key=replica["transport_key"],
                checkpoint_key=replica["checkpoint_key"],
                votes=True,
                retired=False,
            )

    def put_key(self, network, purpose, key):
        self.keys[keys.key_id(key)] = Record(network=network, purpose=purpose, key=key, revoked=False)

    def standing(self):
        """The replicas that are not retired."""
        return [replica for replica in self.replicas.values() if not replica.retired]

    def present(self, facility, network):
        """The facility's record, if it is present in the network."""
        record = self.facilities.get(facility)
        if record is not None and record.network == network and not record.left:
            return record
        return None

    def is_or_was_of(self, facility, network):
        record = self.facilities.get(facility)
        return record is not None and record.network == network

    def standing_policy(self, network, t):
        """The policy that stands and until when; None if none does."""
        until = None
        for policy in reversed(self.policies.get(network, [])):
            if policy.effective_from <= t:
                return policy, until
            until = earliest(until, policy.effective_from)
        return None

    def notices_of(self, network, about):
        """A network's notices of one kind, ascending by index: (index, record)."""
        return [(i, n) for i, n in self.notices.items() if n.network == network and n.about == about]

    def consents_of(self, network, subject, side):
        """Ascending by index: (index, record)."""
        return self.consents.get((network, subject, side), {}).items()

    def reservations_of(self, network, subject):
        """Ascending by index."""
        return list(self.reservations.get((network, subject), {}).values())

    def is_dead(self, network, subject):
        record = self.deaths.get((network, subject))
        return record is not None and record.recorded

    def claims(self, a, network):
        """Subjects of the network that somebody linked with a = (network, subject), with the link's record."""
        out = []
        for pair, link in self.links.items():
            if a in pair:
                (other,) = pair - {a}
                if other[0] == network:
                    out.append((other, link))
        return out

    def agreements_of(self, a, b):
        return self.listed.get(frozenset((a, b)), set())


def notice_stands(notice, t):
    return notice.removed is None and notice.stands_from <= t and not has_ended(notice.period, t)


def reservation_names(reservation):
    """How many facilities a reservation names as disclosing ones."""
    facilities = reservation.disclosing_facilities
    return 0 if facilities is None else len(facilities.facilities)


def proxy_holds(proxy, t):
    return not proxy.ended and covers(proxy.period, t)


def disaster_holds(disaster, t):
    return not disaster.ended and disaster.from_ms <= t < disaster.until_ms


def is_reviewed(emergency):
    return emergency.verdict in (VERDICT.APPROPRIATE, VERDICT.INAPPROPRIATE)


def link_holds(link):
    return len(link.said_by) == 2
