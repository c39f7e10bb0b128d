"""Prefixes as integers: the value that every layer shares and the hot path keeps millions of.

A prefix is ``address << 8 | length``; an IPv6 prefix has bit 136 set as well, so that both families
live in one dict, sort by address and never collide. An IPv4 prefix costs 32 bytes as a Python int
(a tuple costs 120 and an ``ipaddress`` network 200), and hashing it is one machine operation.

Host bits beyond the length are always zero: RFC 4271 §4.3 calls them irrelevant, so the
constructors clear them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, TypeAlias

Prefix: TypeAlias = int

IPV6_BIT: Final = 1 << 136


class Family(IntEnum):
    """Address family identifiers (IANA), the unicast SAFI understood."""

    IPV4 = 1
    IPV6 = 2


def make_prefix(address: int, length: int, family: Family) -> Prefix:
    """The prefix of `length` bits that holds `address`; host bits are cleared."""
    if family is Family.IPV4:
        return (address >> (32 - length) << (32 - length)) << 8 | length
    return IPV6_BIT | (address >> (128 - length) << (128 - length)) << 8 | length


def family_of(prefix: Prefix) -> Family:
    return Family.IPV6 if prefix & IPV6_BIT else Family.IPV4


def length_of(prefix: Prefix) -> int:
    return prefix & 0xFF


def address_of(prefix: Prefix) -> int:
    """The network address as an unsigned integer of the family's width."""
    return (prefix & ~IPV6_BIT) >> 8


def from_network(network: IPv4Network | IPv6Network) -> Prefix:
    family = Family.IPV4 if network.version == 4 else Family.IPV6
    return make_prefix(int(network.network_address), network.prefixlen, family)


def to_network(prefix: Prefix) -> IPv4Network | IPv6Network:
    if prefix & IPV6_BIT:
        return IPv6Network((address_of(prefix), prefix & 0xFF))
    return IPv4Network((prefix >> 8, prefix & 0xFF))


def parse_prefix(text: str) -> Prefix:
    """Read ``10.0.0.0/8`` or ``2001:db8::/32``.

    Raises ValueError when the text is no prefix or has host bits set.
    """
    return from_network(ip_network(text))


def format_prefix(prefix: Prefix) -> str:
    if prefix & IPV6_BIT:
        return f"{IPv6Address(address_of(prefix))}/{prefix & 0xFF}"
    # As IPv4Address writes it, in a fifth of the time: lists of routes are made of these.
    a, b, c, d, length = prefix.to_bytes(5, "big")
    return f"{a}.{b}.{c}.{d}/{length}"


def parsed_prefixes(texts: Iterable[str]) -> set[Prefix]:
    """What is no prefix is left out: it matches none."""
    prefixes = set()
    for text in texts:
        with suppress(ValueError):
            prefixes.add(parse_prefix(text))
    return prefixes
