"""Path attributes: one immutable object for each distinct set, shared by all the prefixes that
carry it.

An UPDATE's attributes are decoded once, interned by their bytes, and travel from the codec through
RIB and FIB to the route tables as this one object beside a list of prefixes. `rank` folds the
attribute part of the decision into an integer when the object is made, so that comparing two paths
never looks at a list again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

DEFAULT_PREFERENCE: Final = 100
MAX_PREFERENCE: Final = 0xFFFFFFFF


class Origin(IntEnum):
    """RFC 4271 §5.1.1; lower is preferred."""

    IGP = 0
    EGP = 1
    INCOMPLETE = 2


class SegmentKind(IntEnum):
    """RFC 4271 §4.3 and RFC 5065 §3 path segment types."""

    AS_SET = 1
    AS_SEQUENCE = 2


@dataclass(frozen=True, slots=True)
class AsSegment:
    kind: SegmentKind
    asns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """An attribute carried as bytes because nothing here needs to read it."""

    flags: int
    code: int
    value: bytes


@dataclass(frozen=True, slots=True)
class PathAttributes:
    """The attributes of one or many routes of one family.

    `next_hop` is the address to resolve to a network interface: NEXT_HOP for IPv4, the global
    address of MP_REACH_NLRI for IPv6. `med` is None when absent, which ranks as 0. `preference` is
    what the import policy of this side assigned; a higher one wins before anything that the peer
    says, and LOCAL_PREF from a peer never becomes one.
    """

    origin: Origin
    as_path: tuple[AsSegment, ...]
    next_hop: IPv4Address | IPv6Address
    med: int | None = None
    local_pref: int | None = None
    communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    others: tuple[RawAttribute, ...] = ()
    extended_communities: tuple[int, ...] = ()
    preference: int = DEFAULT_PREFERENCE
    rank: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "rank", rank_of(self.as_path, self.origin, self.med, self.preference)
        )


def as_path_length(as_path: tuple[AsSegment, ...]) -> int:
    """RFC 4271 §9.1.2.2 (a): an AS_SET counts as one, however many members it has."""
    return sum(len(s.asns) if s.kind is SegmentKind.AS_SEQUENCE else 1 for s in as_path)


def rank_of(
    as_path: tuple[AsSegment, ...],
    origin: Origin,
    med: int | None,
    preference: int = DEFAULT_PREFERENCE,
) -> int:
    """Preference (the higher first), AS_PATH length, ORIGIN, then MED (always compared, missing =
    0) as one integer of 82 bits; lower is better.
    """
    fixed = (MAX_PREFERENCE - preference) << 18 | as_path_length(as_path) << 2 | origin
    return fixed << 32 | (med or 0)


def as_path_strings(as_path: tuple[AsSegment, ...]) -> list[str]:
    """One string per AS number in order, an AS_SET as ``{1,2}``: the form of the EC2 answer's
    ``asPathSet``."""
    out: list[str] = []
    for segment in as_path:
        if segment.kind is SegmentKind.AS_SEQUENCE:
            out.extend(str(asn) for asn in segment.asns)
        else:
            out.append("{" + ",".join(str(asn) for asn in segment.asns) + "}")
    return out
