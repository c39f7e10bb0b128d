"""Addresses, prefixes and hardware addresses between netlink's octets and ours."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from routeserver.net.prefix import Family, Prefix, address_of, make_prefix
from routeserver.netlink.framing import NetlinkError, UnknownKindError

AF_UNSPEC: Final = 0
AF_INET: Final = 2
AF_BRIDGE: Final = 7
AF_INET6: Final = 10

Address: TypeAlias = IPv4Address | IPv6Address

_WIDTH: Final = {AF_INET: 4, AF_INET6: 16}
_FAMILY: Final = {AF_INET: Family.IPV4, AF_INET6: Family.IPV6}


def family_of_address(address: Address) -> int:
    return AF_INET if address.version == 4 else AF_INET6


def family_of_prefix(prefix: Prefix) -> int:
    return AF_INET6 if prefix >> 136 else AF_INET


def prefix_octets(prefix: Prefix) -> bytes:
    return address_of(prefix).to_bytes(_WIDTH[family_of_prefix(prefix)], "big")


def prefix_from(octets: bytes, length: int, family: int) -> Prefix:
    """The prefix of a message; one of length 0 comes without its octets. Raises NetlinkError."""
    width = _WIDTH.get(family)
    if width is None:
        raise UnknownKindError(f"a prefix of address family {family}")
    if len(octets) not in {0, width} or length > 8 * width or (length and not octets):
        raise NetlinkError(f"a prefix of {len(octets)} octets and {length} bits")
    return make_prefix(int.from_bytes(octets, "big"), length, _FAMILY[family])


def address_from(octets: bytes) -> Address:
    """Raises NetlinkError."""
    match len(octets):
        case 4:
            return IPv4Address(octets)
        case 16:
            return IPv6Address(octets)
        case length:
            raise NetlinkError(f"an address of {length} octets")


def mac_octets(mac: str) -> bytes:
    """Raises ValueError for what is no hardware address of six octets."""
    parts = mac.split(":")
    if len(parts) != 6 or not all(len(part) == 2 for part in parts):
        raise ValueError(f"{mac!r} is no hardware address")
    return bytes(int(part, 16) for part in parts)


def mac_from(octets: bytes) -> str:
    """Empty for none."""
    return octets.hex(":")
