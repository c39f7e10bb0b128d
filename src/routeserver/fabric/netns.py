"""The fabric `netns`: a VPC is a network namespace, a subnet a bridge in it, a network interface a
pair whose other end is where somebody has it plugged in (docs/adr/0011).

It looks at each namespace and gives the privileged helper the orders that are missing; where
nothing has changed it gives none. What was built stays when the server goes, and is found again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from routeserver.domain.topology import Topology, VpcNetwork
from routeserver.fabric import plan
from routeserver.fabric.looking import Eye, Observed
from routeserver.fabric.plan import Terms
from routeserver.fabric.sockets import Sockets
from routeserver.netd.interface import Doing, Netd, NetdError
from routeserver.netd.orders import (
    Guard,
    ListNamespaces,
    MakeNamespace,
    MakeOutside,
    OpenNetlink,
    Plug,
    RemoveNamespace,
    Write,
)

RUN_NETNS: Final = Path("/run/netns")
LOOK_INTERVAL_S: Final = 30.0
"""How long what the kernel did not tell of may stay wrong: a neighbour that somebody removed."""

_AGAIN: Final = "~"
"""Between a VPC's id and how often its namespace had to be made anew: no name of a namespace."""

_log = structlog.get_logger()


@dataclass(slots=True)
class _Space:
    """What is known of a namespace that is there: what was seen, and what was ordered of what
    cannot be seen."""

    eye: Eye
    has_name: bool
    """Whether its name could be seen when it was made: the helper may have names of its own."""
    seen: Observed | None = None
    seen_at: float = 0.0
    plugs: dict[str, Plug] = field(default_factory=dict)
    guards: dict[str, tuple[Guard, int]] = field(default_factory=dict)
    """With the index of the port that has it."""
    outside: MakeOutside | None = None

    def close(self) -> None:
        self.eye.close()


class NetnsFabric:
    """To be made and used in a running event loop. `own_outside` is the name of a namespace of ours
    that stands for the outside."""

    kind: Final = "netns"
    needs_topology: Final = True
    needs_plug: Final = True
    main_table: Final = None

    def __init__(
        self,
        netd: Netd,
        terms: Terms,
        *,
        own_outside: str | None = None,
    ) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._netd = netd
        self._terms = terms
        self._own_outside = own_outside
        self._sockets = Sockets(netd)
        self._spaces: dict[str, _Space] = {}
        self._namespaces: set[str] = set()
        """Those that are ours, as far as `_are_listed`."""
        self._are_listed = False
        self._outside_has_name = False
        self._remade: dict[str, int] = {}
        self._converging = asyncio.Lock()

    # --- sockets ----------------------------------------------------------------------------------

    def network_of(self, vpc_id: str) -> str:
        """Another one when the namespace was made anew: then sockets have to be opened anew."""
        remade = self._remade.get(vpc_id, 0)
        return f"{vpc_id}{_AGAIN}{remade}" if remade else vpc_id

    async def listen(self, network: str, address: str, port: int) -> socket.socket:
        return await self._sockets.listen(_vpc_of(network), address, port)

    async def bfd_receiver(self, network: str, address: str, port: int) -> socket.socket:
        return await self._sockets.bfd_receiver(_vpc_of(network), address, port)

    async def bfd_sender(self, network: str, address: str) -> socket.socket:
        return await self._sockets.bfd_sender(_vpc_of(network), address)

    # --- building ---------------------------------------------------------------------------------

    async def converge(self, topology: Topology) -> Mapping[str, str]:
        async with self._converging:
            faults: dict[str, str] = {}
            await self._remove_others(topology)
            outside_fault = await self._make_outside(topology)
            buildings: list[_Building] = []
            for vpc in topology.vpcs.values():
                with self._noting(vpc.vpc_id, faults):
                    space = await self._space_of(vpc.vpc_id)
                    building = _Building(self._netd, self._terms, vpc, space, faults)
                    await building.clear()
                    buildings.append(building)
            # Names that were taken in other namespaces are free now.
            for building in buildings:
                vpc = building.vpc
                if outside_fault is not None and vpc.gateway is not None:
                    faults[vpc.gateway.gateway_id] = outside_fault
                with self._noting(vpc.vpc_id, faults):
                    await building.build(without_outside=outside_fault is not None)
            return faults

    @contextmanager
    def _noting(self, vpc_id: str, faults: dict[str, str]) -> Iterator[None]:
        """What keeps a whole VPC from being worked on is its fault; the next time begins anew."""
        try:
            yield
        except OSError as error:
            faults[vpc_id] = _line(error)
            self._leave(vpc_id)

    def close(self) -> None:
        for vpc_id in list(self._spaces):
            self._leave(vpc_id)

    async def _remove_others(self, topology: Topology) -> None:
        """Namespaces that are ours and no VPC's any more; what was plugged goes with them."""
        if not self._are_listed:
            self._namespaces = set((await self._netd.do(ListNamespaces())).names)
            self._are_listed = True
        wanted = set(topology.vpcs)
        if self._own_outside is not None:
            wanted.add(self._own_outside)
        for name in sorted(self._namespaces - wanted):
            self._leave(name)
            try:
                await self._netd.do(RemoveNamespace(name))
            except NetdError as error:
                _log.warning("namespace_not_removed", name=name, reason=_line(error))
                continue
            self._namespaces.discard(name)
            self._remade.pop(name, None)
            _log.info("namespace_removed", name=name)

    async def _make_outside(self, topology: Topology) -> str | None:
        """The namespace that stands for the outside, as soon as a VPC has a gateway; or why not."""
        name = self._own_outside
        has_gateway = any(vpc.gateway is not None for vpc in topology.vpcs.values())
        known = self._namespaces
        if name is None or not (has_gateway or name in known):
            return None
        if not has_gateway:
            with suppress(NetdError):
                await self._netd.do(RemoveNamespace(name))
                known.discard(name)
            return None
        try:
            if name not in known or (self._outside_has_name and not _is_named(name)):
                await self._netd.do(MakeNamespace(name))
                known.add(name)
                self._outside_has_name = _is_named(name)
        except NetdError as error:
            return _line(error)
        return None

    async def _space_of(self, vpc_id: str) -> _Space:
        """Raises OSError."""
        known = self._spaces.get(vpc_id)
        if known is not None:
            if _is_named(vpc_id) or not known.has_name:
                return known
            _log.warning("namespace_lost", vpc_id=vpc_id)
            self._leave(vpc_id)
            self._remade[vpc_id] = self._remade.get(vpc_id, 0) + 1
        await self._netd.do(MakeNamespace(vpc_id))
        self._namespaces.add(vpc_id)
        looking = await self._netd.open(OpenNetlink(vpc_id))
        try:
            hearing = await self._netd.open(OpenNetlink(vpc_id))
        except BaseException:
            looking.close()
            raise
        eye = Eye(looking, hearing, lambda: self._changed(vpc_id))
        self._spaces[vpc_id] = _Space(eye, _is_named(vpc_id))
        return self._spaces[vpc_id]

    def _leave(self, vpc_id: str) -> None:
        space = self._spaces.pop(vpc_id, None)
        if space is not None:
            space.close()

    def _changed(self, vpc_id: str) -> None:
        space = self._spaces.get(vpc_id)
        if space is not None:
            space.seen = None
            self.on_change()


class _Building:
    """One VPC brought in line. Faults are noted by subnet, interface or gateway; OSError is raised
    where the namespace itself cannot be worked on."""

    def __init__(
        self, netd: Netd, terms: Terms, vpc: VpcNetwork, space: _Space, faults: dict[str, str]
    ) -> None:
        self._netd = netd
        self._terms = terms
        self.vpc = vpc
        self._space = space
        self._faults = faults

    async def clear(self) -> None:
        """What is not wanted goes."""
        for gone in plan.unwanted(self.vpc, self._look()):
            if await self._do(gone, self.vpc.vpc_id):
                _log.info("fabric_removed", vpc_id=self.vpc.vpc_id, device=gone.name)
        wanted = {port.interface_id for port in self.vpc.ports if port.netns is not None}
        for interface_id in self._space.plugs.keys() - wanted:
            del self._space.plugs[interface_id]
            self._space.guards.pop(interface_id, None)

    async def build(self, *, without_outside: bool) -> None:
        seen = self._look()
        for subnet in self.vpc.subnets:
            order = plan.bridge(self.vpc, subnet, self._terms)
            if not plan.is_bridge_right(order, seen):
                await self._do(order, subnet.subnet_id)
        await self._plug()
        if self._terms.checks:
            await self._guard()
        if not without_outside:
            await self._open_outside()
        await self._introduce()

    async def _plug(self) -> None:
        subnets = {subnet.subnet_id: subnet for subnet in self.vpc.subnets}
        plugs, seen = self._space.plugs, self._look()
        for port in self.vpc.ports:
            subnet = subnets.get(port.subnet_id)
            if port.netns is None or subnet is None:
                continue
            order = plan.plug(self.vpc, subnet, port, self._terms)
            is_right = plan.is_plug_right(order, seen)
            if is_right and plugs.get(port.interface_id) == order:
                continue
            plugs.pop(port.interface_id, None)
            if await self._do(order, port.interface_id):
                plugs[port.interface_id] = order
                if not is_right:
                    _log.info("plugged", interface_id=port.interface_id, netns=port.netns)

    async def _guard(self) -> None:
        """A new port has every check already: this can only take one off."""
        guards, seen = self._space.guards, self._look()
        for port in self.vpc.ports:
            link = seen.links.get(port.name)
            if port.interface_id not in self._space.plugs or link is None:
                continue
            order = plan.guard(self.vpc, port)
            if guards.get(port.interface_id) != (order, link.index):
                guards.pop(port.interface_id, None)
                if await self._do(order, port.interface_id, is_seen=False):
                    guards[port.interface_id] = order, link.index

    async def _open_outside(self) -> None:
        order = plan.outside(self.vpc, self._terms)
        if order is None:
            self._space.outside = None
        elif self._space.outside != order or not plan.is_outside_right(order, self._look()):
            self._space.outside = order if await self._do(order, order.alias) else None

    async def _introduce(self) -> None:
        messages = plan.neighbours(self.vpc, self._look())
        if messages:
            order = Write(self.vpc.vpc_id, b"".join(messages))
            done = await self._netd.do(order)
            self._space.seen = None
            if done.refused:
                _log.warning(
                    "neighbours_refused",
                    vpc_id=self.vpc.vpc_id,
                    refused=len(done.refused),
                    errno=done.refused[0].errno,
                )

    async def _do(self, order: Doing, resource_id: str, *, is_seen: bool = True) -> bool:
        """Whether it was done; why not is a fault of the resource. `is_seen`: it changes what there
        is to look at."""
        try:
            await self._netd.do(order)
        except NetdError as error:
            self._faults[resource_id] = _line(error)
            return False
        finally:
            if is_seen:
                self._space.seen = None
        return True

    def _look(self) -> Observed:
        now = asyncio.get_running_loop().time()
        space = self._space
        if space.seen is None or now >= space.seen_at + LOOK_INTERVAL_S:
            space.seen, space.seen_at = space.eye.look(), now
        return space.seen


def _vpc_of(network: str) -> str:
    return network.partition(_AGAIN)[0]


def _is_named(name: str) -> bool:
    return (RUN_NETNS / name).exists()


def _line(error: OSError) -> str:
    return " ".join((error.strerror or str(error)).split())
