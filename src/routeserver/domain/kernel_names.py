"""What VPCs, subnets, interfaces and route tables are called in a kernel.

Each name follows from the id alone, so that every life of the server finds the work of the one
before. A device's name has at most 15 octets, too few for an id as it is written: its 17 hex digits
are written with 62, which takes 12 and loses nothing. (The alias of the device is the whole id.)
"""

from __future__ import annotations

import string
from hashlib import sha256
from typing import Final

DEVICE_OCTETS: Final = 15

_DIGITS: Final = string.digits + string.ascii_lowercase + string.ascii_uppercase
_WIDTH: Final = 12
_HEX: Final = 17

_FIRST_TABLE: Final = 1 << 16
"""Below are the kernel's own tables and those that people number by hand."""
_TABLES: Final = (1 << 31) - _FIRST_TABLE

_BRIDGE_MAC: Final = "06"
"""Locally administered, and another first octet than that of a network interface's address."""


def bridge_name(subnet_id: str) -> str:
    return "sub" + _digits(subnet_id)


def port_name(interface_id: str) -> str:
    return "eni" + _digits(interface_id)


def gateway_port_name(gateway_id: str) -> str:
    return "igw" + _digits(gateway_id)


def bridge_mac(subnet_id: str) -> str:
    octets = (_number(subnet_id) % (1 << 40)).to_bytes(5, "big")
    return ":".join([_BRIDGE_MAC, *(f"{octet:02x}" for octet in octets)])


def table_number(route_table_id: str) -> int:
    """31 bits: two tables may have the same, which those who make them have to look for."""
    return _FIRST_TABLE + _number(route_table_id) % _TABLES


def _digits(resource_id: str) -> str:
    number, digits = _number(resource_id), ""
    for _ in range(_WIDTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits


def _number(resource_id: str) -> int:
    """At most 68 bits; of an id of our own making all of them."""
    text = resource_id.rpartition("-")[2]
    if len(text) == _HEX and all(digit in string.hexdigits for digit in text):
        return int(text, 16)
    return int(sha256(resource_id.encode()).hexdigest()[:_HEX], 16)
