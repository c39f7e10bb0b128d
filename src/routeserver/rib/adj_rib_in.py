"""The Adj-RIB-In of one peer (RFC 4271 §3.2): the routes accepted from it, and nothing derived from
them.

Two dicts and no flags: `fresh` is what the session that is up has advertised, `held` is what an
ended session left behind under route persistence. A prefix is in one of them at most, so holding a
peer's routes moves a reference, refreshing one moves an entry, and what was never refreshed is
simply what is left in `held`.

Cost per route: a dict slot of 40 to 80 bytes and its key, an int of 32 bytes (IPv4) or 44 (IPv6);
the path is shared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from weakref import WeakValueDictionary

from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Prefix
from routeserver.rib.path import Path, Source


class AdjRibIn:
    """Every method that takes `changed` adds to it the prefixes whose decision has to be made
    again.
    """

    __slots__ = ("_paths", "discarded", "fresh", "held", "live", "source")

    def __init__(self, source: Source, held: dict[Prefix, Path] | None = None) -> None:
        self.source = source
        self.live = True
        self.fresh: dict[Prefix, Path] = {}
        self.held: dict[Prefix, Path] = {} if held is None else held
        self.discarded = 0
        """Advertisements beyond the limit since the session came up."""
        # By the identity of the attributes, which the codec interns: hashing them by value costs
        # more than a path. A path keeps its attributes alive, so an identity cannot be reused while
        # its entry is here.
        self._paths: WeakValueDictionary[int, Path] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self.fresh) + len(self.held)

    def announce(
        self,
        attributes: PathAttributes,
        prefixes: Sequence[Prefix],
        limit: int | None,
        changed: set[Prefix],
    ) -> tuple[int, int]:
        """Take the prefixes over; answers how many were new and how many were over the limit."""
        path = self._path(attributes)
        if self.held or (limit is not None and len(self.fresh) + len(prefixes) > limit):
            return self._announce_singly(path, prefixes, limit, changed)
        before = len(self.fresh)
        self.fresh.update(zip(prefixes, repeat(path), strict=False))
        changed.update(prefixes)
        return len(self.fresh) - before, 0

    def withdraw(self, prefixes: Iterable[Prefix], changed: set[Prefix]) -> int:
        """Answers how many of the prefixes were there to withdraw."""
        fresh, held = self.fresh, self.held
        withdrawn = 0
        for prefix in prefixes:
            if fresh.pop(prefix, None) is not None or held.pop(prefix, None) is not None:
                changed.add(prefix)
                withdrawn += 1
        return withdrawn

    def hold(self) -> None:
        """The session has ended and its routes stay; what it refreshed is the last to give way to a
        limit.
        """
        self.held = self.fresh | self.held if self.held else self.fresh
        self.fresh = {}
        self.live = False

    def sweep(self, changed: set[Prefix]) -> None:
        """Drop what no session has refreshed."""
        changed.update(self.held)
        self.held = {}

    def _announce_singly(
        self, path: Path, prefixes: Sequence[Prefix], limit: int | None, changed: set[Prefix]
    ) -> tuple[int, int]:
        fresh, held = self.fresh, self.held
        new = over_limit = 0
        for prefix in prefixes:
            if prefix not in fresh and held.pop(prefix, None) is None:
                if limit is not None and len(fresh) + len(held) >= limit:
                    if not held:
                        over_limit += 1
                        continue
                    # What the peer says now goes before what it once said; the total stays within
                    # the limit.
                    changed.add(held.popitem()[0])
                new += 1
            fresh[prefix] = path
            changed.add(prefix)
        self.discarded += over_limit
        return new, over_limit

    def _path(self, attributes: PathAttributes) -> Path:
        path = self._paths.get(id(attributes))
        if path is None:
            path = self._paths[id(attributes)] = Path(self.source, attributes)
        return path
