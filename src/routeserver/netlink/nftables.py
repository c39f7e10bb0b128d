"""The few messages of nf_tables (linux/netfilter/nf_tables.h) that a guard on a port is made of:
one table of the family netdev with sets of addresses, chains on hooks of the device, and rules that
drop. Numbers in these messages are big-endian.

A batch takes effect as a whole or not at all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from routeserver.netlink.framing import (
    Flag,
    Message,
    attribute,
    nested,
    request,
    text,
)

NETLINK_NETFILTER: Final = 12

_SUBSYSTEM: Final = 10
_BATCH_BEGIN: Final = 0x10
_BATCH_END: Final = 0x11
_NEWTABLE: Final = _SUBSYSTEM << 8 | 0
_DELTABLE: Final = _SUBSYSTEM << 8 | 2
_NEWCHAIN: Final = _SUBSYSTEM << 8 | 3
_NEWRULE: Final = _SUBSYSTEM << 8 | 6
_NEWSET: Final = _SUBSYSTEM << 8 | 9
_NEWSETELEM: Final = _SUBSYSTEM << 8 | 12
_NETDEV: Final = 5
_GENERIC: Final = struct.Struct(">BBH")
_BE32: Final = struct.Struct(">I")

_LIST_ELEMENT: Final = 1
_VALUE: Final = 1
_VERDICT: Final = 2
_REGISTER: Final = 1
"""NFT_REG_1, sixteen octets."""

_CONSTANT: Final = 0x2
_INVERTED: Final = 1
_META_L4PROTO: Final = 16
_DROP: Final = 0


class Hook(IntEnum):
    INGRESS = 0
    EGRESS = 1


class Base(IntEnum):
    """Where a payload is counted from."""

    LINK = 0
    NETWORK = 1
    TRANSPORT = 2


# --- expressions of a rule ------------------------------------------------------------------------


def load(base: Base, offset: int, length: int) -> bytes:
    """Octets of the packet; one that has not so many there does not match the rule."""
    return _expression(
        "payload", _be32(1, _REGISTER), _be32(2, base), _be32(3, offset), _be32(4, length)
    )


def load_protocol() -> bytes:
    """The number of the transport protocol, behind IPv6's extension headers."""
    return _expression("meta", _be32(1, _REGISTER), _be32(2, _META_L4PROTO))


def equals(value: bytes) -> bytes:
    return _compare(0, value)


def differs(value: bytes) -> bytes:
    return _compare(1, value)


def _compare(how: int, value: bytes) -> bytes:
    data = nested(3, attribute(_VALUE, value))
    return _expression("cmp", _be32(1, _REGISTER), _be32(2, how), data)


def is_not_in(set_name: str) -> bytes:
    return _expression("lookup", text(1, set_name), _be32(2, _REGISTER), _be32(5, _INVERTED))


def drop() -> bytes:
    verdict = nested(2, nested(_VERDICT, _be32(1, _DROP)))
    return _expression("immediate", _be32(1, 0), verdict)


def _expression(name: str, *attributes: bytes) -> bytes:
    return nested(_LIST_ELEMENT, text(1, name), nested(2, *attributes))


# --- messages of a batch --------------------------------------------------------------------------


def new_table(name: str) -> tuple[int, bytes]:
    return _NEWTABLE, text(1, name)


def delete_table(name: str) -> tuple[int, bytes]:
    return _DELTABLE, text(1, name)


def new_set(table: str, name: str, key_octets: int, number: int) -> tuple[int, bytes]:
    """A set that stays as it is first filled. `number` is its own in the batch."""
    parts = (text(1, table), text(2, name), _be32(3, _CONSTANT), _be32(4, 0))
    return _NEWSET, b"".join((*parts, _be32(5, key_octets), _be32(10, number)))


def new_elements(table: str, name: str, keys: Iterable[bytes]) -> tuple[int, bytes]:
    elements = (nested(_LIST_ELEMENT, nested(1, attribute(_VALUE, key))) for key in keys)
    return _NEWSETELEM, text(1, table) + text(2, name) + nested(3, *elements)


def new_chain(table: str, name: str, hook: Hook, device: str) -> tuple[int, bytes]:
    """A chain that every packet of the device passes on its way in or out."""
    where = nested(4, _be32(1, hook), _be32(2, 0), text(3, device))
    return _NEWCHAIN, text(1, table) + text(3, name) + where + text(7, "filter")


def new_rule(table: str, chain: str, *expressions: bytes) -> tuple[int, bytes]:
    return _NEWRULE, text(1, table) + text(2, chain) + nested(4, *expressions)


def batch(commands: Iterable[tuple[int, bytes]]) -> bytes:
    """Sequence numbers are places from 1; every message asks for an acknowledgement."""
    fixed = _GENERIC.pack(_NETDEV, 0, 0)
    edge = _GENERIC.pack(0, 0, _SUBSYSTEM)
    parts = [request(_BATCH_BEGIN, edge)]
    for place, (kind, body) in enumerate(commands, 1):
        flags = Flag.ACK | (Flag(0) if kind == _DELTABLE else Flag.CREATE | Flag.APPEND)
        parts.append(request(kind, fixed + body, flags, place))
    parts.append(request(_BATCH_END, edge))
    return b"".join(parts)


def is_ours(message: Message) -> bool:
    """Whether it is a message of nf_tables."""
    return message.type >> 8 == _SUBSYSTEM


def _be32(kind: int, value: int) -> bytes:
    return attribute(kind, _BE32.pack(value))
