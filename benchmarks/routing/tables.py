"""Tables as a sequence of UPDATEs, the same for the same seed, and their bytes for one speaker.

`internet` and `ipv6` are like a full table: about four prefixes per UPDATE, an attribute set for
every 6.5 prefixes, so that a set comes back in a later UPDATE now and then. `packed` has 600
prefixes per UPDATE and one set for each. Prefixes ascend through the whole table, as they do when a
router sends its table in the order of its prefixes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from benchmarks.routing.attributes import AttributeSet, Speaker, attribute_sets
from benchmarks.routing.prefixes import IPV4, IPV6, Space, nlri, unique_prefixes
from benchmarks.routing.wire import Afi, end_of_rib, mp_reach, update

PREFIXES_PER_UPDATE: Final = 4.0
PREFIXES_PER_SET: Final = 6.5
PACKED_PER_UPDATE: Final = 600
LONGEST_RUN: Final = 64
_RECENT_SETS: Final = 200


class Kind(StrEnum):
    INTERNET = "internet"
    PACKED = "packed"
    IPV6 = "ipv6"


FAMILIES: Final = {Kind.INTERNET: Afi.IPV4, Kind.PACKED: Afi.IPV4, Kind.IPV6: Afi.IPV6}


@dataclass(frozen=True, slots=True)
class Run:
    """The prefixes of one UPDATE, already as NLRI, and which attribute set they have."""

    set_index: int
    nlri: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Table:
    family: Afi
    sets: Sequence[AttributeSet]
    runs: Sequence[Run]

    def encode(self, speaker: Speaker) -> bytes:
        """Every UPDATE and the End-of-RIB."""
        return b"".join((*self._updates(speaker), end_of_rib(self.family)))

    def _updates(self, speaker: Speaker) -> Iterator[bytes]:
        is_ipv4 = self.family is Afi.IPV4
        encoded: dict[int, bytes] = {}
        for run in self.runs:
            attributes = encoded.get(run.set_index)
            if attributes is None:
                attributes = self.sets[run.set_index].encode(speaker, with_next_hop=is_ipv4)
                encoded[run.set_index] = attributes
            if is_ipv4:
                yield update(attributes, run.nlri)
            else:
                yield update(mp_reach(speaker.next_hop, run.nlri) + attributes, b"")

    @property
    def prefix_count(self) -> int:
        return sum(run.count for run in self.runs)

    def parts(self, number: int, prefixes_each: int) -> list[Table]:
        """`number` tables that share nothing but attribute sets, of so many prefixes each.

        Raises ValueError when there are not enough.
        """
        parts: list[Table] = []
        runs = list(reversed(self.runs))
        for _ in range(number):
            mine: list[Run] = []
            missing = prefixes_each
            while missing:
                if not runs:
                    raise ValueError(f"the table has not {number} times {prefixes_each} prefixes")
                run = runs.pop()
                if run.count > missing:
                    run, rest = _cut(run, missing)
                    runs.append(rest)
                mine.append(run)
                missing -= run.count
            parts.append(Table(self.family, self.sets, mine))
        return parts


def build(kind: Kind, count: int, seed: int = 1) -> Table:
    """A table of exactly `count` prefixes."""
    random = Random(f"{kind} {count} {seed}")  # noqa: S311 - repeatable is what it has to be
    space = IPV6 if kind is Kind.IPV6 else IPV4
    prefixes = unique_prefixes(space, count, random)
    if kind is Kind.PACKED:
        sizes = _packed_sizes(count)
        set_of = list(range(len(sizes)))
    else:
        sizes = _internet_sizes(count, random)
        set_of = _reused(len(sizes), max(1, round(count / PREFIXES_PER_SET)), random)
    sets = attribute_sets(max(set_of, default=-1) + 1, random)
    return Table(space.family, sets, list(_runs(space, prefixes, sizes, set_of)))


def _runs(
    space: Space,
    prefixes: Sequence[tuple[int, int]],
    sizes: Sequence[int],
    set_of: Sequence[int],
) -> Iterator[Run]:
    start = 0
    for size, set_index in zip(sizes, set_of, strict=True):
        members = prefixes[start : start + size]
        yield Run(set_index, b"".join(nlri(space, *member) for member in members), size)
        start += size


def _packed_sizes(count: int) -> list[int]:
    full, rest = divmod(count, PACKED_PER_UPDATE)
    return [PACKED_PER_UPDATE] * full + ([rest] if rest else [])


def _internet_sizes(count: int, random: Random) -> list[int]:
    """Half of the UPDATEs have one or two prefixes, a few have dozens; the mean is four."""
    sizes: list[int] = []
    missing = count
    while missing:
        size = min(1 + int(random.expovariate(1 / (PREFIXES_PER_UPDATE - 0.5))), LONGEST_RUN)
        sizes.append(min(size, missing))
        missing -= sizes[-1]
    return sizes


def _reused(runs: int, sets: int, random: Random) -> list[int]:
    """Which set each run has: all of them in turn, and between them again one met before.

    Two in three of those were met shortly before, the rest anywhere.
    """
    sets = min(sets, runs)
    first_uses = {0, *random.sample(range(1, runs), sets - 1)} if runs else set()
    chosen: list[int] = []
    known = 0
    for position in range(runs):
        if position in first_uses:
            chosen.append(known)
            known += 1
        else:
            reach = min(known, _RECENT_SETS) if random.random() < 0.67 else known
            chosen.append(known - 1 - int(random.random() * reach))
    return chosen


def _cut(run: Run, count: int) -> tuple[Run, Run]:
    end = 0
    for _ in range(count):
        end += 1 + (run.nlri[end] + 7) // 8
    return (
        Run(run.set_index, run.nlri[:end], count),
        Run(run.set_index, run.nlri[end:], run.count - count),
    )
