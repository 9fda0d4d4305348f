"""The founding file (proof-bundle.md 3)."""

import hashlib
import json

from . import keys, values, wire
from .fault import Fault, Invalid
from .values import need

NETWORKS_MAX, REPLICAS_MAX = 64, 128


class Genesis:
    """A founding file that was checked."""

    def __init__(self, content):
        self.created = _whole(content["created"])
        self.networks = [
            {"id": n["id"], "name": n["name"], "governance_key": _key(n["governance_key"])}
            for n in content["networks"]
        ]
        self.replicas = [
            {
                "id": _whole(r["id"]),
                "network": r["network"],
                "endpoint": r["endpoint"],
                "transport_key": _key(r["transport_key"]),
                "checkpoint_key": _key(r["checkpoint_key"]),
            }
            for r in content["replicas"]
        ]
        self._check()
        message = {"created_ms": self.created, "networks": self.networks, "replicas": self.replicas}
        encoded = wire.encode("Genesis", message)
        self.ledger = hashlib.sha256(b"sekisho/genesis/v1\n" + encoded).digest()

    def _check(self):
        networks, replicas = self.networks, self.replicas
        need(1 <= len(networks) <= NETWORKS_MAX and 1 <= len(replicas) <= REPLICAS_MAX, "too few or many")
        ids = [n["id"] for n in networks]
        for network in networks:
            values.network_id(network["id"])
            values.name(network["name"])
        values.ascending(ids)
        values.ascending([r["id"] for r in replicas])
        for replica in replicas:
            need(replica["network"] in ids, "a replica of a stranger")
            values.endpoint(replica["endpoint"])
        all_keys = [n["governance_key"] for n in networks]
        all_keys += [r[kind] for r in replicas for kind in ("transport_key", "checkpoint_key")]
        need(all(keys.registrable(key) for key in all_keys), "a key that is not registrable")
        need(len(set(all_keys)) == len(all_keys), "a key used twice")

    def voters(self):
        """3.5: names and keys."""
        return [(f"replica-{r['id']}.{r['network']}", r["checkpoint_key"]) for r in self.replicas]


def _key(text):
    key = bytes.fromhex(text)
    need(len(key) == 32 and len(text) == 64, "a key is 32 bytes")
    return key


def _whole(number):
    need(type(number) is int and 0 <= number < 1 << 64, "not a number of 64 bits")
    return number


def read(text):
    """The founding file of a JSON text; the fault `genesis` if it is none."""
    try:
        file = json.loads(text)
        genesis = Genesis(file["genesis"])
        need(bytes.fromhex(file["ledger"]) == genesis.ledger, "the file names another ledger than it founds")
    except (Invalid, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault("genesis", why=str(error)) from error
    return genesis
