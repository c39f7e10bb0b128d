"""Addresses: as text, the same whatever Python's version, and the one that follows from a hardware
address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address


def format_address(address: IPv4Address | IPv6Address) -> str:
    """An IPv4-mapped IPv6 address ends in dotted decimals (RFC 5952 §5); Python 3.11 and 3.12
    write hexadecimal."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return f"::ffff:{address.ipv4_mapped}"
    return str(address)


def link_local_address(mac: str) -> IPv6Address:
    """The one that an interface gives itself by its hardware address (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    within = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return IPv6Address(b"\xfe\x80" + bytes(6) + within)
