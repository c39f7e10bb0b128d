"""Addresses of interfaces (linux/if_addr.h)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final, TypeAlias

from routeserver.netlink import framing
from routeserver.netlink.framing import PUT, Flag, Message, NetlinkError, UnknownKindError, request
from routeserver.netlink.values import (
    AF_INET,
    AF_INET6,
    Address,
    address_from,
    family_of_address,
)

RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22

LAYOUT: Final = struct.Struct("=BBBBI")
"""ifaddrmsg: family, prefix length, flags, scope, interface."""

IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFA_LABEL: Final = 3
IFA_FLAGS: Final = 8
IFA_PROTO: Final = 11

WithLength: TypeAlias = IPv4Interface | IPv6Interface


class AddressFlag(IntFlag):
    SECONDARY = 0x01
    NODAD = 0x02
    OPTIMISTIC = 0x04
    DADFAILED = 0x08
    DEPRECATED = 0x20
    TENTATIVE = 0x40
    PERMANENT = 0x80
    MANAGETEMPADDR = 0x100
    NOPREFIXROUTE = 0x200


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """`peer` is the other end's address, where that is not this one's own subnet."""

    interface: int
    address: WithLength
    scope: int = 0
    flags: int = 0
    protocol: int = 0
    peer: Address | None = None


def new_address(address: InterfaceAddress, sequence: int = 0, flags: int = PUT) -> bytes:
    return request(RTM_NEWADDR, _body(address), flags, sequence)


def delete_address(address: InterfaceAddress, sequence: int = 0) -> bytes:
    return request(RTM_DELADDR, _body(address), 0, sequence)


def list_addresses(interface: int = 0, family: int = 0, sequence: int = 0) -> bytes:
    """Of one interface alone where the socket has NETLINK_GET_STRICT_CHK."""
    return request(RTM_GETADDR, LAYOUT.pack(family, 0, 0, 0, interface), Flag.DUMP, sequence)


def _body(address: InterfaceAddress) -> bytes:
    ip = address.address.ip
    family = family_of_address(ip)
    length = address.address.network.prefixlen
    body = LAYOUT.pack(family, length, address.flags & 0xFF, address.scope, address.interface)
    body += framing.attribute(IFA_LOCAL, ip.packed)
    body += framing.attribute(IFA_ADDRESS, (address.peer or ip).packed)
    if address.flags > 0xFF:
        body += framing.u32(IFA_FLAGS, address.flags)
    if address.protocol:
        body += framing.u8(IFA_PROTO, address.protocol)
    return body


def decode_address(message: Message) -> InterfaceAddress:
    """Raises NetlinkError."""
    family, length, flags, scope, interface = framing.fixed(LAYOUT, message.body, "an address")
    if family not in {AF_INET, AF_INET6}:
        raise UnknownKindError(f"an interface address of address family {family}")
    found = framing.attributes(message.body, LAYOUT.size)
    far = address_from(found[IFA_ADDRESS]) if IFA_ADDRESS in found else None
    near = address_from(found[IFA_LOCAL]) if IFA_LOCAL in found else far
    if near is None or family_of_address(near) != family or length > near.max_prefixlen:
        raise NetlinkError("an interface address that is none")
    return InterfaceAddress(
        interface=interface,
        address=_with_length(near, length),
        scope=scope,
        flags=framing.as_u32(found[IFA_FLAGS]) if IFA_FLAGS in found else flags,
        protocol=framing.as_u8(found[IFA_PROTO]) if IFA_PROTO in found else 0,
        peer=None if far == near else far,
    )


def _with_length(address: Address, length: int) -> WithLength:
    if address.version == 4:
        return IPv4Interface((int(address), length))
    return IPv6Interface((int(address), length))
