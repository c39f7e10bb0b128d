"""An attribute set: one list of path attributes as one session received it, judged by its octets.

It is what a route points at. A peer that sends a million prefixes under a hundred and fifty
thousand lists makes that many of these, so each holds no more than a table needs: the octets, the
rank that decides between paths, and the way to the decoded `PathAttributes` for the few that a
person or a route table asks about.

Cost of a set, compiled: 88 bytes, and its octets (33 and their number).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final, Protocol

from routeserver.net.path import PathAttributes

IS_COMPILED: Final = not __file__.endswith(".py")

UNUSABLE: Final = 1 << 63
"""The `rank_high` of a set whose routes may never be used: behind every other."""


class AttributeCodec(Protocol):
    """Where a set comes from: the session that interned it under its octets."""

    def decode(self, raw: bytes) -> PathAttributes: ...

    def next_hop(self, raw: bytes) -> IPv4Address | IPv6Address: ...

    def forget(self, raw: bytes) -> None:
        """No route refers to the set any more."""


class AttributeSet:
    """Compared by identity. `rank_high` and `rank_low` are `PathAttributes.rank` in two halves, so
    that 64 bits hold each; lower is better.

    Without `may_have_well_known` it has none of the communities 0xFFFF0000 to 0xFFFFFFFF, and who
    looks for one of those need not look further. `rejected` says why routes with this set are kept
    as received but never used. `slot` belongs to the RIB that holds the routes and means nothing to
    anybody else.
    """

    __slots__ = (
        "_attributes",
        "_codec",
        "may_have_well_known",
        "rank_high",
        "rank_low",
        "raw",
        "rejected",
        "slot",
    )

    def __init__(  # noqa: PLR0917 - made for every set of a full table, where keywords cost
        self,
        raw: bytes,
        rank_high: int,
        rank_low: int,
        codec: AttributeCodec | None,
        attributes: PathAttributes | None = None,
        rejected: str | None = None,
    ) -> None:
        self.raw = raw
        self.rank_high = rank_high if rejected is None else UNUSABLE
        self.rank_low = rank_low
        self.slot = 0
        self.may_have_well_known = True
        self.rejected = rejected
        self._codec = codec
        self._attributes = attributes

    @property
    def attributes(self) -> PathAttributes:
        """What the octets say; decoded on first use and not kept, as few are ever looked at."""
        if self._attributes is not None:
            return self._attributes
        assert self._codec is not None  # noqa: S101 - a set has one or the other
        return self._codec.decode(self.raw)

    @property
    def next_hop(self) -> IPv4Address | IPv6Address:
        """The one attribute that a route table needs; nothing else is decoded for it."""
        if self._attributes is not None:
            return self._attributes.next_hop
        assert self._codec is not None  # noqa: S101 - a set has one or the other
        return self._codec.next_hop(self.raw)

    def release(self) -> None:
        """The last route of the set is gone: its session need not share it any more."""
        if self._codec is not None:
            self._codec.forget(self.raw)


def plain_set(
    raw: bytes, rank_high: int, rank_low: int, codec: AttributeCodec, well_known: bool
) -> AttributeSet:
    """What the constructor makes of these; without its cost, as a full table makes so many."""
    made = AttributeSet.__new__(AttributeSet)
    made.raw = raw
    made.rank_high = rank_high
    made.rank_low = rank_low
    made.slot = 0
    made.may_have_well_known = well_known
    made.rejected = None
    made._codec = codec  # noqa: SLF001 - its own class
    made._attributes = None  # noqa: SLF001
    if IS_COMPILED:
        # Hundreds of thousands of them, which the garbage collector would visit again and again.
        # It cannot see their circle with the codec then: the codec breaks it when its session ends.
        PyObject_GC_UnTrack(made)  # type: ignore[name-defined]  # noqa: F821 - in the .pxd
    return made


def set_of(attributes: PathAttributes, rejected: str | None = None) -> AttributeSet:
    """A set that no session interned: what an import filter or a test makes."""
    rank = attributes.rank
    return AttributeSet(b"", rank >> 32, rank & 0xFFFFFFFF, None, attributes, rejected)
