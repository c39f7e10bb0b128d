"""The data plane that only remembers: the reference for every other one, and all that a route
server needs in which no packet has to follow (tests, a laptop, an emulated VPC).

Cost per route: one dict slot of 40 to 80 bytes; prefix and entry are shared with the plan that
installed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from routeserver.domain.plan import Change, apply_to
from routeserver.domain.routing import Entry
from routeserver.net.prefix import Prefix

_NO_ROUTES: Final[Mapping[Prefix, Entry]] = MappingProxyType({})


class MemoryDataPlane:
    def __init__(self) -> None:
        self._tables: dict[str, dict[Prefix, Entry]] = {}

    async def apply(self, route_table_id: str, changes: Sequence[Change]) -> None:
        if changes:
            apply_to(self._tables.setdefault(route_table_id, {}), changes)

    def read(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        table = self._tables.get(route_table_id)
        return _NO_ROUTES if table is None else MappingProxyType(table)

    async def forget(self, route_table_id: str) -> None:
        self._tables.pop(route_table_id, None)
