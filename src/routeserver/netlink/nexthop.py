"""Next-hop objects (linux/nexthop.h): a way out under a number, which many routes share, so that
they move together when it is replaced. A group shares packets out among several.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from routeserver.netlink import framing
from routeserver.netlink.framing import PUT, Flag, Message, NetlinkError, request
from routeserver.netlink.values import (
    AF_INET,
    AF_UNSPEC,
    Address,
    address_from,
    family_of_address,
)

RTM_NEWNEXTHOP: Final = 104
RTM_DELNEXTHOP: Final = 105
RTM_GETNEXTHOP: Final = 106

LAYOUT: Final = struct.Struct("=BBBBI")
"""nhmsg: family, scope, protocol, reserved, flags."""

NHA_ID: Final = 1
NHA_GROUP: Final = 2
NHA_GROUP_TYPE: Final = 3
NHA_BLACKHOLE: Final = 4
NHA_OIF: Final = 5
NHA_GATEWAY: Final = 6

_MEMBER: Final = struct.Struct("=IBBH")


@dataclass(frozen=True, slots=True)
class Member:
    """`weight` from 1."""

    id: int
    weight: int = 1


@dataclass(frozen=True, slots=True)
class NextHop:
    """One of: a group of others, a black hole, or an interface with or without a gateway.

    `family` counts where there is no gateway: the family of the routes that may use it; a group
    has none. Of `flags` the kernel reports RTNH_F_DEAD and RTNH_F_LINKDOWN.
    """

    id: int
    interface: int = 0
    gateway: Address | None = None
    group: tuple[Member, ...] = ()
    blackhole: bool = False
    family: int = AF_INET
    protocol: int = 0
    scope: int = 0
    flags: int = 0


def new_nexthop(nexthop: NextHop, sequence: int = 0, flags: int = PUT) -> bytes:
    family = nexthop.family
    parts = [framing.u32(NHA_ID, nexthop.id)]
    if nexthop.group:
        family = AF_UNSPEC
        members = [_MEMBER.pack(member.id, member.weight - 1, 0, 0) for member in nexthop.group]
        parts.append(framing.attribute(NHA_GROUP, b"".join(members)))
    elif nexthop.blackhole:
        parts.append(framing.attribute(NHA_BLACKHOLE, b""))
    else:
        parts.append(framing.u32(NHA_OIF, nexthop.interface))
        if nexthop.gateway is not None:
            family = family_of_address(nexthop.gateway)
            parts.append(framing.attribute(NHA_GATEWAY, nexthop.gateway.packed))
    # The scope is the kernel's to find.
    fixed = LAYOUT.pack(family, 0, nexthop.protocol, 0, nexthop.flags)
    return request(RTM_NEWNEXTHOP, fixed + b"".join(parts), flags, sequence)


def delete_nexthop(nexthop_id: int, sequence: int = 0) -> bytes:
    """Routes that use it go with it."""
    body = LAYOUT.pack(AF_UNSPEC, 0, 0, 0, 0) + framing.u32(NHA_ID, nexthop_id)
    return request(RTM_DELNEXTHOP, body, 0, sequence)


def list_nexthops(sequence: int = 0) -> bytes:
    return request(RTM_GETNEXTHOP, LAYOUT.pack(AF_UNSPEC, 0, 0, 0, 0), Flag.DUMP, sequence)


def decode_nexthop(message: Message) -> NextHop:
    """Raises NetlinkError."""
    family, scope, protocol, _, flags = framing.fixed(LAYOUT, message.body, "a next hop")
    found = framing.attributes(message.body, LAYOUT.size)
    if NHA_ID not in found:
        raise NetlinkError("a next hop without a number")
    return NextHop(
        id=framing.as_u32(found[NHA_ID]),
        interface=framing.as_u32(found[NHA_OIF]) if NHA_OIF in found else 0,
        gateway=address_from(found[NHA_GATEWAY]) if NHA_GATEWAY in found else None,
        group=_members(found.get(NHA_GROUP, b"")),
        blackhole=NHA_BLACKHOLE in found,
        family=family,
        protocol=protocol,
        scope=scope,
        flags=flags,
    )


def _members(octets: bytes) -> tuple[Member, ...]:
    if len(octets) % _MEMBER.size:
        raise NetlinkError(f"a group of next hops of {len(octets)} octets")
    return tuple(Member(known, weight + 1) for known, weight, _, _ in _MEMBER.iter_unpack(octets))
