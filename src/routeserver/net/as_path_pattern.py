"""Patterns over AS_PATHs: a small language whose every match takes linear time.

Blanks separate the items. ``65001`` is that AS number, ``.`` any one, ``[64512-65534 4200000000]``
one of these ranges or numbers; after an item ``*`` means any number of times, ``+`` at least once,
``?`` at most once. ``^`` first and ``$`` last tie the pattern to the ends of the path; without
them it may begin and end anywhere. ``^65001 .* [64512-65534]$`` is a path that was received from
AS 65001 and begins in a private AS; ``^$`` is the empty path. An AS_SET is one element, which
matches where one of its members does.

A pattern is a chain of states without alternatives, matched as one integer of state bits: one
step per element of the path, whatever the pattern. Cost: path length x items, at most `MAX_ITEMS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from routeserver.net.path import AsSegment, SegmentKind

MAX_ITEMS: Final = 32
MAX_RANGES: Final = 64
MAX_ASN: Final = 0xFFFF_FFFF

_TOKEN: Final = re.compile(r"\s*(\^|\$|(?:[0-9]{1,10}|\.|\[[^\[\]]*\])[*+?]?)")
_RANGE: Final = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")

Ranges = tuple[tuple[int, int], ...]
_ANY: Final[Ranges] = ((0, MAX_ASN),)


@dataclass(frozen=True, slots=True)
class _Item:
    """One position of the pattern: which AS numbers, how many times."""

    ranges: Ranges
    skippable: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class AsPathPattern:
    """Made by `parse_as_path_pattern`; equal when the texts are."""

    text: str
    items: tuple[_Item, ...] = field(compare=False, repr=False)
    from_start: bool = field(compare=False, repr=False)
    to_end: bool = field(compare=False, repr=False)

    def matches(self, as_path: Sequence[AsSegment]) -> bool:
        # Bit i of `states`: the first i items are matched. A skippable item passes its bit on.
        accepting = 1 << len(self.items)
        start = self._closed(1)
        states = start
        for element in _elements(as_path):
            if not self.to_end and states & accepting:
                return True
            reached = 0 if self.from_start else 1
            for index, item in enumerate(self.items):
                at = states >> index & 1
                if (at or (item.repeats and states >> (index + 1) & 1)) and _holds(item, element):
                    reached |= 1 << (index + 1)
            states = self._closed(reached)
        return bool(states & accepting)

    def _closed(self, states: int) -> int:
        for index, item in enumerate(self.items):
            if item.skippable and states >> index & 1:
                states |= 1 << (index + 1)
        return states


def parse_as_path_pattern(text: str) -> AsPathPattern:
    """Raises ValueError with what is wrong, in words."""
    tokens: list[str] = []
    position = 0
    stripped = text.strip()
    while position < len(stripped):
        found = _TOKEN.match(stripped, position)
        if found is None:
            raise ValueError(
                f"'{stripped[position:].strip()}' is no AS number, range in brackets, '.', '^' "
                "or '$'"
            )
        tokens.append(found.group(1))
        position = found.end()
        if len(tokens) > MAX_ITEMS + 2:
            break
    from_start = tokens[:1] == ["^"]
    to_end = tokens[-1:] == ["$"]
    inner = tokens[1 if from_start else 0 : len(tokens) - 1 if to_end else len(tokens)]
    if not tokens:
        raise ValueError("an AS_PATH pattern must not be empty")
    if "^" in inner or "$" in inner:
        raise ValueError("'^' stands only at the beginning of an AS_PATH pattern, '$' at the end")
    if len(inner) > MAX_ITEMS:
        raise ValueError(f"an AS_PATH pattern has at most {MAX_ITEMS} items")
    return AsPathPattern(stripped, tuple(map(_item, inner)), from_start, to_end)


def _item(token: str) -> _Item:
    mark = token[-1] if token[-1] in "*+?" else ""
    body = token.removesuffix(mark) if mark else token
    if body == ".":
        ranges = _ANY
    elif body.startswith("["):
        ranges = tuple(map(_range, body[1:-1].replace(",", " ").split()))
        if not 0 < len(ranges) <= MAX_RANGES:
            raise ValueError(f"'{body}' must have 1 to {MAX_RANGES} AS numbers or ranges")
    else:
        ranges = (_range(body),)
    return _Item(ranges, skippable=mark in ("*", "?"), repeats=mark in ("*", "+"))


def _range(text: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is no AS number and no range of them")
    low = int(found.group(1))
    high = int(found.group(2) or low)
    if high > MAX_ASN or low > high:
        raise ValueError(f"'{text}' must go up, and not beyond {MAX_ASN}")
    return low, high


def _elements(as_path: Sequence[AsSegment]) -> Iterator[tuple[int, ...]]:
    for segment in as_path:
        if segment.kind is SegmentKind.AS_SET:
            yield segment.asns
        else:
            for asn in segment.asns:
                yield (asn,)


def _holds(item: _Item, element: tuple[int, ...]) -> bool:
    return any(low <= asn <= high for asn in element for low, high in item.ranges)
