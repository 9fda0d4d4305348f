"""Ed25519 under one rule (proof-bundle.md 4). The curve's arithmetic serves only to refuse keys and points; whether a
signature holds is the library's to say."""

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def key_id(key):
    """4.1."""
    return hashlib.sha256(key).digest()


def _decompress(key):
    """The point of 32 bytes in extended coordinates (RFC 8032 5.1.3), or None."""
    y = int.from_bytes(key, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * SQRT_MINUS_ONE % P
    if (v * x * x - u) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(n, p):
    q = NEUTRAL
    while n:
        if n & 1:
            q = _add(q, p)
        p = _add(p, p)
        n >>= 1
    return q


def _is_neutral(p):
    return p[0] % P == 0 and (p[1] - p[2]) % P == 0


def _compress(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _small_order():
    """The encodings of the eight points of small order."""
    for y in range(2, 1000):
        point = _decompress(y.to_bytes(32, "little"))
        if point is None:
            continue
        torsion = _times(L, point)
        if not _is_neutral(_times(4, torsion)):
            return frozenset(_compress(_times(n, torsion)) for n in range(8))
    raise AssertionError("the curve has points of order eight")


SMALL_ORDER = _small_order()


@lru_cache(maxsize=4096)
def usable(key):
    """4.2: the point, or None."""
    if len(key) != 32:
        return None
    point = _decompress(key)
    if point is None or _is_neutral(_times(8, point)):
        return None
    return point


@lru_cache(maxsize=4096)
def registrable(key):
    """4.3."""
    point = usable(key)
    return point is not None and _is_neutral(_times(L, point))


@lru_cache(maxsize=65536)
def holds(key, message, signature):
    """4.4. That the encoding of [S]B - [k]A is exactly R is what the library compares; the rest is looked at here."""
    if len(signature) != 64 or usable(key) is None:
        return False
    if int.from_bytes(signature[32:], "little") >= L or signature[:32] in SMALL_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def pae(payload_type, payload):
    """4.5."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
