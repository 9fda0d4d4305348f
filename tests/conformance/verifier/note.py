"""The checkpoint, a signed note (proof-bundle.md 6)."""

import base64
import binascii
import hashlib
import re

from . import keys, tree
from .fault import Fault

NOTE_BYTES_MAX = 262_144
LINES_MAX = 128
NOT_IN_A_NAME = re.compile(r"[\s+\x00-\x1f\x7f-\x9f]")
DECIMAL = re.compile(r"0|[1-9][0-9]*")


def _need(ok, why):
    if not ok:
        raise Fault("checkpoint", why=why)


def _base64(text):
    """Exactly one spelling for any bytes."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == text else None


class Checkpoint:
    """A checkpoint that enough voters cosigned."""

    def __init__(self, size, root, cosigners):
        self.size, self.root, self.cosigners = size, root, cosigners


def check(note, ledger, voters):
    """Steps 8 to 10 of proof-bundle.md 9."""
    _need(len(note.encode()) <= NOTE_BYTES_MAX, "the note is too long")
    _need(all(c >= " " or c == "\n" for c in note), "a control character")
    before, parted, after = note.rpartition("\n\n")
    _need(parted, "no empty line")
    _need(after.endswith("\n"), "no newline at the end")
    text = before + "\n"
    lines = after[:-1].split("\n")
    _need(len(lines) <= LINES_MAX, "too many signatures")
    lines = [_line(line) for line in lines]

    hashes = {name: _key_hash(name, key) for name, key in voters}
    own = dict(voters)
    by = [name if hashes.get(name) == key_hash else None for name, key_hash, _ in lines]
    for name, (_, _, signature) in zip(by, lines):
        if name is not None:
            _cosigned(text, own[name], signature)
    cosigners = {name for name in by if name is not None}
    _need(2 * len(cosigners) > len(voters), "not cosigned by a majority")
    size, root = _text(text, ledger)

    if None in by:
        raise Fault("unknown-cosigner", why=lines[by.index(None)][0])
    if len(by) > len(cosigners):
        raise Fault("cosigned-twice")
    return Checkpoint(size, root, [name for name, _ in voters if name in cosigners])


def _line(line):
    """6.2: name, key hash, signature."""
    _need(line.startswith("\u2014 "), "a line that is no signature")
    name, space, encoded = line[2:].partition(" ")
    ok = 1 <= len(name.encode()) <= 255 and not NOT_IN_A_NAME.search(name)
    _need(space and ok, "a key name that is none")
    value = _base64(encoded)
    _need(value is not None and len(value) >= 5, "a signature that is not base64, or too short")
    return name, value[:4], value[4:]


def _key_hash(name, key):
    """6.3."""
    return hashlib.sha256(name.encode() + b"\n\x04" + key).digest()[:4]


def _cosigned(text, key, signature):
    """6.4."""
    time = int.from_bytes(signature[:8], "big")
    _need(len(signature) == 72 and time < 1 << 63, "a cosignature of another form")
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    _need(keys.holds(key, message, signature[8:]), "a cosignature that does not hold")


def _text(text, ledger):
    """6.6: size and root."""
    lines = text.split("\n")
    _need(len(lines) == 4 and lines[3] == "", "not three lines")
    _need(lines[0] == "sekisho/" + ledger.hex(), "another origin")
    plain = DECIMAL.fullmatch(lines[1]) and len(lines[1]) < 20
    _need(plain and int(lines[1]) <= tree.SIZE_MAX, "not a size")
    root = _base64(lines[2])
    _need(root is not None and len(root) == 32, "not a root")
    size = int(lines[1])
    _need(size or root == tree.EMPTY_ROOT, "no leaves, but another root")
    return size, root
