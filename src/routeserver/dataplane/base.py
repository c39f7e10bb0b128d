"""What a data plane is: that which writes routing tables, told what to change and asked what it
has.

Its tables hold propagated routes alone; local and static ones are the VPC's and come with the
topology. Every implementation passes the one contract suite in ``tests/dataplane``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from routeserver.domain.plan import Change, Tally
from routeserver.domain.routing import Entry
from routeserver.domain.topology import Topology
from routeserver.net.prefix import Prefix


@dataclass(frozen=True, slots=True)
class KernelCounts:
    """`routes` there are now, propagated ones; the others since the process began: next-hop objects
    that were led elsewhere with all their routes, things that somebody else had changed, routes
    that the kernel did not take.
    """

    routes: int
    flips: int
    repairs: int
    refused: int


class DataPlane(Protocol):
    @property
    def survives_restart(self) -> bool:
        """Whether its tables are still there, and followed, when this process comes up again."""

    @property
    def wants_alternatives(self) -> bool:
        """Whether entries shall say what would be taken without them."""

    # --- propagated routes ------------------------------------------------------------------------

    async def apply(self, route_table_id: str, changes: Sequence[Change]) -> None:
        """Carry the changes out. The same changes twice leave the same table; a table begins with
        its first change.
        """

    async def assign(
        self,
        route_table_id: str,
        prefixes: Sequence[Prefix],
        numbers: Sequence[int],
        entries: Sequence[Entry | None],
    ) -> Tally:
        """As `apply`, for very many: each prefix, given once, shall have the entry with its number,
        and none where that is None, whatever it has now. Answers what that came to.
        """

    def read(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        """What the table holds; empty for one never heard of.

        A read-only view without a copy, however large the table is: good until the table is next
        changed.
        """

    def refused(self, route_table_id: str) -> Mapping[Prefix, str]:
        """What the table shall hold and cannot, each with the reason as a sentence. It is tried
        again by `converge`."""

    async def forget(self, route_table_id: str) -> None:
        """The table is no more: clear all its propagated routes away. Forgetting it again does
        nothing.
        """

    def counts(self) -> KernelCounts | None:
        """What it did to a kernel; None for one that has none."""

    async def written(self) -> None:
        """Until everything asked for so far is in force, or refused."""

    # --- what it stands on ------------------------------------------------------------------------

    async def converge(self, topology: Topology) -> Mapping[str, str]:
        """Make everything so that is not propagated; what is wrong, by the id of a resource, in one
        line. Idempotent: it repairs, too."""

    async def sweep(self, keeping: Collection[str]) -> None:
        """What an earlier life of the process has left and this one has not asked for so far goes,
        except in the tables of `keeping`, which wait for their peers."""

    async def close(self) -> None:
        """The process ends; what survives a restart stays."""

    # --- hints, which are synchronous and change nothing but how soon -----------------------------

    def peer_lost(self, peer_id: str) -> None:
        """All routes of the peer are about to be taken away, one by one: packets shall follow the
        alternatives at once."""

    def peer_back(self, peer_id: str) -> None:
        """Entries from now on may count on the peer again."""
