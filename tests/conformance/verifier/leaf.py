"""Leaves (proof-bundle.md 7)."""

from functools import lru_cache

from . import entries, wire
from .fault import Invalid
from .values import need

LEAF_BYTES_MAX = 65_535
PAYLOAD_BYTES_MAX = 16_384
SIGNATURES_MAX = 8
ENTRY_TYPE = "application/vnd.sekisho.entry.v1+protobuf"

assert entries.RULES  # Its rules are part of what makes a leaf.


@lru_cache(maxsize=65536)
def _read(data):
    try:
        need(len(data) <= LEAF_BYTES_MAX, "too long")
        leaf = wire.decode("Leaf", data)
        need(leaf.version == 1, "another version")
        envelope = leaf.envelope
        need(envelope.payload_type == ENTRY_TYPE, "another payload type")
        need(len(envelope.payload) <= PAYLOAD_BYTES_MAX, "a payload too long")
        leaf.entry = wire.decode("Entry", envelope.payload)
        most = 64 if leaf.entry.body[0] == "recovery" else SIGNATURES_MAX
        need(len(envelope.signatures) <= most, "too many signatures")
    except Invalid as error:
        return None, str(error)
    return leaf, ""


def read(data):
    """A leaf, never to be changed: the same bytes give the same object."""
    leaf, why = _read(data)
    if leaf is None:
        raise Invalid(why)
    return leaf
