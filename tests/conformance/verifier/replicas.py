"""Replicas (apply.md 5, Replicas)."""

from . import keys
from .by import need
from .codes import KEY, REFUSE
from .state import Record

OF_NETWORK_MAX, STANDING_MAX, KEYS_MAX = 8, 128, 64


def _allocate(by, body):
    by.governance()
    need(by.i not in by.state.replicas, REFUSE.ALREADY_EXISTS)
    standing = by.state.standing()
    own = [replica for replica in standing if replica.network == by.network]
    need(len(own) < OF_NETWORK_MAX and len(standing) < STANDING_MAX, REFUSE.TOO_MANY)
    need(keys.registrable(body.checkpoint_key), REFUSE.WEAK_KEY)
    fresh = keys.key_id(body.checkpoint_key) not in by.state.keys
    need(fresh and body.checkpoint_key != body.transport_key, REFUSE.ALREADY_EXISTS)
    known = by.state.keys.get(keys.key_id(body.transport_key))
    if known is None:
        need(keys.registrable(body.transport_key), REFUSE.WEAK_KEY)
    else:
        own = known.network == by.network and known.purpose == KEY.TRANSPORT and not known.revoked
        free = all(replica.transport_key != body.transport_key for replica in standing)
        need(own and free, REFUSE.ALREADY_EXISTS)
    there = sum(key.network == by.network for key in by.state.keys.values())
    need(there + (1 if known is not None else 2) <= KEYS_MAX, REFUSE.TOO_MANY)

    def effect():
        by.state.put_key(by.network, KEY.CHECKPOINT, body.checkpoint_key)
        if known is None:
            by.state.put_key(by.network, KEY.TRANSPORT, body.transport_key)
        by.state.replicas[by.i] = Record(
            network=by.network,
            transport_key=body.transport_key,
            checkpoint_key=body.checkpoint_key,
            votes=False,
            retired=False,
        )

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
}
