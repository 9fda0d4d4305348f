"""Checking a bundle (proof-bundle.md 8 to 10)."""

import hashlib

from . import apply, leaf as leaves, note, tree, wire
from .codes import spelled
from .fault import Fault, Invalid
from .state import State

BUNDLE_BYTES_MAX, LEAVES_MAX, OPENINGS_MAX = 16_777_216, 4096, 1024
TAG = b"sekisho/commitment/v1"


class Verified:
    """What a bundle proves."""

    def __init__(self, ledger, checkpoint, access, decisions, transfers, openings):
        self.ledger, self.checkpoint, self.access = ledger, checkpoint, access
        self.decisions, self.transfers, self.openings = decisions, transfers, openings

    def report(self):
        """Section 9, machine-readable."""
        return {
            "verified": True,
            "ledger": self.ledger.hex(),
            "access": self.access,
            "size": self.checkpoint.size,
            "decisions": [_decision(decision) for decision in self.decisions],
            "transfers": [{"index": i, "kind": kind} for i, kind, _ in self.transfers],
            "openings": self.openings,
        }


def _decision(decision):
    kind, terms = decision["decision"]
    out = {"network": decision["network"], "decision": kind}
    if kind == "deny":
        out["reason"] = spelled("DenyReason", terms["reason"])
    return out


def verify(data, genesis):
    """Steps 2 to 16; raises the first `Fault`."""
    bundle = _form(data)
    if bundle.ledger != genesis.ledger:
        raise Fault("wrong-ledger")
    checkpoint = note.check(bundle.checkpoint, genesis.ledger, genesis.voters())
    read = _leaves(bundle, checkpoint, genesis.created)
    state = State(genesis)
    for leaf in read:
        if not apply.is_authentic(state, leaf):
            raise Fault("not-authentic", leaf.index)
        if apply.outcome(state, leaf) != leaf.outcome.raw:
            raise Fault("outcome", leaf.index)
    access = state.accesses.get(bundle.access)
    if access is None:
        raise Fault("access-missing", bundle.access)
    transfers = _transfers(read, bundle.access)
    _openings(bundle, read)
    return Verified(
        genesis.ledger, checkpoint, bundle.access, access.decisions, transfers, len(bundle.openings)
    )


def _form(data):
    """Steps 2 to 6."""
    if len(data) > BUNDLE_BYTES_MAX:
        raise Fault("too-large")
    first, leaves_there, openings = None, 0, 0
    at = 0
    while at < len(data):
        key, at = _loose_varint(data, at)
        value, at = _loose_varint(data, at)
        if key & 7 == 2:
            at += value
        if key & 7 not in (0, 2) or at > len(data):
            raise Fault("malformed")
        if first is None:
            if key != 1 << 3:
                raise Fault("malformed")
            first = value
        leaves_there += key == 5 << 3 | 2
        openings += key == 6 << 3 | 2
    if first is None:
        raise Fault("malformed")
    if leaves_there > LEAVES_MAX or openings > OPENINGS_MAX:
        raise Fault("too-many")
    if first != 1:
        raise Fault("version")
    try:
        return wire.decode("ProofBundle", data)
    except Invalid as error:
        raise Fault("malformed", why=str(error)) from error


def _loose_varint(data, at):
    """A varint of any form: up to 10 bytes, below 2^64."""
    value = 0
    for n, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at + n + 1
    raise Fault("malformed")


def _leaves(bundle, checkpoint, created):
    """Step 11."""
    out = []
    before, time = None, created
    for proven in bundle.leaves:
        index = proven.index
        if before is not None and index <= before:
            raise Fault("order", index)
        before = index
        if not tree.stands(proven.leaf, index, checkpoint.size, checkpoint.root, proven.inclusion_proof):
            raise Fault("not-in-tree", index)
        try:
            leaf = leaves.read(proven.leaf)
        except Invalid as error:
            raise Fault("leaf", index, str(error)) from error
        if leaf.index != index:
            raise Fault("place", index)
        if leaf.time_ms < time:
            raise Fault("time", index)
        time = leaf.time_ms
        out.append(leaf)
    return out


def _transfers(read, access):
    """Steps 14 and 15: (index, kind, transfer)."""
    out = []
    for leaf in read:
        kind, body = leaf.entry.body
        if kind in ("release", "receipt") and leaf.outcome.outcome[0] == "accepted":
            if body.access != access:
                raise Fault("stray", leaf.index)
            out.append((leaf.index, kind, body))
    releases = [body for _, kind, body in out if kind == "release"]
    for index, kind, body in out:
        if kind == "receipt" and any(release.content != body.content for release in releases):
            raise Fault("transfers-differ", index)
    return out


HOLDS = {
    "practitioner": ("access_request",),
    "document": ("access_request", "release", "receipt"),
    "content": ("release", "receipt"),
    "evidence": ("consent_grant", "consent_withdraw", "proxy_register", "emergency_review"),
    "sealed": ("reservation_seal",),
}


def commitment(salt, label, value):
    """Section 10."""
    hashed = hashlib.sha256()
    for field in (TAG, salt, label.encode(), value):
        hashed.update(len(field).to_bytes(8, "big") + field)
    return hashed.digest()


def _openings(bundle, read):
    """Step 16."""
    by_index = {leaf.index: leaf for leaf in read}
    for position, opening in enumerate(bundle.openings):
        leaf = by_index.get(opening.index)
        kind, body = leaf.entry.body if leaf is not None else (None, None)
        held = getattr(body, opening.label) if kind in HOLDS.get(opening.label, ()) else None
        ok = (
            held is not None
            and len(opening.salt) == 32
            and len(opening.value) <= 65_536
            and (opening.label != "content" or len(opening.value) == 32)
            and commitment(opening.salt, opening.label, opening.value) == held
        )
        if not ok:
            raise Fault("opening", position)
