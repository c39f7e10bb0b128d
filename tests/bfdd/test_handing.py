"""Sockets of other networks: handed over by the server, kept, and asked for again when needed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from routeserver.bfd.authentication import BfdAuth
from routeserver.bfdd import rendezvous
from routeserver.bfdd.client import BfdDaemon, DaemonTimers
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.handing import TAKEN
from routeserver.bfdd.spec import BfdSpec
from routeserver.netd.sockets import open_bfd_receiver, open_bfd_sender
from tests.bfdd.support import PATIENCE_S, STEADY, Place, Reports, eventually, new_place
from tests.interop.namespaces import Link, linked

NETWORK = "vpc-0123456789abcdef0"


@dataclass
class Source:
    """Opens the sockets of each network where a link says, or in this process's own network."""

    links: dict[str, Link] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fault: str = ""

    async def bfd_receiver(self, network: str, address: str, port: int) -> socket.socket:
        self._note(f"receiver {network} {address}")
        if network in self.links:
            with self.links[network].server.entered():
                return open_bfd_receiver(ip_address(address), port, ())
        return open_bfd_receiver(ip_address(address), port, ())

    async def bfd_sender(self, network: str, address: str) -> socket.socket:
        self._note(f"sender {network} {address}")
        if network in self.links:
            with self.links[network].server.entered():
                return open_bfd_sender(ip_address(address))
        return open_bfd_sender(ip_address(address))

    def _note(self, what: str) -> None:
        if self.fault:
            raise OSError(self.fault)
        self.asked.append(what)


@dataclass
class Site:
    place: Place
    folder: Path
    source: Source
    here: Reports
    daemon: BfdDaemon

    def spec(self, session_id: str = "here", network: str = NETWORK) -> BfdSpec:
        return replace(self.place.spec(session_id=session_id), network=network)


@asynccontextmanager
async def running(folder: Path, place: Place, source: Source) -> AsyncIterator[Site]:
    here = Reports()
    timers = DaemonTimers(grace_s=5.0, first_pause_s=0.01)
    daemon = BfdDaemon(here, folder, place.port, linger_s=60.0, source=source, timers=timers)
    await daemon.start()
    try:
        yield Site(place, folder, source, here, daemon)
    finally:
        await daemon.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path, new_place(), Source()) as made:
        yield made


@pytest.fixture
async def remote(site: Site) -> AsyncIterator[Reports]:
    """The other end of the session, in this process."""
    there = Reports()
    engine = BfdEngine(there, port=site.place.port)
    engine.converge({"there": site.place.spec(session_id="there", mirrored=True)})
    yield there
    engine.close()


async def test_a_session_in_another_network_runs_on_what_was_handed_over(
    site: Site, remote: Reports
) -> None:
    assert await site.daemon.converge({"here": site.spec()}) == {}
    await site.here.up()
    await remote.up("there")
    assert site.source.asked == [
        f"receiver {NETWORK} {site.place.here}",
        f"sender {NETWORK} {site.place.here}",
    ]


async def test_what_was_handed_over_is_not_asked_for_again(site: Site, remote: Reports) -> None:
    await site.daemon.converge({"here": site.spec()})
    await site.here.up()
    await remote.up("there")
    asked = list(site.source.asked)
    await site.daemon.converge({"here": site.spec()})
    signed = replace(site.spec(), config=replace(STEADY, auth=BfdAuth(1, b"secret")))
    assert await site.daemon.converge({"here": signed}) == {}  # it starts anew on the same sockets
    assert site.source.asked == asked


async def test_a_session_that_comes_back_gets_its_sockets_again(site: Site) -> None:
    await site.daemon.converge({"here": site.spec()})
    await site.daemon.converge({})
    assert await site.daemon.converge({"here": site.spec()}) == {}
    assert len(site.source.asked) == 4


async def test_a_daemon_that_died_is_followed_by_one_with_sockets(
    site: Site, remote: Reports
) -> None:
    await site.daemon.converge({"here": site.spec()})
    await site.here.up()
    await remote.up("there")
    await eventually(lambda: "here" in site.daemon._handovers)  # or the next one starts anew
    first = site.daemon.pid
    assert first is not None
    os.kill(first, 9)
    await eventually(lambda: site.daemon.pid not in (None, first))
    await eventually(lambda: len(site.source.asked) == 4)
    assert await site.daemon.converge({"here": site.spec()}) == {}
    assert site.here.last("here") is True  # nobody has noticed
    assert remote.last("there") is True


async def test_without_a_socket_a_session_has_a_reason_and_gets_another_chance(
    site: Site, remote: Reports
) -> None:
    site.source.fault = "the VPC's network is not there yet"
    own = site.place.spec(session_id="own")
    faults = await site.daemon.converge({"here": site.spec(), "own": own})
    assert faults == {"here": "the VPC's network is not there yet"}
    site.source.fault = ""
    assert await site.daemon.converge({"here": site.spec()}) == {}
    await site.here.up()
    await remote.up("there")


async def test_the_next_server_finds_the_sockets_of_the_one_before(tmp_path: Path) -> None:
    place, source = new_place(), Source()
    async with AsyncExitStack() as stack:
        there = Reports()
        engine = BfdEngine(there, port=place.port)
        stack.callback(engine.close)
        engine.converge({"there": place.spec(session_id="there", mirrored=True)})
        for _ in range(2):
            here = Reports()
            daemon = BfdDaemon(
                here, tmp_path, place.port, linger_s=60.0, survives_stop=True, source=source
            )
            await daemon.start()
            spec = replace(place.spec(), network=NETWORK)
            assert await daemon.converge({"here": spec}) == {}
            await eventually(lambda up=daemon.is_up: up("here"))  # type: ignore[misc]
            await daemon.close()
        assert len(source.asked) == 2
        daemon = BfdDaemon(Reports(), tmp_path, place.port, linger_s=60.0)
        await daemon.start()
        await daemon.close()


async def test_nobody_but_its_server_hands_anything_over(site: Site) -> None:
    await site.daemon.converge({})
    dialled = rendezvous.dial(site.folder, rendezvous.HANDING)
    assert dialled is not None
    with dialled, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        packet = json.dumps({"network": NETWORK, "local": "127.0.0.1"}).encode()
        # This process is the server; what it hands over wrongly is refused.
        assert await _said(dialled, packet, []) != TAKEN
        assert await _said(dialled, b"\xff\x00", [made.fileno()]) != TAKEN
        assert await _said(dialled, b'{"network": 1, "local": []}', [made.fileno()]) != TAKEN
        nothing, other = os.pipe()
        with os.fdopen(nothing), os.fdopen(other, "w"):
            assert await _said(dialled, packet, [nothing]) != TAKEN
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            assert await _said(dialled, packet, [stream.fileno()]) != TAKEN
        assert await _said(dialled, packet, [made.fileno(), made.fileno()]) != TAKEN
        assert await _said(dialled, packet, [made.fileno()]) == TAKEN
    assert await site.daemon.converge({}) == {}


async def _said(dialled: socket.socket, packet: bytes, descriptors: list[int]) -> bytes:
    socket.send_fds(dialled, [packet], descriptors)
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.get_running_loop().sock_recv(dialled, 4096)


async def test_networks_may_have_the_same_addresses(tmp_path: Path) -> None:
    one, two = "vpc-00000000000000001", "vpc-00000000000000002"
    place = Place("10.9.0.1", "10.9.0.2", 3784)
    async with AsyncExitStack() as stack:
        source = Source({name: stack.enter_context(linked()) for name in (one, two)})
        there = {}
        for name, link in source.links.items():
            link.add_addresses("10.9.0.1/24", "10.9.0.2/24")
            there[name] = Reports()
            with link.appliance.entered():
                engine = BfdEngine(there[name], port=place.port)
                engine.converge({name: place.spec(session_id=name, mirrored=True)})
            stack.callback(engine.close)
        site = await stack.enter_async_context(running(tmp_path, place, source))
        wanted = {name: site.spec(name, name) for name in source.links}
        assert await site.daemon.converge(wanted) == {}
        for name, reports in there.items():
            await reports.up(name)
            await site.here.up(name)
        # Each hears its own remote system and nobody else's.
        del wanted[two]
        assert await site.daemon.converge(wanted) == {}
        await there[two].down(two)
        assert there[one].last(one) is True
        assert site.daemon.is_up(one)
