"""What a data plane is: that which writes routing tables, told what to change and asked what it
has.

Its tables hold propagated routes alone; local and static ones are the VPC's. Every implementation
passes the one contract suite in ``tests/dataplane``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from routeserver.domain.plan import Change
from routeserver.domain.routing import Entry
from routeserver.net.prefix import Prefix


class DataPlane(Protocol):
    @property
    def survives_restart(self) -> bool:
        """Whether its tables are still there, and followed, when this process comes up again."""

    async def apply(self, route_table_id: str, changes: Sequence[Change]) -> None:
        """Carry the changes out. The same changes twice leave the same table; a table begins with
        its first change.
        """

    def read(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        """What the table holds; empty for one never heard of.

        A read-only view without a copy, however large the table is: good until the table is next
        changed.
        """

    async def forget(self, route_table_id: str) -> None:
        """The table is no more: clear all its propagated routes away. Forgetting it again does
        nothing.
        """
