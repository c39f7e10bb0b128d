"""A kernel's routing tables in memory, as the data plane sees them: written through the helper's
`Write`, looked at by lists. It refuses what Linux refuses, and deletes routes with their next hop.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from routeserver.dataplane.kernel.watch import Ears
from routeserver.net.prefix import IPV6_BIT, Prefix
from routeserver.netd.interface import Doing, NetdError, Opening
from routeserver.netd.orders import Done, Refusal, Write
from routeserver.netlink.bulk import Listed
from routeserver.netlink.decoding import Said, decode_message
from routeserver.netlink.framing import messages
from routeserver.netlink.link import Link
from routeserver.netlink.nexthop import NextHop
from routeserver.netlink.route import Route, RouteType
from routeserver.netlink.rule import Rule


@dataclass
class FakeKernel:
    """One namespace. `counts` are messages carried out, by kind (``+route``, ``-nexthop``)."""

    links: dict[str, Link] = field(default_factory=dict)
    nexthops: dict[int, NextHop] = field(default_factory=dict)
    routes: dict[tuple[int, Prefix, int], Route] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    refuse: dict[Prefix, int] = field(default_factory=dict)
    """Destinations that it does not take, with the errno."""
    has_nexthops: bool = True

    def write(self, octets: bytes) -> list[Refusal]:
        refused = []
        for message in messages(octets):
            said = decode_message(message)
            assert isinstance(said, Said), said
            number = self._do(said)
            if number:
                refused.append(Refusal(message.sequence, number))
        return refused

    def _do(self, said: Said) -> int:
        value = said.value
        name = type(value).__name__.lower()
        self.counts[("-" if said.gone else "+") + name] += 1
        match value:
            case Route():
                return self._do_route(value, said.gone)
            case NextHop():
                return self._do_nexthop(value, said.gone)
            case Rule():
                if said.gone:
                    if value not in self.rules:
                        return errno.ENOENT
                    self.rules.remove(value)
                elif value in self.rules:
                    return errno.EEXIST
                else:
                    self.rules.append(value)
                return 0
        raise AssertionError(value)

    def _do_route(self, route: Route, gone: bool) -> int:
        key = route.table, route.destination, route.priority
        if gone:
            return 0 if self.routes.pop(key, None) is not None else errno.ESRCH
        if route.destination in self.refuse:
            return self.refuse[route.destination]
        if route.nexthop_id and route.nexthop_id not in self.nexthops:
            return errno.EINVAL
        self.routes[key] = route
        return 0

    def _do_nexthop(self, nexthop: NextHop, gone: bool) -> int:
        if not self.has_nexthops:
            return errno.EOPNOTSUPP
        if gone:
            if self.nexthops.pop(nexthop.id, None) is None:
                return errno.ENOENT
            for key in [k for k, r in self.routes.items() if r.nexthop_id == nexthop.id]:
                del self.routes[key]
            return 0
        if nexthop.interface and nexthop.interface not in {x.index for x in self.links.values()}:
            return errno.ENODEV
        self.nexthops[nexthop.id] = nexthop
        return 0

    def leads(self, table: int, prefix: Prefix, metric: int = 179) -> str | None:
        """The gateway of a route, ``blackhole``, ``throw``, or None without a route."""
        route = self.routes.get((table, prefix, metric))
        if route is None:
            return None
        if route.nexthop_id:
            hop = self.nexthops[route.nexthop_id]
            return "blackhole" if hop.blackhole else str(hop.gateway)
        if route.type != RouteType.UNICAST:
            return RouteType(route.type).name.lower()
        return str(route.gateway)

    def destinations(self, table: int, metric: int = 179) -> set[Prefix]:
        return {prefix for number, prefix, own in self.routes if (number, own) == (table, metric)}


class FakeReader:
    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel
        self.cookie = id(kernel)

    async def links(self) -> Mapping[str, Link]:
        return dict(self._kernel.links)

    async def nexthops(self) -> Sequence[NextHop]:
        return list(self._kernel.nexthops.values())

    async def rules(self) -> Sequence[Rule]:
        return [rule for rule in self._kernel.rules if rule.protocol == 179]

    async def routes(self) -> AsyncIterator[Sequence[Listed]]:
        listed = [
            Listed(
                route.destination,
                route.table,
                route.priority,
                route.protocol,
                route.type,
                route.nexthop_id,
                route.interface,
                b"" if route.gateway is None else route.gateway.packed,
            )
            for route in sorted(
                self._kernel.routes.values(), key=lambda r: r.destination & IPV6_BIT
            )
            if route.protocol == 179
        ]
        for start in range(0, len(listed), 3):
            yield listed[start : start + 3]

    def close(self) -> None:
        """Nothing to close."""


class FakeNetd:
    """The helper for fake kernels, by namespace. While `held` is set, orders wait."""

    def __init__(self, kernels: dict[str, FakeKernel]) -> None:
        self.kernels = kernels
        self.ears: dict[str, Ears] = {}
        self.orders: list[Write] = []
        self.go = asyncio.Event()
        self.go.set()
        self._turn = asyncio.Lock()

    async def open(self, order: Opening) -> socket.socket:
        raise NotImplementedError(order)

    async def do(self, order: Doing) -> Done:
        assert isinstance(order, Write), order
        self.orders.append(order)
        async with self._turn:
            await self.go.wait()
            kernel = self.kernels.get(order.namespace)
            if kernel is None:
                raise NetdError(errno.ENOENT, f"there is no namespace {order.namespace}")
            return Done(refused=tuple(kernel.write(order.messages)))

    async def reader(self, namespace: str) -> FakeReader:
        if namespace not in self.kernels:
            raise NetdError(errno.ENOENT, f"there is no namespace {namespace}")
        return FakeReader(self.kernels[namespace])

    async def watch(self, namespace: str, ears: Ears) -> FakeReader:
        self.ears[namespace] = ears
        return FakeReader(self.kernels[namespace])
