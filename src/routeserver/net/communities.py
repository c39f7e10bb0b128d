"""Patterns over communities: standard (RFC 1997), extended (RFC 4360) and large (RFC 8092).

``65001:100`` and ``65001:*`` are standard, ``65001:1:2`` and ``65001:*:*`` large; extended ones
are ``rt:65001:100`` (route target), ``soo:65001:100`` (route origin), where a part may be ``*``
too, or ``ext:0x0002fde900000064`` in full. The well-known names of `WELL_KNOWN` stand for their
values.

A pattern is a mask and a value over the community as one integer, so that a match costs one AND.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GRACEFUL_SHUTDOWN: Final = 0xFFFF_0000
"""RFC 8326 §5."""
LLGR_STALE: Final = 0xFFFF_0006
NO_LLGR: Final = 0xFFFF_0007
"""RFC 9494 §5."""

WELL_KNOWN: Final = {
    "graceful-shutdown": GRACEFUL_SHUTDOWN,
    "accept-own": 0xFFFF_0001,
    "llgr-stale": LLGR_STALE,
    "no-llgr": NO_LLGR,
    "blackhole": 0xFFFF_029A,
    "no-export": 0xFFFF_FF01,
    "no-advertise": 0xFFFF_FF02,
    "no-export-subconfed": 0xFFFF_FF03,
    "no-peer": 0xFFFF_FF04,
}
"""IANA, BGP Well-known Communities."""

_EXTENDED_SUBTYPES: Final = {"rt": 2, "soo": 3}
"""RFC 4360 §4, §5."""
_RAW: Final = re.compile(r"0x[0-9a-fA-F]{16}")


class CommunityKind(StrEnum):
    STANDARD = "standard"
    EXTENDED = "extended"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class CommunityPattern:
    """Matches communities of its kind for which ``community & mask == value``.

    A large community is one integer of 96 bits here, its first part the highest.
    """

    kind: CommunityKind
    mask: int
    value: int
    text: str


def large_as_int(community: tuple[int, int, int]) -> int:
    return community[0] << 64 | community[1] << 32 | community[2]


def parse_community(text: str) -> CommunityPattern:
    """Raises ValueError with what is wrong, in words."""
    text = text.strip().lower()
    if text in WELL_KNOWN:
        return CommunityPattern(CommunityKind.STANDARD, 0xFFFF_FFFF, WELL_KNOWN[text], text)
    parts = text.split(":")
    match parts:
        case ["ext", raw] if _RAW.fullmatch(raw):
            return CommunityPattern(CommunityKind.EXTENDED, (1 << 64) - 1, int(raw, 16), text)
        case [("rt" | "soo") as name, asn, number]:
            return _extended(_EXTENDED_SUBTYPES[name], asn, number, text)
        case [high, low]:
            return _folded(CommunityKind.STANDARD, (high, low), (16, 16), text)
        case [first, second, third]:
            return _folded(CommunityKind.LARGE, (first, second, third), (32, 32, 32), text)
        case _:
            raise ValueError(f"'{text}' is no community")


def _extended(subtype: int, asn: str, number: str, text: str) -> CommunityPattern:
    """RFC 4360 §3.1: two octets of AS number and four of value; RFC 5668: four and two."""
    if asn == "*":
        raise ValueError(f"'{text}' needs an AS number: a community with any is written in full")
    is_wide = asn.isdecimal() and int(asn) > 0xFFFF
    kind = CommunityKind.EXTENDED
    folded = _folded(kind, (asn, number), (32, 16) if is_wide else (16, 32), text)
    head = (0x02 if is_wide else 0x00) << 56 | subtype << 48
    return CommunityPattern(kind, 0xFFFF << 48 | folded.mask, head | folded.value, text)


def _folded(
    kind: CommunityKind, parts: tuple[str, ...], widths: tuple[int, ...], text: str
) -> CommunityPattern:
    mask = value = 0
    for part, width in zip(parts, widths, strict=True):
        full = (1 << width) - 1
        mask <<= width
        value <<= width
        if part == "*":
            continue
        # isdecimal takes digits of every script; ten characters keep int() small.
        if not (part.isascii() and part.isdecimal() and len(part) <= 10 and int(part) <= full):
            raise ValueError(f"'{part}' in '{text}' must be * or a number from 0 to {full}")
        mask |= full
        value |= int(part)
    return CommunityPattern(kind, mask, value, text)
