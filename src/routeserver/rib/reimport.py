"""Import rules that have changed, applied to the routes of one peer that are there, a slice at a
time. Nobody has to send them again.

A route stays in its generation, so what is stale stays stale and what a refresh waits for is still
waited for. What comes in while this is under way has passed the new rules already and is found to
be right.

Cost: for each prefix of the tables one look at its routes, and for each route of the peer whose
verdict is another one the same as its announcement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from routeserver.net.attribute_set import AttributeSet
from routeserver.net.prefix import Family, Prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.import_policy import ImportPolicy
from routeserver.rib.paths import Paths
from routeserver.rib.prefix_table import PrefixTable

NO_LLGR: Final = 0xFFFF0007  # RFC 9494 §4.6
_UNLIMITED: Final = 1 << 62


def reimport(
    tables: Sequence[PrefixTable], paths: Paths, peer: int, policy: ImportPolicy, slice_size: int
) -> Iterator[None]:
    """`peer` is its number. Each step looks at `slice_size` prefixes."""
    for table, family in zip(tables, Family, strict=True):
        start = 1
        while start < table.index.top:
            end = min(start + slice_size, table.index.top)
            for path, prefixes in _routes(table, paths, peer, range(start, end)).items():
                generation = paths.generation_of(path)
                runs = _judged_again(paths, path, prefixes, policy)
                if runs:
                    batch = RouteBatch.of(family, runs)
                    table.apply(batch.words, batch.sets, batch.ends, generation, _UNLIMITED)
            start = end
            yield


def _routes(table: PrefixTable, paths: Paths, peer: int, records: range) -> dict[int, list[Prefix]]:
    """The prefixes of the peer's routes by their path."""
    found: dict[int, list[Prefix]] = {}
    for record in records:
        for path in table.routes_of(record):
            if paths.peer_of(path) == peer:
                found.setdefault(path, []).append(table.index.prefix_of(record))
    return found


def _judged_again(
    paths: Paths, path: int, prefixes: Sequence[Prefix], policy: ImportPolicy
) -> list[tuple[AttributeSet, Sequence[Prefix]]]:
    """What takes the place of the path for those of its prefixes whose verdict is another one."""
    present = paths.sets[path]
    assert present is not None  # noqa: S101 - a path that routes have has its set
    if paths.is_demoted(path) and asks_not_to_be_kept(present):
        return []  # no rule makes it one that may be used
    return list(policy.again(present, prefixes))


def asks_not_to_be_kept(attribute_set: AttributeSet) -> bool:
    """Whether its routes may not be long-lived stale (RFC 9494 §4.2)."""
    return attribute_set.may_have_well_known and NO_LLGR in attribute_set.attributes.communities
