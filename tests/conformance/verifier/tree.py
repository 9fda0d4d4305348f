"""The tree (proof-bundle.md 5)."""

import hashlib

SIZE_MAX = 2**62 - 1
EMPTY_ROOT = hashlib.sha256().digest()


def _node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def _root(hashed, index, size, proof):
    """The root a proof leads to, for the leaf at `index` of so many; None if the proof has another length."""
    if size == 1:
        return hashed if not proof else None
    if not proof:
        return None
    left = 1 << (size - 1).bit_length() - 1
    *below, sibling = proof
    if index < left:
        mine = _root(hashed, index, left, below)
        return mine and _node(mine, sibling)
    mine = _root(hashed, index - left, size - left, below)
    return mine and _node(sibling, mine)


def stands(leaf, index, size, root, proof):
    """5.2: whether the leaf is proved to stand there."""
    if size > SIZE_MAX or index >= size or len(proof) > 63 or any(len(h) != 32 for h in proof):
        return False
    return _root(hashlib.sha256(b"\x00" + leaf).digest(), index, size, proof) == root
