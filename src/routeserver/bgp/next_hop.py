"""Which next hops may be used: RFC 4271 §6.3 asks for the address of a host that is not ourselves.

Whether an address belongs to a network interface is not decided here. An IPv4-mapped IPv6 address,
which routers send for IPv6 prefixes over an IPv4 session, is judged by the IPv4 address inside it
and kept as it came.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final

NextHop = IPv4Address | IPv6Address

_MAPPED: Final = 0xFFFF  # ::ffff:0:0/96


def refusal_of(
    next_hop: NextHop, *, accept_loopback: bool, local_address: IPv4Address | None
) -> str | None:
    """Why routes with this next hop are not accepted, or None when they are."""
    number = int(next_hop)
    if next_hop.version == 6:
        if number >> 32 != _MAPPED:
            kind = _kind_of_ipv6(number, accept_loopback=accept_loopback)
            return f"next hop {next_hop} is {kind}" if kind else None
        number &= 0xFFFFFFFF
    if local_address is not None and number == int(local_address):
        return f"next hop {next_hop} is our own address"
    kind = _kind_of_ipv4(number, accept_loopback=accept_loopback)
    return f"next hop {next_hop} is {kind}" if kind else None


def _kind_of_ipv4(number: int, *, accept_loopback: bool) -> str | None:
    first = number >> 24
    if first == 0:
        return "unspecified"
    if first == 127:
        return None if accept_loopback else "a loopback address"
    if first < 224:
        return None
    if first < 240:
        return "a multicast address"
    return "the broadcast address" if number == 0xFFFFFFFF else "a reserved (class E) address"


def _kind_of_ipv6(number: int, *, accept_loopback: bool) -> str | None:
    if number == 0:
        return "unspecified"
    if number == 1:
        return None if accept_loopback else "a loopback address"
    return "a multicast address" if number >> 120 == 0xFF else None
