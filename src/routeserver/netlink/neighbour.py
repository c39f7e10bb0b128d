"""Neighbours (linux/neighbour.h): which hardware address an address has, and behind which port of
a bridge a hardware address is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from routeserver.netlink import framing
from routeserver.netlink.framing import PUT, Flag, Message, NetlinkError, UnknownKindError, request
from routeserver.netlink.values import (
    AF_BRIDGE,
    AF_INET,
    AF_INET6,
    Address,
    address_from,
    family_of_address,
    mac_from,
    mac_octets,
)

RTM_NEWNEIGH: Final = 28
RTM_DELNEIGH: Final = 29
RTM_GETNEIGH: Final = 30

LAYOUT: Final = struct.Struct("=BxxxiHBB")
"""ndmsg: family, interface, state, flags, type."""

NDA_DST: Final = 1
NDA_LLADDR: Final = 2
NDA_VLAN: Final = 5
NDA_IFINDEX: Final = 8
NDA_MASTER: Final = 9
NDA_PROTOCOL: Final = 12

NTF_SELF: Final = 0x02
NTF_MASTER: Final = 0x04
NTF_STICKY: Final = 0x40
NTF_ROUTER: Final = 0x80


class State(IntFlag):
    INCOMPLETE = 0x01
    REACHABLE = 0x02
    STALE = 0x04
    DELAY = 0x08
    PROBE = 0x10
    FAILED = 0x20
    NOARP = 0x40
    PERMANENT = 0x80


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`mac` is empty where it is not known."""

    interface: int
    address: Address
    mac: str
    state: int = State.PERMANENT
    flags: int = 0
    protocol: int = 0


@dataclass(frozen=True, slots=True)
class Forwarding:
    """An entry of a bridge's forwarding database: `mac` is behind the port `interface`.

    `State.NOARP` is a static entry, one that no frame moves; `State.PERMANENT` is an address of
    the bridge itself.
    """

    interface: int
    mac: str
    state: int = State.NOARP
    flags: int = NTF_MASTER
    vlan: int = 0
    bridge: int = 0


def new_neighbour(neighbour: Neighbour, sequence: int = 0, flags: int = PUT) -> bytes:
    return request(RTM_NEWNEIGH, _body(neighbour), flags, sequence)


def delete_neighbour(neighbour: Neighbour, sequence: int = 0) -> bytes:
    return request(RTM_DELNEIGH, _body(neighbour), 0, sequence)


def list_neighbours(family: int, interface: int = 0, sequence: int = 0) -> bytes:
    """With AF_BRIDGE the forwarding databases of all bridges, where `interface` has to be 0."""
    body = LAYOUT.pack(family, 0, 0, 0, 0)
    if interface:
        body += framing.u32(NDA_IFINDEX, interface)
    return request(RTM_GETNEIGH, body, Flag.DUMP, sequence)


def new_forwarding(entry: Forwarding, sequence: int = 0, flags: int = PUT) -> bytes:
    return request(RTM_NEWNEIGH, _forwarding_body(entry), flags, sequence)


def delete_forwarding(entry: Forwarding, sequence: int = 0) -> bytes:
    return request(RTM_DELNEIGH, _forwarding_body(entry), 0, sequence)


def _body(neighbour: Neighbour) -> bytes:
    family = family_of_address(neighbour.address)
    body = LAYOUT.pack(family, neighbour.interface, neighbour.state, neighbour.flags, 0)
    body += framing.attribute(NDA_DST, neighbour.address.packed)
    if neighbour.mac:
        body += framing.attribute(NDA_LLADDR, mac_octets(neighbour.mac))
    if neighbour.protocol:
        body += framing.u8(NDA_PROTOCOL, neighbour.protocol)
    return body


def _forwarding_body(entry: Forwarding) -> bytes:
    body = LAYOUT.pack(AF_BRIDGE, entry.interface, entry.state, entry.flags, 0)
    body += framing.attribute(NDA_LLADDR, mac_octets(entry.mac))
    if entry.vlan:
        body += framing.u16(NDA_VLAN, entry.vlan)
    return body


def decode_neighbour(message: Message) -> Neighbour | Forwarding:
    """Raises NetlinkError."""
    family, interface, state, flags, _ = framing.fixed(LAYOUT, message.body, "a neighbour")
    found = framing.attributes(message.body, LAYOUT.size)
    mac = mac_from(found.get(NDA_LLADDR, b""))
    if family == AF_BRIDGE:
        return Forwarding(
            interface=interface,
            mac=mac,
            state=state,
            flags=flags,
            vlan=framing.as_u16(found[NDA_VLAN]) if NDA_VLAN in found else 0,
            bridge=framing.as_u32(found[NDA_MASTER]) if NDA_MASTER in found else 0,
        )
    if family not in {AF_INET, AF_INET6}:
        raise UnknownKindError(f"a neighbour of address family {family}")
    if NDA_DST not in found:
        raise NetlinkError("a neighbour without an address")
    return Neighbour(
        interface=interface,
        address=address_from(found[NDA_DST]),
        mac=mac,
        state=state,
        flags=flags,
        protocol=framing.as_u8(found[NDA_PROTOCOL]) if NDA_PROTOCOL in found else 0,
    )
