"""What each entry does to the state (apply.md 3 and 4)."""

from . import access, agreements, keys, members, patients, replicas, wire
from .authorize import decide
from .by import By, Refused
from .codes import REFUSE
from .leaf import LEAF_BYTES_MAX

RULES = {**members.RULES, **agreements.RULES, **patients.RULES, **access.RULES, **replicas.RULES}


def is_authentic(state, leaf):
    """Section 3; the entry's request id is used from then on."""
    entry, envelope = leaf.entry, leaf.envelope
    author = state.keys.get(entry.author)
    if author is None or (author.network, entry.request_id) in state.requests:
        return False
    recovers = entry.body[0] == "recovery"
    if entry.ledger != state.ledger or entry.lineage != state.lineage + recovers:
        return False
    if not recovers and not entry.not_before_ms <= leaf.time_ms < entry.not_after_ms:
        return False
    message = keys.pae(envelope.payload_type, envelope.payload)
    signed = False
    for signature in envelope.signatures:
        key = state.keys.get(signature.key_id)
        if key is None or key.revoked or not keys.holds(key.key, message, signature.signature):
            return False
        signed |= signature.key_id == entry.author
    if signed:
        state.requests.add((author.network, entry.request_id))
    return signed


def outcome(state, leaf):
    """Section 4: the encoded outcome, with its effect on the state."""
    by = By(state, leaf)
    name, body = leaf.entry.body
    try:
        effect = RULES[name](by, body)
    except Refused as refusal:
        return _encoded(("refused", refusal.reason))
    decided = None
    if name == "access_request":
        decided = decide(state, body, by.t)
        result = _encoded(("decided", {"decisions": decided}))
    else:
        result = _encoded(("accepted", {}))
    if _leaf_bytes(leaf, result) > LEAF_BYTES_MAX:
        return _encoded(("refused", REFUSE.TOO_MANY))
    if decided is not None:
        access.decided(by, body, decided)
    elif effect is not None:
        effect()
    return result


def _encoded(member):
    return wire.encode("Outcome", {"outcome": member})


def _leaf_bytes(leaf, result):
    """The length of the leaf with this outcome in place of its own."""
    written = len(leaf.outcome.raw)
    prefix = len(wire.varint(len(result))) - len(wire.varint(written))
    return len(leaf.raw) + len(result) - written + prefix
