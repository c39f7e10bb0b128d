"""Where in this machine's kernel the tables of a VPC are: in a namespace of its own, or in the
server's, beside an interface that the machine already has.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Final, Protocol

from routeserver.dataplane.kernel.ground import Ground, chain_to, ground_of
from routeserver.dataplane.kernel.hops import Chain, Way
from routeserver.dataplane.kernel.space import GroundOf
from routeserver.domain.topology import TargetKind, Topology, VpcNetwork
from routeserver.net.prefix import Prefix, parse_prefix
from routeserver.netd.orders import HERE
from routeserver.netlink.values import AF_INET, AF_INET6

NOTHING: Final = Ground({}, frozenset(), {}, {})


@dataclass(frozen=True, slots=True)
class Standing:
    """One namespace: kernel tables by route table, and what they stand on. `only` are the kernel
    tables that are ours there; None for all."""

    tables: Mapping[str, int]
    ground_of: GroundOf
    only: frozenset[int] | None = None


class Place(Protocol):
    def grounds(self, topology: Topology) -> Mapping[str, Standing]:
        """By namespace."""
        ...

    def homeless(self, topology: Topology) -> Mapping[str, str]:
        """Why a route table has no kernel table, for those that have none."""
        ...

    def nothing(self, links: Mapping[str, int]) -> Ground:
        """What a namespace shall have that is left."""
        ...


class InNamespaces:
    """Every VPC has a namespace, named by its id."""

    def grounds(self, topology: Topology) -> Mapping[str, Standing]:
        return {
            vpc_id: Standing(
                {table.route_table_id: table.number for table in vpc.tables},
                partial(ground_of, vpc),
            )
            for vpc_id, vpc in topology.vpcs.items()
        }

    def homeless(self, topology: Topology) -> Mapping[str, str]:
        del topology
        return {}

    def nothing(self, links: Mapping[str, int]) -> Ground:
        del links
        return NOTHING


@dataclass(frozen=True, slots=True)
class OnThisHost:
    """One kernel table of the server's own namespace holds the route tables that have its number.
    Network interfaces are at their addresses behind `interface`; rules are the machine's own
    business, and so are local routes and the way to the outside."""

    interface: str
    table: int

    def grounds(self, topology: Topology) -> Mapping[str, Standing]:
        tables = {
            table.route_table_id: table.number
            for vpc in topology.vpcs.values()
            for table in vpc.tables
            if table.number == self.table
        }
        ground = partial(self._ground, topology, tables)
        return {HERE: Standing(tables, ground, frozenset({self.table}))}

    def homeless(self, topology: Topology) -> Mapping[str, str]:
        return {
            table.route_table_id: "on this host only the main route table of a VPC has one."
            for vpc in topology.vpcs.values()
            for table in vpc.tables
            if table.number != self.table
        }

    def nothing(self, links: Mapping[str, int]) -> Ground:
        del links
        return NOTHING

    def _ground(
        self, topology: Topology, tables: Mapping[str, int], links: Mapping[str, int]
    ) -> Ground:
        routes: dict[Prefix, Chain | None] = {}
        ways: dict[tuple[int, str], Way] = {}
        index = links.get(self.interface)
        for vpc in topology.vpcs.values():
            routes.update(self._routes(vpc))
            if index is not None:
                ways.update(_ways(vpc, index))
        wanted = {self.table: routes} if tables else {}
        return Ground(tables, frozenset(), wanted, ways)

    def _routes(self, vpc: VpcNetwork) -> dict[Prefix, Chain | None]:
        return {
            parse_prefix(text): chain_to(target)
            for table in vpc.tables
            if table.number == self.table
            for text, target in table.routes
            if target.kind is TargetKind.INTERFACE
        }


def _ways(vpc: VpcNetwork, index: int) -> dict[tuple[int, str], Way]:
    found: dict[tuple[int, str], Way] = {}
    for port in vpc.ports:
        for text in reversed(port.addresses):
            address = ip_address(text)
            family = AF_INET if address.version == 4 else AF_INET6
            found[family, port.interface_id] = Way(index, address)
    return found
