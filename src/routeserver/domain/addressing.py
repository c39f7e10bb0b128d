"""Addresses inside a VPC: which a subnet hands out, which it keeps, and the MAC address of an
interface.

Pure arithmetic on ``ipaddress`` values; what is taken already is an argument. EC2 keeps five
addresses of every subnet: the first four (network, router, DNS, future use) and the last; RFC 4193
explains the IPv6 blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

RESERVED_FIRST: Final = 4
RESERVED_LAST: Final = 1
RESERVED: Final = RESERVED_FIRST + RESERVED_LAST

VPC_IPV6_LENGTH: Final = 56
SUBNET_IPV6_LENGTH: Final = 64


def parse_ipv4_network(text: str) -> IPv4Network:
    """Read an IPv4 CIDR block; EC2 clears host bits (100.68.0.18/18 becomes 100.68.0.0/18).

    Raises ValueError when the text is none; a bare address is not a block.
    """
    network = parse_network(text)
    if not isinstance(network, IPv4Network):
        raise ValueError(f"{text} is not an IPv4 CIDR block")  # noqa: TRY004 - the text is wrong, not its type
    return network


def parse_ipv6_network(text: str) -> IPv6Network:
    """As `parse_ipv4_network`, for IPv6."""
    network = parse_network(text)
    if not isinstance(network, IPv6Network):
        raise ValueError(f"{text} is not an IPv6 CIDR block")  # noqa: TRY004 - the text is wrong, not its type
    return network


def parse_network(text: str) -> Network:
    """As `parse_ipv4_network`, for either family."""
    address, slash, length = text.partition("/")
    # ip_network also takes netmasks ("/255.0.0.0") and scopes ("fe80::1%eth0"), which are no CIDR
    # blocks.
    if not slash or "%" in address or not (length.isascii() and length.isdigit()):
        raise ValueError(f"{text} is not a CIDR block")
    return ip_network(text, strict=False)


def contains(outer: Network, inner: Network) -> bool:
    """Whether `inner` lies in `outer` or is the same block; blocks of two families never do."""
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def overlaps(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def is_reserved(network: Network, address: Address) -> bool:
    """Whether an address of the subnet is one of the five EC2 keeps."""
    offset = int(address) - int(network.network_address)
    return offset < RESERVED_FIRST or offset >= network.num_addresses - RESERVED_LAST


def usable_count(network: IPv4Network) -> int:
    """How many addresses a subnet can give to interfaces."""
    return max(0, network.num_addresses - RESERVED)


def free_addresses(network: Network, taken: Collection[str]) -> Iterator[Address]:
    """The addresses of a subnet that nobody has, lowest first; `taken` is canonical text.

    Deviation: Amazon picks at random. The lowest free one makes every run of the same script give
    the same answer.
    """
    first = int(network.network_address) + RESERVED_FIRST
    beyond = int(network.broadcast_address)
    make = IPv4Address if isinstance(network, IPv4Network) else IPv6Address
    occupied = {int(make(text)) for text in taken}
    for number in range(first, beyond):
        if number not in occupied:
            yield make(number)


def mac_address(random_bytes: bytes) -> str:
    """A locally administered unicast MAC address (IEEE 802, second bit of the first octet) from
    five random bytes.
    """
    return ":".join(f"{octet:02x}" for octet in b"\x02" + random_bytes[:5])


def vpc_ipv6_network(vpc_id: str) -> IPv6Network:
    """The /56 of a VPC that asked for an "Amazon provided" IPv6 block.

    Nothing outside may be claimed here, so the block is a unique local one (RFC 4193 §3: fd00::/8
    and random bits), which collides neither with addresses in use elsewhere nor with the
    documentation range that examples announce by BGP. The random bits are those of the VPC's id:
    the same VPC always has the same block and nothing need be stored.
    """
    bits = int(vpc_id.rpartition("-")[2][:12].ljust(12, "0"), 16)
    return IPv6Network((0xFD << 120 | bits << 72, VPC_IPV6_LENGTH))


def first_overlap(network: Network, others: Iterable[tuple[str, Network]]) -> str | None:
    """The name of the first of the named blocks that overlaps `network`."""
    for name, other in others:
        if overlaps(network, other):
            return name
    return None
