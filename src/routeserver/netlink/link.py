"""Interfaces (linux/if_link.h): the messages that make bridges and pairs, move, name, raise and
remove them, and what the kernel says of each."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from routeserver.netlink import framing
from routeserver.netlink.framing import MAKE, Flag, Message, UnknownKindError, request
from routeserver.netlink.values import AF_UNSPEC, mac_from, mac_octets

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_SETLINK: Final = 19

LAYOUT: Final = struct.Struct("=BxHiII")
"""ifinfomsg: family, hardware type, index, flags, which flags change."""

IFLA_ADDRESS: Final = 1
IFLA_IFNAME: Final = 3
IFLA_MTU: Final = 4
IFLA_LINK: Final = 5
IFLA_MASTER: Final = 10
IFLA_LINKINFO: Final = 18
IFLA_NET_NS_PID: Final = 19
IFLA_IFALIAS: Final = 20
IFLA_GROUP: Final = 27
IFLA_NET_NS_FD: Final = 28
IFLA_LINK_NETNSID: Final = 37
_IFLA_AF_SPEC: Final = 26
_IFLA_EXT_MASK: Final = 29

_INFO_KIND: Final = 1
_INFO_DATA: Final = 2
_PEER: Final = 1  # VETH_INFO_PEER
_IFLA_INET6_ADDR_GEN_MODE: Final = 8
_ADDR_GEN_NONE: Final = 1
_AF_INET: Final = 2
_IFLA_INET_CONF: Final = 1
_IPV4_DEVCONF_ARP_ANNOUNCE: Final = 18

_BR_FORWARD_DELAY: Final = 1
_BR_STP_STATE: Final = 5
_BR_MCAST_SNOOPING: Final = 23

NAME_OCTETS: Final = 15
"""IFNAMSIZ without the zero."""

ALIAS_OCTETS: Final = 255


class LinkFlag(IntFlag):
    UP = 0x1
    BROADCAST = 0x2
    LOOPBACK = 0x8
    RUNNING = 0x40
    NOARP = 0x80
    PROMISCUOUS = 0x100
    LOWER_UP = 0x10000


@dataclass(frozen=True, slots=True)
class Link:
    """`peer` is the index of a pair's other end, in the namespace that the kernel calls
    `peer_namespace` here (-1: this one)."""

    index: int
    name: str
    flags: int = 0
    mac: str = ""
    mtu: int = 0
    alias: str = ""
    bridge: int = 0
    kind: str = ""
    peer: int = 0
    peer_namespace: int = -1

    @property
    def is_up(self) -> bool:
        return bool(self.flags & LinkFlag.UP)


@dataclass(frozen=True, slots=True)
class End:
    """One end of a pair in the making. `namespace` is a descriptor, None for where the request is
    made."""

    name: str
    mac: str | None = None
    mtu: int | None = None
    namespace: int | None = None


def new_bridge(name: str, mac: str, mtu: int, sequence: int = 0) -> bytes:
    """Without spanning tree and without looking into multicast."""
    data = framing.nested(
        _INFO_DATA,
        framing.u32(_BR_FORWARD_DELAY, 0),
        framing.u32(_BR_STP_STATE, 0),
        framing.u8(_BR_MCAST_SNOOPING, 0),
    )
    body = _fixed(0) + framing.text(IFLA_IFNAME, name)
    body += framing.attribute(IFLA_ADDRESS, mac_octets(mac)) + framing.u32(IFLA_MTU, mtu)
    body += framing.nested(IFLA_LINKINFO, framing.text(_INFO_KIND, "bridge"), data)
    return request(RTM_NEWLINK, body, MAKE, sequence)


def new_pair(here: End, there: End, sequence: int = 0) -> bytes:
    """A veth pair; with `there.namespace` the other end is made there at once, under its name."""
    peer = _fixed(0) + _end(there)
    data = framing.nested(_INFO_DATA, framing.attribute(_PEER, peer))
    body = _fixed(0) + _end(here)
    body += framing.nested(IFLA_LINKINFO, framing.text(_INFO_KIND, "veth"), data)
    return request(RTM_NEWLINK, body, MAKE, sequence)


def set_link(
    index: int,
    *,
    up: bool | None = None,
    name: str | None = None,
    mac: str | None = None,
    mtu: int | None = None,
    alias: str | None = None,
    bridge: int | None = None,
    namespace: int | None = None,
    no_link_local: bool = False,
    sequence: int = 0,
) -> bytes:
    """Change what is given. `no_link_local`: IPv6 makes itself no address there."""
    change = 0 if up is None else LinkFlag.UP
    body = _fixed(index, LinkFlag.UP if up else 0, change)
    if name is not None:
        body += framing.text(IFLA_IFNAME, name)
    if mac is not None:
        body += framing.attribute(IFLA_ADDRESS, mac_octets(mac))
    if mtu is not None:
        body += framing.u32(IFLA_MTU, mtu)
    if alias is not None:
        body += framing.attribute(IFLA_IFALIAS, alias.encode())
    if bridge is not None:
        body += framing.u32(IFLA_MASTER, bridge)
    if namespace is not None:
        body += framing.u32(IFLA_NET_NS_FD, namespace)
    if no_link_local:
        mode = framing.u8(_IFLA_INET6_ADDR_GEN_MODE, _ADDR_GEN_NONE)
        body += framing.nested(_IFLA_AF_SPEC, framing.nested(10, mode))
    return request(RTM_SETLINK, body, 0, sequence)


def ask_with_own_address(index: int, sequence: int = 0) -> bytes:
    """ARP requests from this interface bear an address of its own (arp_announce 2), whichever
    address the packet that waits for the answer comes from."""
    announce = framing.u32(_IPV4_DEVCONF_ARP_ANNOUNCE, 2)
    settings = framing.nested(_AF_INET, framing.nested(_IFLA_INET_CONF, announce))
    body = _fixed(index) + framing.nested(_IFLA_AF_SPEC, settings)
    return request(RTM_SETLINK, body, 0, sequence)


def delete_link(index: int, sequence: int = 0) -> bytes:
    return request(RTM_DELLINK, _fixed(index), 0, sequence)


def set_group(index: int, group: int, sequence: int = 0) -> bytes:
    return request(RTM_SETLINK, _fixed(index) + framing.u32(IFLA_GROUP, group), 0, sequence)


def delete_group(group: int, sequence: int = 0) -> bytes:
    """All links of a group at once, which takes no longer than a single one."""
    return request(RTM_DELLINK, _fixed(0) + framing.u32(IFLA_GROUP, group), 0, sequence)


def get_link(name: str, sequence: int = 0) -> bytes:
    """Answered by one link, or ENODEV."""
    body = _fixed(0) + framing.text(IFLA_IFNAME, name)
    return request(RTM_GETLINK, body, 0, sequence)


def list_links(sequence: int = 0) -> bytes:
    return request(RTM_GETLINK, _fixed(0), Flag.DUMP, sequence)


def _fixed(index: int, flags: int = 0, change: int = 0) -> bytes:
    return LAYOUT.pack(AF_UNSPEC, 0, index, flags, change)


def _end(end: End) -> bytes:
    octets = framing.text(IFLA_IFNAME, end.name)
    if end.mac is not None:
        octets += framing.attribute(IFLA_ADDRESS, mac_octets(end.mac))
    if end.mtu is not None:
        octets += framing.u32(IFLA_MTU, end.mtu)
    if end.namespace is not None:
        octets += framing.u32(IFLA_NET_NS_FD, end.namespace)
    return octets


def decode_link(message: Message) -> Link:
    """Raises NetlinkError."""
    family, _, index, flags, _ = framing.fixed(LAYOUT, message.body, "a link")
    if family != AF_UNSPEC:  # a bridge tells of its ports; one that leaves it is not gone
        raise UnknownKindError(f"a link as address family {family} sees it")
    found = framing.attributes(message.body, LAYOUT.size)
    info = framing.attributes(found.get(IFLA_LINKINFO, b""))
    return Link(
        index=index,
        name=framing.as_text(found.get(IFLA_IFNAME, b"")),
        flags=flags,
        mac=mac_from(found.get(IFLA_ADDRESS, b"")),
        mtu=framing.as_u32(found[IFLA_MTU]) if IFLA_MTU in found else 0,
        alias=framing.as_text(found.get(IFLA_IFALIAS, b"")),
        bridge=framing.as_u32(found[IFLA_MASTER]) if IFLA_MASTER in found else 0,
        kind=framing.as_text(info.get(_INFO_KIND, b"")),
        peer=framing.as_u32(found[IFLA_LINK]) if IFLA_LINK in found else 0,
        peer_namespace=(
            framing.as_s32(found[IFLA_LINK_NETNSID]) if IFLA_LINK_NETNSID in found else -1
        ),
    )
