"""NLRI by regular expression: for where nothing is compiled.

Interpreted, an octet that is looked at costs as much as a prefix that a pattern finds. The patterns
know the usual encoding only, one without host bits; what they do not match is for the loops of
`plain` to read or to refuse.
"""

from __future__ import annotations

import re
from array import array
from functools import cache
from typing import Final

_USUAL4: Final = (24, 22, 23, 20, 21, 19, 18, 16, 17, 32)
_USUAL6: Final = (48, 32, 44, 40, 36, 46, 47, 45, 42, 64, 56)
"""They are tried first."""

_MULTICAST4: Final = 0xE0
_MULTICAST6: Final = 0xFF


def _entry(length: int, multicast: int) -> bytes:
    """The pattern of an encoded prefix of this length that is not of multicast addresses."""
    size = (length + 7) // 8
    parts = [b"\\x%02x" % length]
    for number in range(size):
        step = 1 << 8 * size - length if number == size - 1 else 1
        end = multicast if number == 0 else 0x100
        if step > 1:
            parts.append(b"[%s]" % b"".join(b"\\x%02x" % value for value in range(0, end, step)))
        else:
            parts.append(b"." if end == 0x100 else b"[^\\x%02x-\\xff]" % end)
    return b"".join(parts)


@cache
def _pattern(is_ipv6: bool) -> re.Pattern[bytes]:
    """Made when it is first asked for, as that takes a moment."""
    usual, longest = (_USUAL6, 128) if is_ipv6 else (_USUAL4, 32)
    others = [length for length in range(longest + 1) if length not in usual]
    multicast = _MULTICAST6 if is_ipv6 else _MULTICAST4
    entries = [_entry(length, multicast) for length in (*usual, *others)]
    return re.compile(b"|".join(entries), re.DOTALL)


def entries(octets: bytes, at: int, end: int, *, is_ipv6: bool) -> list[bytes] | None:
    """The encoded prefixes from `at` to `end`; None when it takes a closer look."""
    found: list[bytes] = _pattern(is_ipv6).findall(octets, at, end)
    # A pattern passes over what it does not match: then something is missing.
    return found if sum(map(len, found)) == end - at else None


def words_of(found: list[bytes], *, is_ipv6: bool) -> array[int]:
    """As in a `RouteBatch`: the words of each address, and its length."""
    words = 4 if is_ipv6 else 1
    size = 4 * words
    padded = b"".join([entry.ljust(size + 1, b"\0") for entry in found])
    addresses = bytearray(size * len(found))
    for number in range(size):
        addresses[number::size] = padded[number + 1 :: size + 1]
    big_endian = array("I", bytes(addresses))
    if array("H", b"\0\1")[0] == 0x100:
        big_endian.byteswap()
    batch = array("I", bytes(4 * (words + 1) * len(found)))
    for number in range(words):
        batch[number :: words + 1] = big_endian[number::words]
    batch[words :: words + 1] = array("I", list(padded[:: size + 1]))
    return batch
