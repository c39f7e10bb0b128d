"""Unique unicast prefixes with the lengths that a full table has, in ascending order.

The order is that of a table dump: by address, a shorter prefix before those inside it. More than
half of the prefixes of one length directly follow another one, as deaggregated blocks do; the rest
lie spread over the whole space, nested in each other as they happen to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

from benchmarks.routing.wire import Afi

NEIGHBOURING: Final = 0.6
"""How many of the prefixes of a length directly follow the one before."""


@dataclass(frozen=True, slots=True)
class Space:
    """Where prefixes of a family may lie: whole blocks of one length, and the mix of lengths."""

    family: Afi
    bits: int
    block_length: int
    blocks: Sequence[int]
    """In ascending order, the leading bits of each."""
    shares: Sequence[tuple[int, float]]
    """Of each length; they add up to 1."""


# /8 blocks in which some part is no public unicast space are left out whole.
_NO_UNICAST: Final = frozenset((0, 10, 100, 127, 169, 172, 192, 198, 203))

IPV4: Final = Space(
    Afi.IPV4,
    32,
    8,
    tuple(block for block in range(224) if block not in _NO_UNICAST),
    (
        (24, 0.600),
        (22, 0.120),
        (23, 0.107),
        (21, 0.050),
        (20, 0.045),
        (19, 0.027),
        (18, 0.016),
        (17, 0.010),
        (16, 0.0135),
        (15, 0.0060),
        (14, 0.0030),
        (13, 0.0015),
        (12, 0.0010),
    ),
)
"""After the reports on the global table: three in five are /24."""

# The blocks from which the five registries give out addresses.
IPV6: Final = Space(
    Afi.IPV6,
    128,
    12,
    (0x240, 0x260, 0x280, 0x2A0, 0x2C0),
    (
        (48, 0.52),
        (32, 0.12),
        (44, 0.09),
        (40, 0.08),
        (36, 0.04),
        (46, 0.04),
        (29, 0.03),
        (47, 0.02),
        (42, 0.02),
        (33, 0.015),
        (34, 0.01),
        (45, 0.01),
        (28, 0.005),
    ),
)
SPACES: Final = {space.family: space for space in (IPV4, IPV6)}


def unique_prefixes(space: Space, count: int, random: Random) -> list[tuple[int, int]]:
    """`count` times (address, length), ascending; raises ValueError when they do not fit."""
    found: list[tuple[int, int]] = []
    for length, wanted in _per_length(space, count):
        found += ((number, length) for number in _numbers(space, length, wanted, random))
    found.sort()
    return found


def _per_length(space: Space, count: int) -> Iterator[tuple[int, int]]:
    """How many of each length; what rounding leaves over goes to the commonest, the first."""
    rest = [(length, int(count * share)) for length, share in space.shares[1:]]
    yield space.shares[0][0], count - sum(wanted for _, wanted in rest)
    yield from rest


def _numbers(space: Space, length: int, count: int, random: Random) -> Iterator[int]:
    """Ascending addresses of distinct networks of this length, over the whole space."""
    below_block = length - space.block_length
    room = len(space.blocks) << below_block
    if count > room:
        raise ValueError(f"{count} prefixes of length {length} do not fit: there are {room}")
    uniform, exponential = random.random, random.expovariate
    gaps = [0.0 if uniform() < NEIGHBOURING else exponential(1.0) for _ in range(count + 1)]
    scale = (room - count) / (sum(gaps) or 1.0)
    mask, shift = (1 << below_block) - 1, space.bits - length
    for position, gap in enumerate(accumulate(gaps[:count])):
        index = min(position + int(gap * scale), room - count + position)
        yield (space.blocks[index >> below_block] << below_block | index & mask) << shift


def nlri(space: Space, address: int, length: int) -> bytes:
    """RFC 4271 §4.3: the length, then as many octets as it takes."""
    octets = (length + 7) // 8
    return bytes((length,)) + (address >> space.bits - 8 * octets).to_bytes(octets)
