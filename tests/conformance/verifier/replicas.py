"""Replicas (apply.md 5, Replicas)."""

from . import keys
from .by import need
from .codes import KEY, REFUSE
from .state import Record

OF_NETWORK_MAX, STANDING_MAX, KEYS_MAX = 8, 128, 64
OF_LINEAGE = 1 << 48


def _allocate(by, body):
    by.governance()
    replica = (by.state.lineage - 1) * OF_LINEAGE + by.i
    need(replica not in by.state.replicas, REFUSE.ALREADY_EXISTS)
    standing = by.state.standing()
    own = [replica for replica in standing if replica.network == by.network]
    need(len(own) < OF_NETWORK_MAX and len(standing) < STANDING_MAX, REFUSE.TOO_MANY)
    taken = [other.transport_key for other in standing]
    new = _new_keys(by.state.keys, by.network, body, taken)

    def effect():
        _place(by.state, replica, by.network, body, new, False)

    return effect


def _new_keys(known_keys, network, body, taken):
    """Which keys a replica of the network brings: (purpose, key), if they may be."""
    need(keys.registrable(body.checkpoint_key), REFUSE.WEAK_KEY)
    fresh = keys.key_id(body.checkpoint_key) not in known_keys
    need(fresh and body.checkpoint_key != body.transport_key, REFUSE.ALREADY_EXISTS)
    new = [(KEY.CHECKPOINT, body.checkpoint_key)]
    known = known_keys.get(keys.key_id(body.transport_key))
    if known is None:
        need(keys.registrable(body.transport_key), REFUSE.WEAK_KEY)
        new.append((KEY.TRANSPORT, body.transport_key))
    else:
        own = known.network == network and known.purpose == KEY.TRANSPORT and not known.revoked
        need(own and body.transport_key not in taken, REFUSE.ALREADY_EXISTS)
    there = sum(key.network == network for key in known_keys.values())
    need(there + len(new) <= KEYS_MAX, REFUSE.TOO_MANY)
    return new


def _place(state, replica, network, body, new, votes):
    for purpose, key in new:
        state.put_key(network, purpose, key)
    state.replicas[replica] = Record(
        network=network,
        transport_key=body.transport_key,
        checkpoint_key=body.checkpoint_key,
        votes=votes,
        retired=False,
    )


def _recover(by, body):
    by.governance()
    need(body.size == by.i, REFUSE.INVALID_CONTENT)
    signers = [by.state.keys[key] for key in by.signers]
    signed = {key.network for key in signers if key.purpose == KEY.GOVERNANCE}
    need(3 * len(signed) >= 2 * len(by.state.networks), REFUSE.NOT_AUTHORISED)
    for seat in body.seats:
        need(seat.network in by.state.networks, REFUSE.NOT_FOUND)
    # As the state will be: every checkpoint key there is revoked, each seat after those before it.
    known, taken, new = dict(by.state.keys), [], []
    for seat in body.seats:
        brought = _new_keys(known, seat.network, seat, taken)
        for purpose, key in brought:
            known[keys.key_id(key)] = Record(network=seat.network, purpose=purpose, key=key, revoked=False)
        taken.append(seat.transport_key)
        new.append(brought)

    def effect():
        for replica in by.state.standing():
            replica.retired = True
            by.state.keys[keys.key_id(replica.checkpoint_key)].revoked = True
        first = by.state.lineage * OF_LINEAGE + by.i
        for place, (seat, brought) in enumerate(zip(body.seats, new)):
            _place(by.state, first + place, seat.network, seat, brought, True)
        by.state.lineage += 1

    return effect


def _standing(by, body):
    replica = by.state.replicas.get(body.replica)
    need(replica is not None, REFUSE.NOT_FOUND)
    need(not replica.retired, REFUSE.ENDED)
    return replica


def _promote(by, body):
    by.governance()
    replica = _standing(by, body)
    need(not replica.votes, REFUSE.ALREADY_EXISTS)
    first = not any(r.votes and r.network == replica.network for r in by.state.standing())

    def effect():
        replica.votes = True

    return effect if first and replica.network == by.network else by.majority(effect)


def _retire(by, body):
    by.governance()
    replica = _standing(by, body)
    others = any(r.votes and r is not replica for r in by.state.standing())
    need(others, REFUSE.INVALID_CONTENT)

    def effect():
        replica.retired = True
        by.state.keys[keys.key_id(replica.checkpoint_key)].revoked = True

    return effect if replica.network == by.network else by.majority(effect)


RULES = {
    "replica_allocate": _allocate,
    "replica_promote": _promote,
    "replica_retire": _retire,
    "recovery": _recover,
}
