"""Canonical protobuf (proof-bundle.md 2): a reader that refuses every other spelling, and a writer."""

from . import schema, values
from .codes import ENUMS
from .fault import Invalid

_SCALARS = ("uint32", "uint64", "bool")


class Message:
    """A decoded message: its fields as attributes, a oneof as (member, value), and its bytes as `raw`."""


class _Field:
    def __init__(self, words):
        number, self.name, self.type = int(words[0]), words[1], words[2]
        self.number, self.order = number, number
        rest = words[3:]
        self.repeated = "repeated" in rest
        self.optional = "optional" in rest
        self.oneof, self.oneof_required = None, False
        if "in" in rest:
            oneof = rest[rest.index("in") + 1]
            self.oneof, self.oneof_required = oneof.rstrip("!"), oneof.endswith("!")
            rest = [word for word in rest if word not in ("in", oneof)]
        kinds = [word for word in rest if word not in ("repeated", "optional")]
        self.check = values.CHECKS[kinds[0]] if kinds else None
        self.codes = len(ENUMS[self.type]) if self.type in ENUMS else 0
        self.is_number = self.type in _SCALARS or self.codes > 0
        self.packed = self.repeated and self.is_number
        self.is_message = not self.is_number and self.type not in ("string", "bytes")
        self.wire = 0 if self.is_number and not self.repeated else 2
        # 2.5: whether it may be there with the value 0, false or empty.
        self.explicit = self.optional or self.oneof is not None or self.is_message or self.repeated
        # 2.3 and 2.4: whether the next field may be the same one.
        self.again = self.repeated and not self.packed

    def blank(self):
        """What it holds where it is not written."""
        if self.is_message or self.optional:
            return None
        if self.is_number:
            return 0
        return "" if self.type == "string" else b""


class _Type:
    def __init__(self):
        self.fields = []
        self.by_number = {}
        self.blank = {}
        self.lists = []
        self.oneofs = {}
        # Values whose kind is looked at whether they are written or not.
        self.checked = []

    def finish(self):
        for field in self.fields:
            if field.oneof:
                members = [f for f in self.fields if f.oneof == field.oneof]
                field.order = min(f.number for f in members)
                self.blank[field.oneof] = None
                self.oneofs[field.oneof] = field.oneof_required
            elif field.repeated:
                self.lists.append(field.name)
            else:
                self.blank[field.name] = field.blank()
            self.by_number[field.number] = field
            if (field.check or field.codes) and not field.oneof:
                self.checked.append(field)


TYPES = {}
for _message, _words in schema.lines():
    if _words is None:
        TYPES[_message] = _Type()
    else:
        TYPES[_message].fields.append(_Field(_words))
for _type in TYPES.values():
    _type.finish()

# Rules over several fields of one message (entries.py puts them here).
RULES = {}


def _varint(data, at, end):
    """A varint of the shortest form, below 2^64."""
    if at < end:
        first = data[at]
        if first < 0x80:
            return first, at + 1
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 or value >= 1 << 64:
                break
            return value, at
        shift += 7
    raise Invalid("not a varint of the shortest form")


def _number(field, value):
    if field.type == "uint32":
        ok = value < 1 << 32
    elif field.type == "bool":
        ok = value <= 1
    elif field.codes:
        ok = value < 1 << 31
    else:
        ok = True
    if not ok:
        raise Invalid("a number too large for its type")
    return value


def decode(name, data):
    """A canonical message of valid values, or `Invalid`."""
    return _decode(name, data, 0, len(data))


def _decode(name, data, at, end):
    this = TYPES[name]
    message = Message()
    read = message.__dict__
    read.update(this.blank)
    for repeated in this.lists:
        read[repeated] = []
    message.raw = data[at:end]
    last = 0
    while at < end:
        key, at = _varint(data, at, end)
        field = this.by_number.get(key >> 3)
        if field is None or field.wire != key & 7:
            raise Invalid("a field that the schema does not have")
        if field.order < last or (field.order == last and not field.again):
            raise Invalid("fields out of order or written twice")
        last = field.order
        value, at = _varint(data, at, end)
        if field.wire == 0:
            value = _number(field, value)
            empty = value == 0
        else:
            begin, at = at, at + value
            if at > end:
                raise Invalid("a length beyond the end")
            empty = begin == at
            if field.packed:
                value = _packed(field, data, begin, at)
            elif field.is_message:
                value = _decode(field.type, data, begin, at)
            elif field.type == "string":
                try:
                    value = data[begin:at].decode("utf-8")
                except UnicodeDecodeError as error:
                    raise Invalid("not UTF-8") from error
            else:
                value = data[begin:at]
        if empty and (field.packed or not field.explicit):
            raise Invalid("a default value is written")
        if field.oneof:
            _check(field, value)
            read[field.oneof] = (field.name, value)
        elif field.again:
            read[field.name].append(value)
        else:
            read[field.name] = value
    for field in this.checked:
        _check(field, read[field.name])
    for oneof, needed in this.oneofs.items():
        if needed and read[oneof] is None:
            raise Invalid("nothing of a oneof is set")
    rule = RULES.get(name)
    if rule:
        rule(message)
    return message


def _packed(field, data, at, end):
    numbers = []
    while at < end:
        value, at = _varint(data, at, end)
        numbers.append(_number(field, value))
    return numbers


def _check(field, value):
    if field.codes:
        for code in value if field.repeated else (value,):
            if not 1 <= code <= field.codes:
                raise Invalid("a number that its list of codes does not have")
    if field.check and not (field.optional and value is None):
        field.check(value)


def varint(value):
    """A varint's bytes."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(name, message):
    """The canonical encoding of a message given as a dictionary; what is not in it is not set."""
    out = bytearray()
    this = TYPES[name]
    for field in sorted(this.fields, key=lambda f: (f.order, f.number)):
        if field.oneof:
            member, value = message[field.oneof]
            if member != field.name:
                continue
        else:
            value = message.get(field.name)
            if value is None or (not field.explicit and not value):
                continue
        if field.packed:
            body = b"".join(varint(number) for number in value)
            if body:
                out += varint(field.number << 3 | 2) + varint(len(body)) + body
            continue
        for one in value if field.repeated else (value,):
            out += varint(field.number << 3 | field.wire)
            if field.is_number:
                out += varint(int(one))
                continue
            if field.is_message:
                one = encode(field.type, one)
            elif field.type == "string":
                one = one.encode()
            out += varint(len(one)) + one
    return bytes(out)
