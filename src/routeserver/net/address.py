"""Addresses as text, the same whatever Python's version."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address


def format_address(address: IPv4Address | IPv6Address) -> str:
    """An IPv4-mapped IPv6 address ends in dotted decimals (RFC 5952 §5); Python 3.11 and 3.12
    write hexadecimal."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return f"::ffff:{address.ipv4_mapped}"
    return str(address)
