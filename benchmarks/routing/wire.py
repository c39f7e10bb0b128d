"""BGP messages as bytes (RFC 4271 §4): what a feeder says, and no more.

Written apart from the codec under test on purpose: a mistake there must not be able to hide here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final

PORT: Final = 1790
"""Every daemon listens here, each on an address of its own."""

HEADER_LENGTH: Final = 19
LONGEST_MESSAGE: Final = 4096
_MARKER: Final = b"\xff" * 16
_AS_TRANS: Final = 23456
"""RFC 6793 §9."""


class Kind(IntEnum):
    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4


class Afi(IntEnum):
    IPV4 = 1
    IPV6 = 2


SAFI_UNICAST: Final = 1


def message(kind: Kind, body: bytes = b"") -> bytes:
    return _MARKER + struct.pack("!HB", HEADER_LENGTH + len(body), kind) + body


KEEPALIVE: Final = message(Kind.KEEPALIVE)
CEASE_SHUTDOWN: Final = message(Kind.NOTIFICATION, bytes((6, 2)))
"""RFC 4486 §3, Administrative Shutdown."""


def open_message(asn: int, hold_time_s: int, router_id: str, families: Iterable[Afi]) -> bytes:
    """With the capabilities Multiprotocol (RFC 4760 §8) and 4-octet AS (RFC 6793 §3)."""
    capabilities = b"".join(
        struct.pack("!BBHBB", 1, 4, family, 0, SAFI_UNICAST) for family in families
    ) + struct.pack("!BBI", 65, 4, asn)
    body = struct.pack(
        "!BHH4sBBB",
        4,
        asn if asn < 1 << 16 else _AS_TRANS,
        hold_time_s,
        IPv4Address(router_id).packed,
        len(capabilities) + 2,
        2,
        len(capabilities),
    )
    return message(Kind.OPEN, body + capabilities)


def attribute(flags: int, code: int, value: bytes) -> bytes:
    if len(value) > 255:
        return struct.pack("!BBH", flags | 0x10, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def update(attributes: bytes, nlri: bytes) -> bytes:
    return message(Kind.UPDATE, b"\0\0" + struct.pack("!H", len(attributes)) + attributes + nlri)


def mp_reach(next_hop: bytes, nlri: bytes) -> bytes:
    """MP_REACH_NLRI (RFC 4760 §3) of IPv6 unicast."""
    head = struct.pack("!HBB", Afi.IPV6, SAFI_UNICAST, len(next_hop))
    return attribute(0x80, 14, head + next_hop + b"\0" + nlri)


def end_of_rib(family: Afi) -> bytes:
    """RFC 4724 §2."""
    if family is Afi.IPV4:
        return update(b"", b"")
    return update(attribute(0x80, 15, struct.pack("!HB", family, SAFI_UNICAST)), b"")
