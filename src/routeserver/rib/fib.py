"""The FIB as a mapping: a view on the best paths of the tables, without a table of its own."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

from routeserver.net.prefix import IPV6_BIT, Family, Prefix
from routeserver.net.route_batch import prefixes_of, to_words, words_a_prefix
from routeserver.rib.choices import choices
from routeserver.rib.path import Path
from routeserver.rib.path_objects import PathObjects, Way
from routeserver.rib.prefix_table import PrefixTable


def find(table: PrefixTable, prefix: Prefix) -> int:
    """The record of a prefix in the table of its family, 0 if there is none."""
    words = to_words(prefix)
    if len(words) == 2:
        return table.index.find(words[0], 0, 0, 0, words[1])
    return table.index.find(*words)


class Fib(Mapping[Prefix, Path]):
    """Live: it shows what the tables hold at the moment of each call."""

    __slots__ = ("_path", "_tables")

    def __init__(self, tables: Sequence[PrefixTable], path: PathObjects) -> None:
        self._tables = tables
        self._path = path

    def __getitem__(self, prefix: Prefix) -> Path:
        table = self._tables[1 if prefix & IPV6_BIT else 0]
        record = find(table, prefix)
        best = table.best_of(record) if record else 0
        if not best:
            raise KeyError(prefix)
        return self._path(best)

    def __contains__(self, prefix: object) -> bool:
        return isinstance(prefix, int) and self.get(prefix) is not None

    def __iter__(self) -> Iterator[Prefix]:
        for table in self._tables:
            for record in range(1, table.index.top):
                if table.best_of(record):
                    yield table.index.prefix_of(record)

    def slices(self, size: int) -> Iterator[list[Prefix]]:
        """All prefixes, found by looking at `size` records at a time; few or none may be in a
        slice. The table may change between two slices: what comes meanwhile may be missed.
        """
        for table in self._tables:
            for start in range(1, table.index.top, size):
                records = range(start, min(start + size, table.index.top))
                yield [table.index.prefix_of(record) for record in records if table.best_of(record)]

    def __len__(self) -> int:
        return sum(table.best_paths for table in self._tables)

    # --- more than the best path ------------------------------------------------------------------

    def others(self, prefix: Prefix) -> list[Path]:
        """The usable paths of the prefix that are not its best one, best first."""
        table = self._tables[1 if prefix & IPV6_BIT else 0]
        record = find(table, prefix)
        if not record:
            return []
        best = table.best_of(record)
        others = [number for number in table.routes_of(record) if number != best]
        return [self._path(number) for number in self._path.in_order(others)]

    def choices(
        self, family: Family, words: array[int], start: int, end: int, *, whole: bool
    ) -> tuple[list[int], list[tuple[Way, ...]]]:
        """Of many prefixes (those numbered `start` to `end`, exclusive, of an array of words): the
        number of the choice of each, and what each number is.

        A choice is the way of the best path and, with `whole`, those of the others behind it, best
        first; each is there once. Number 0 is no best path, and empty.
        """
        table = self._tables[0 if family is Family.IPV4 else 1]
        numbers, found = choices(table, words, start, end, whole)
        way, in_order = self._path.way, self._path.in_order
        told: list[tuple[Way, ...]] = [()]
        # By identity: sources and next hops are shared objects, and addresses are slow to hash.
        known: dict[tuple[int, ...], int] = {}
        merged = [0]
        for paths in found[1:]:
            ways = (way(paths[0]), *[way(other) for other in in_order(paths[1:])])
            key = tuple([id(part) for each in ways for part in each])
            number = known.get(key)
            if number is None:
                number = known[key] = len(told)
                told.append(ways)
            merged.append(number)
        return list(map(merged.__getitem__, numbers)), told


class FibDelta(Mapping[Prefix, Path | None]):
    """The prefixes whose best path one slice changed; None where there is none any more.

    What a prefix maps to is read from the FIB at the moment of asking. `withdrawn` counts those
    that are gone.
    """

    __slots__ = ("_fib", "_words", "withdrawn")

    def __init__(self, fib: Mapping[Prefix, Path]) -> None:
        self._fib = fib
        self._words: list[tuple[Family, array[int]]] = []
        self.withdrawn = 0

    def add(self, family: Family, words: array[int], withdrawn: int) -> None:
        if words:
            self._words.append((family, words))
            self.withdrawn += withdrawn

    def __getitem__(self, prefix: Prefix) -> Path | None:
        return self._fib.get(prefix)

    def parts(self) -> Iterator[tuple[Family, array[int]]]:
        """The prefixes as words, by family."""
        return iter(self._words)

    def __iter__(self) -> Iterator[Prefix]:
        for family, words in self._words:
            yield from prefixes_of(family, words, 0, len(words) // words_a_prefix(family))

    def __len__(self) -> int:
        return sum(len(words) // words_a_prefix(family) for family, words in self._words)
