"""Network layer reachability information: runs of (length, octets) to prefixes and back. RFC 4271
§4.3, RFC 4760 §5.

This is the innermost loop of the speaker. A prefix goes straight from the wire to the integer of
`net.prefix`: two table look-ups and two shifts, no object in between. Host bits are cleared on the
way, as they carry no meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from routeserver.net.prefix import IPV6_BIT, Family, Prefix, address_of

# By prefix length: octets on the wire, bits to drop from them, bits to add to reach `address << 8`.
_OCTETS: Final = tuple((length + 7) // 8 for length in range(129))
_DROP: Final = tuple((length + 7) // 8 * 8 - length for length in range(129))
_LIFT4: Final = tuple(32 - length + 8 for length in range(33))
_LIFT6: Final = tuple(128 - length + 8 for length in range(129))

# The first prefix beyond unicast space: 224.0.0.0 (multicast and class E) and ff00:: (multicast).
FIRST_NOT_UNICAST: Final = {Family.IPV4: 0xE0 << 32, Family.IPV6: IPV6_BIT | 0xFF << 128}


class NlriError(ValueError):
    """The run cannot be cut into prefixes; the caller knows where it stood."""


def decode_nlri(family: Family, data: bytes, start: int, end: int) -> list[Prefix]:
    """The prefixes in ``data[start:end]``. Raises NlriError."""
    return (decode_ipv4 if family is Family.IPV4 else decode_ipv6)(data, start, end)


def decode_ipv4(data: bytes, start: int, end: int) -> list[Prefix]:
    out: list[Prefix] = []
    append = out.append
    from_bytes = int.from_bytes
    octets, drop, lift = _OCTETS, _DROP, _LIFT4
    position = start
    while position < end:
        length = data[position]
        if length > 32:
            raise NlriError(f"an IPv4 prefix of length {length}")
        position += 1
        stop = position + octets[length]
        if stop > end:
            raise NlriError(f"an IPv4 prefix of length {length} is cut off")
        append(from_bytes(data[position:stop], "big") >> drop[length] << lift[length] | length)
        position = stop
    return out


def decode_ipv6(data: bytes, start: int, end: int) -> list[Prefix]:
    out: list[Prefix] = []
    append = out.append
    from_bytes = int.from_bytes
    octets, drop, lift, marked = _OCTETS, _DROP, _LIFT6, IPV6_BIT
    position = start
    while position < end:
        length = data[position]
        if length > 128:
            raise NlriError(f"an IPv6 prefix of length {length}")
        position += 1
        stop = position + octets[length]
        if stop > end:
            raise NlriError(f"an IPv6 prefix of length {length} is cut off")
        append(
            from_bytes(data[position:stop], "big") >> drop[length] << lift[length] | marked | length
        )
        position = stop
    return out


def encode_nlri(prefixes: Sequence[Prefix], room: int) -> list[bytes]:
    """The prefixes, in order, as runs of at most `room` octets each.

    Raises ValueError when a single prefix needs more than `room`.
    """
    runs: list[bytes] = []
    run = bytearray()
    for prefix in prefixes:
        one = encode_prefix(prefix)
        if len(run) + len(one) > room:
            if len(one) > room:
                raise ValueError("the path attributes leave no room for a prefix in the message")
            runs.append(bytes(run))
            run.clear()
        run += one
    if run:
        runs.append(bytes(run))
    return runs


def encode_prefix(prefix: Prefix) -> bytes:
    length = prefix & 0xFF
    width = 16 if prefix & IPV6_BIT else 4
    return bytes([length]) + address_of(prefix).to_bytes(width, "big")[: _OCTETS[length]]
