"""Attribute lists as a full table has them: AS paths of two to seven hops, communities, some MEDs.

One `AttributeSet` is what the origin and the transit networks made of a route; `encode` adds what a
peer puts in front of it. Shares are round numbers near what route collectors see.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from random import Random
from typing import Final

from benchmarks.routing.wire import attribute

TRANSIT_NETWORKS: Final = 400
ORIGIN_NETWORKS: Final = 75_000
_HOPS_BEHIND_PEER: Final = ((1, 0.10), (2, 0.28), (3, 0.32), (4, 0.18), (5, 0.08), (6, 0.04))


@dataclass(frozen=True, slots=True)
class Speaker:
    """A peer that announces a table: what it puts in front of the paths, and its next hop."""

    asn: int
    next_hop: bytes
    through: tuple[int, ...] = ()
    """AS numbers between it and the paths, which make its paths longer than another's."""


@dataclass(frozen=True, slots=True)
class AttributeSet:
    path: tuple[int, ...]
    """From the peer's neighbour to the origin."""
    origin: int
    med: int | None
    communities: tuple[int, ...]
    large_communities: tuple[tuple[int, int, int], ...]
    aggregator: tuple[int, int] | None

    def encode(self, speaker: Speaker, *, with_next_hop: bool) -> bytes:
        """In ascending order of code; without NEXT_HOP where MP_REACH_NLRI carries it."""
        path = (speaker.asn, *speaker.through, *self.path)
        parts = [
            attribute(0x40, 1, bytes((self.origin,))),
            attribute(0x40, 2, struct.pack(f"!BB{len(path)}I", 2, len(path), *path)),
        ]
        if with_next_hop:
            parts.append(attribute(0x40, 3, speaker.next_hop))
        if self.med is not None:
            parts.append(attribute(0x80, 4, struct.pack("!I", self.med)))
        if self.aggregator is not None:
            parts.append(attribute(0x40, 6, b""))
            parts.append(attribute(0xC0, 7, struct.pack("!II", *self.aggregator)))
        if self.communities:
            packed = struct.pack(f"!{len(self.communities)}I", *self.communities)
            parts.append(attribute(0xC0, 8, packed))
        if self.large_communities:
            packed = b"".join(struct.pack("!III", *each) for each in self.large_communities)
            parts.append(attribute(0xC0, 32, packed))
        return b"".join(parts)


def attribute_sets(count: int, random: Random) -> list[AttributeSet]:
    """All different, whatever speaker encodes them."""
    transits = [_public_asn(random) for _ in range(TRANSIT_NETWORKS)]
    origins = [_public_asn(random) for _ in range(ORIGIN_NETWORKS)]
    made: dict[AttributeSet, None] = {}
    while len(made) < count:
        made[_one(transits, origins, random)] = None
    return list(made)


def _one(transits: list[int], origins: list[int], random: Random) -> AttributeSet:
    uniform = random.random
    hops = random.choices([n for n, _ in _HOPS_BEHIND_PEER], [s for _, s in _HOPS_BEHIND_PEER])[0]
    # A few networks carry most paths.
    middle = [transits[int(uniform() ** 3 * TRANSIT_NETWORKS)] for _ in range(hops - 1)]
    origin_asn = origins[int(uniform() * ORIGIN_NETWORKS)]
    path = [*dict.fromkeys(middle), origin_asn]
    if hops < 5 and uniform() < 0.10:
        path += [origin_asn] * (1 + int(uniform() * 2))  # prepended by the origin
    tagging = path[0] & 0xFFFF
    communities = {
        tagging << 16 | int(uniform() * 1000) for _ in range(_community_count(uniform()))
    }
    large = [(path[0], int(uniform() * 100), int(uniform() * 1000))] if uniform() < 0.10 else []
    return AttributeSet(
        path=tuple(path),
        origin=0 if uniform() < 0.88 else 2,
        med=int(uniform() * 500) if uniform() < 0.25 else None,
        communities=tuple(sorted(communities)),
        large_communities=tuple(large),
        aggregator=(origin_asn, int(uniform() * (1 << 31)) + (1 << 24))
        if uniform() < 0.05
        else None,
    )


def _community_count(chance: float) -> int:
    """None on a quarter of the sets, otherwise one to twelve, few more often."""
    return 0 if chance < 0.25 else 1 + int(((chance - 0.25) / 0.75) ** 2 * 12)


def _public_asn(random: Random) -> int:
    """No reserved, private or documentation number (IANA's registry)."""
    if random.random() < 0.45:
        return 1_000 + int(random.random() * 22_000)
    if random.random() < 0.5:
        return 24_000 + int(random.random() * 40_000)
    return 196_608 + int(random.random() * 200_000)
