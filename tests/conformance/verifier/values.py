"""Which values are valid (entries.md 1). Each function raises `Invalid`."""

import ipaddress
import re
import unicodedata

from .fault import Invalid

NETWORK = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
AGREEMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
FACILITY = re.compile(r"[0-9]{10}")
AREA = re.compile(r"([0-9]{2})(?:[0-9]{3})?")
HOST = re.compile(r"[A-Za-z0-9._-]+")
PORT = re.compile(r"[1-9][0-9]{0,4}")
BIDI_CONTROL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def need(ok, what):
    """Raises unless it holds."""
    if not ok:
        raise Invalid(what)


def ascending(values):
    """A set: strictly ascending."""
    need(all(a < b for a, b in zip(values, values[1:])), "a set is not strictly ascending")


def network_id(text):
    need(NETWORK.fullmatch(text), "not a network id")


def agreement_id(text):
    need(AGREEMENT.fullmatch(text), "not an agreement id")


def facility_id(text):
    need(FACILITY.fullmatch(text), "not a facility id")


def area(text):
    match = AREA.fullmatch(text)
    need(match and 1 <= int(match.group(1)) <= 47, "not an area")


def prefecture_area(text):
    area(text)
    need(len(text) == 2, "not a prefecture")


def municipality(text):
    area(text)
    need(len(text) == 5, "not a municipality")


def name(text):
    need(1 <= len(text) <= 100, "a name has 1 to 100 characters")
    for character in text:
        control = unicodedata.category(character) == "Cc" or character in BIDI_CONTROL
        need(not control, "a name holds a control character")
    need(text.strip() == text, "white space stands around a name")


def endpoint(text):
    need(len(text.encode()) <= 255, "an endpoint is too long")
    host, colon, port = text.rpartition(":")
    need(colon, "an endpoint has no port")
    if host.startswith("[") and host.endswith("]"):
        need("%" not in host, "an address with a zone")
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError as error:
            raise Invalid("not an IPv6 address") from error
    else:
        need(HOST.fullmatch(host), "not a host")
    need(PORT.fullmatch(port) and int(port) <= 65535, "not a port")


def bytes16(value):
    need(len(value) == 16, "not 16 bytes")


def bytes32(value):
    need(len(value) == 32, "not 32 bytes")


def required(value):
    need(value is not None, "a message is missing")


def codes(values):
    need(values, "a set of codes is empty")
    ascending(values)


def ids(check, most):
    """A set of 1 to `most` values of one kind."""

    def checked(values):
        need(1 <= len(values) <= most, "a set has too few or too many")
        for value in values:
            check(value)
        ascending(values)

    return checked


def number(low, high):
    """A number in a range."""

    def checked(value):
        need(low <= value <= high, "a number out of its range")

    return checked


def count(low, high):
    """A list of so many."""

    def checked(values):
        need(low <= len(values) <= high, "a list has too few or too many")

    return checked


CHECKS = {
    "network": network_id,
    "agreement": agreement_id,
    "facility": facility_id,
    "municipality": municipality,
    "name": name,
    "endpoint": endpoint,
    "b16": bytes16,
    "b32": bytes32,
    "required": required,
    "codes": codes,
    "facilities": ids(facility_id, 256),
    "practitioners": ids(bytes16, 64),
    "targets": ids(network_id, 64),
    "prefectures": ids(prefecture_area, 47),
    "areas": ids(area, 256),
    "accesses": ids(lambda index: None, 64),
    "days-of-notice": number(1, 366),
    "days-kept": number(1, 36_525),
    "grants": count(1, 64),
    "decisions": count(0, 64),
    "bases": count(1, 32),
    "withheld": count(0, 32),
    "consents": count(0, 1024),
    "signatures": count(1, 64),
    "seats": count(1, 16),
}
