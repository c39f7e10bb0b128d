"""A batch of routes on its way from a session to a RIB: one family, in the order of the wire.

It is runs: the prefixes that follow each other under one attribute set, or that are withdrawn. The
prefixes are 32-bit words in one array, because a full table passes through here and a million
Python integers would cost more than everything that is done with them.

Cost per prefix: 8 bytes (IPv4) or 20 (IPv6), for the time of one read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from routeserver.net.attribute_set import AttributeSet
from routeserver.net.prefix import IPV6_BIT, Family, Prefix


def words_a_prefix(family: Family) -> int:
    """The words of the address, most significant first, and one for the length."""
    return 2 if family is Family.IPV4 else 5


class RouteBatch:
    """`sets[n]` is what the prefixes before `ends[n]` (and behind the run before) carry; None where
    they are withdrawn. `ends` counts prefixes. `may_have_well_known` as of an attribute set, for
    all of them.
    """

    __slots__ = ("ends", "family", "may_have_well_known", "sets", "words")

    def __init__(
        self,
        family: Family,
        words: array[int],
        sets: list[AttributeSet | None],
        ends: list[int],
    ) -> None:
        self.family = family
        self.words = words
        self.sets = sets
        self.ends = ends
        self.may_have_well_known = True

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    @classmethod
    def of(
        cls, family: Family, runs: Iterable[tuple[AttributeSet | None, Sequence[Prefix]]]
    ) -> RouteBatch:
        batch = cls(family, array("I"), [], [])
        for attribute_set, prefixes in runs:
            batch.append(attribute_set, prefixes)
        return batch

    def append(self, attribute_set: AttributeSet | None, prefixes: Sequence[Prefix]) -> None:
        for prefix in prefixes:
            self.words.extend(to_words(prefix))
        self.sets.append(attribute_set)
        self.ends.append(len(self.words) // words_a_prefix(self.family))

    def runs(self) -> Iterator[tuple[AttributeSet | None, list[Prefix]]]:
        start = 0
        for attribute_set, end in zip(self.sets, self.ends, strict=True):
            yield attribute_set, prefixes_of(self.family, self.words, start, end)
            start = end


def to_words(prefix: Prefix) -> tuple[int, ...]:
    if prefix & IPV6_BIT:
        address = (prefix ^ IPV6_BIT) >> 8
        mask = 0xFFFFFFFF
        return (
            address >> 96,
            address >> 64 & mask,
            address >> 32 & mask,
            address & mask,
            prefix & 0xFF,
        )
    return prefix >> 8, prefix & 0xFF


def prefixes_of(family: Family, words: Sequence[int], start: int, end: int) -> list[Prefix]:
    """The prefixes with the numbers `start` to `end` (exclusive) of an array of words."""
    if family is Family.IPV4:
        return [words[i] << 8 | words[i + 1] for i in range(2 * start, 2 * end, 2)]
    return [
        IPV6_BIT
        | words[i] << 104
        | words[i + 1] << 72
        | words[i + 2] << 40
        | words[i + 3] << 8
        | words[i + 4]
        for i in range(5 * start, 5 * end, 5)
    ]
