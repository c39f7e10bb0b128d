"""What if some peers were gone: what would move where, what would be lost. Nothing is touched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from routeserver.net.prefix import Prefix
from routeserver.rib.decision import best_first
from routeserver.rib.path import Path
from routeserver.rib.paths import Paths
from routeserver.rib.prefix_table import PrefixTable


def losing(
    tables: Sequence[PrefixTable],
    paths: Paths,
    path_of: Callable[[int], Path],
    leaving: Collection[int],
    slice_size: int,
) -> Iterator[tuple[Prefix, Path, Path | None] | None]:
    """`leaving` are numbers of peers; the answers are those of `Rib.losing`."""
    for table in tables:
        record = 1
        while record < table.index.top:
            if record % slice_size == 0:
                yield None
            best = table.best_of(record)
            if best and paths.peer_of(best) in leaving:
                others = [
                    path_of(path)
                    for path in table.routes_of(record)
                    if paths.peer_of(path) not in leaving and not paths.is_unusable(path)
                ]
                ordered = best_first(others)
                yield table.index.prefix_of(record), path_of(best), ordered[0] if ordered else None
            record += 1
