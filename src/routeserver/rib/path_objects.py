"""The objects of paths, made when somebody asks: the RIB itself only knows their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cmp_to_key
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias
from weakref import WeakValueDictionary

from routeserver.rib.path import Path, Source
from routeserver.rib.paths import Paths

Way: TypeAlias = tuple[Source, "IPv4Address | IPv6Address"]
"""Where a path comes from and where it leads: all that a route table needs of it."""


class PathObjects:
    def __init__(self, paths: Paths, source_of: Callable[[int], Source]) -> None:
        self._paths = paths
        self._source_of = source_of
        self._made: WeakValueDictionary[int, Path] = WeakValueDictionary()

    def __call__(self, number: int) -> Path:
        """The object of a path; the same one while the path lives and somebody holds it."""
        attribute_set = self._paths.sets[number]
        assert attribute_set is not None  # noqa: S101 - a path that is in use has its set
        is_stale = self._paths.is_stale(number)
        is_demoted = self._paths.is_demoted(number)
        made = self._made.get(number)
        if (
            made is None
            or made.attribute_set is not attribute_set
            or made.is_stale != is_stale
            or made.is_demoted != is_demoted
        ):
            rejected = attribute_set.rejected
            if rejected is None and self._paths.is_unusable(number):
                rejected = "asks not to be kept as long-lived stale (NO_LLGR)"
            source = self._source_of(number)
            made = Path(source, attribute_set, is_stale, is_demoted, rejected)
            self._made[number] = made
        return made

    def way(self, number: int) -> Way:
        """Without an object of the path: there may be a hundred thousand."""
        attribute_set = self._paths.sets[number]
        assert attribute_set is not None  # noqa: S101 - a path that is in use has its set
        return self._source_of(number), attribute_set.next_hop

    def in_order(self, numbers: Iterable[int]) -> list[int]:
        """The usable ones, best first."""
        usable = [number for number in numbers if not self._paths.is_unusable(number)]
        if len(usable) > 1:
            usable.sort(key=cmp_to_key(self._compared))
        return usable

    def _compared(self, one: int, other: int) -> int:
        return -1 if self._paths.is_better(one, other) else 1
