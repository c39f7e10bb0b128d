"""A desk over a real store, real RIBs and real route tables, with no session anywhere."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, cast

import pytest

from routeserver.bgp.events import Established
from routeserver.control.access.access import Access
from routeserver.control.operator.book import PeerSettingsBook, PeersFile
from routeserver.control.operator.desk import Desk
from routeserver.control.operator.registry import QUESTIONS
from routeserver.control.world import World
from routeserver.dataplane.memory import MemoryDataPlane
from routeserver.domain.resources import (
    EndpointState,
    PeerState,
    RouteServerEndpoint,
    RouteServerState,
)
from routeserver.domain.routing import TableIntent
from routeserver.fabric.loopback import LoopbackFabric
from routeserver.net.attribute_set import set_of
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.peering import OPEN_DEFAULTS, PeerSettings
from routeserver.net.prefix import Family, parse_prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.observe.recorder import Recorder
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib
from routeserver.store import Store
from tests.store.samples import HERE, peer, route_server

HOPS = {"rsp-1": "127.10.1.10", "rsp-2": "127.10.1.11", "rsp-3": "127.10.1.12"}


class FakeBfd:
    def is_up(self, _: str) -> bool:
        return False


@dataclass
class FakeSpeaker:
    """RIBs without sessions."""

    ribs: dict[str, Rib] = field(default_factory=dict)
    up: set[str] = field(default_factory=set)
    reimporting: set[str] = field(default_factory=set)
    asked: dict[str, float] = field(default_factory=dict)
    resets: list[tuple[str, str, bool]] = field(default_factory=list)

    def rib(self, route_server_id: str) -> Rib | None:
        return self.ribs.get(route_server_id)

    def is_deciding(self, route_server_id: str) -> bool:
        return self.ribs[route_server_id].pending() > 0

    def each_rib(self) -> Iterable[tuple[str, Rib]]:
        return self.ribs.items()

    def is_established(self, peer_id: str) -> bool:
        return peer_id in self.up

    def negotiated(self, peer_id: str) -> Established | None:
        if peer_id not in self.up:
            return None
        return Established(IPv4Address(HOPS[peer_id]), 65_001, 30, (Family.IPV4,), True)

    def is_reimporting(self, peer_id: str) -> bool:
        return peer_id in self.reimporting

    def refresh_asked_at(self, peer_id: str) -> float | None:
        return self.asked.get(peer_id)

    def refresh(self, peer_id: str) -> str | None:
        if peer_id not in self.up:
            return "it has no session"
        self.asked[peer_id] = 499.0
        return None

    def reset(self, peer_id: str, text: str = "", *, hard: bool = False) -> str | None:
        if peer_id not in self.up:
            return "it has no session"
        self.resets.append((peer_id, text, hard))
        return None

    def settings(self, peer_id: str) -> PeerSettings:  # noqa: ARG002 - a speaker's form
        """What is set for a peer later is never brought into force here."""
        return OPEN_DEFAULTS


class Office:
    """`ask` is what the HTTP face does; the rest makes something to ask about."""

    def __init__(self, store: Store, book: PeerSettingsBook) -> None:
        self.speaker = FakeSpeaker()
        self.woken: list[bool] = []
        self.world = World(MemoryDataPlane(), LoopbackFabric(), wall_clock=lambda: 1_700_000_000.0)
        self.world.attach(cast("Any", self.speaker), cast("Any", FakeBfd()))
        self.store = store
        self.desk = Desk(
            store,
            self.world,
            book,
            Recorder(lambda: 0.0),
            clock=lambda: 500.0,
            wall_clock=lambda: 1_700_000_000.0,
            wake=lambda: self.woken.append(True),
            access=Access.of_one_process(store, os.urandom),
            random_bytes=os.urandom,
        )

    async def ask(self, question: str, **params: object) -> Any:
        return await QUESTIONS[question](self.desk, params)

    async def add_route_server(
        self, peer_ids: Collection[str], id_: str = "rs-1", *, max_fib_routes: int | None = None
    ) -> Rib:
        """One with an endpoint for each peer, all sessions up."""
        rib = self.speaker.ribs[id_] = Rib(max_fib_routes=max_fib_routes)
        async with self.store.write() as tx:
            await tx.insert(replace(route_server(id_), state=RouteServerState.AVAILABLE))
            for peer_id in peer_ids:
                number = peer_id.removeprefix("rsp-")
                await tx.insert(
                    RouteServerEndpoint(
                        f"rse-{number}",
                        HERE.account_id,
                        HERE.region,
                        1.0,
                        route_server_id=id_,
                        vpc_id="vpc-1",
                        subnet_id="subnet-1",
                        state=EndpointState.AVAILABLE,
                    ),
                    replace(
                        peer(peer_id),
                        route_server_id=id_,
                        route_server_endpoint_id=f"rse-{number}",
                        peer_address=HOPS[peer_id],
                        state=PeerState.AVAILABLE,
                    ),
                )
        for peer_id in peer_ids:
            address = int(IPv4Address(HOPS[peer_id]))
            endpoint_id = peer_id.replace("rsp", "rse")
            rib.peer_up(Source(peer_id, endpoint_id, address, address))
            self.speaker.up.add(peer_id)
        return rib

    def announce(
        self,
        peer_id: str,
        *prefixes: str,
        server: str = "rs-1",
        med: int | None = None,
        asns: tuple[int, ...] = (65_001,),
        rejected: str | None = None,
        at: float = 400.0,
    ) -> None:
        path = (AsSegment(SegmentKind.AS_SEQUENCE, asns),)
        attributes = PathAttributes(Origin.IGP, path, IPv4Address(HOPS[peer_id]), med)
        rib = self.speaker.ribs[server]
        for family in Family:
            own = [parse_prefix(p) for p in prefixes if (":" in p) == (family is Family.IPV6)]
            if own:
                batch = RouteBatch.of(family, [(set_of(attributes, rejected), own)])
                rib.apply(peer_id, batch)
        while rib.pending():
            delta = rib.decide(1000, at)
            self.world.fib_changed(server, delta)

    async def install(
        self, *server_ids: str, table_id: str = "rtb-1", limit: int | None = None
    ) -> None:
        """Propagate these route servers to a table in which every next hop has an interface."""
        owners: Mapping[IPv4Address | IPv6Address, str] = {
            IPv4Address(hop): f"eni-{peer_id[-1]}" for peer_id, hop in HOPS.items()
        }
        intent = TableIntent(table_id, "vpc-1", {}, server_ids, limit)
        await self.world.tables.converge({table_id: intent}, {"vpc-1": owners})
        await self.world.tables.settled()


@pytest.fixture
def peers_file() -> PeersFile:
    return PeersFile()


@pytest.fixture
async def office(tmp_path: Path, peers_file: PeersFile) -> AsyncIterator[Office]:
    store = await Store.open(f"sqlite:///{tmp_path / 'store.db'}", synchronous="OFF")
    yield Office(store, PeerSettingsBook("open", lambda: peers_file))
    await store.close()
