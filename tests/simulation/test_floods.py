"""Peers that send as much as they can of what costs the most, to the real speaker on loopback: what
they leave behind is counted, and the session beside them goes on.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from struct import pack
from typing import Any

import pytest

from routeserver.bgp.attributes import _MAX_OCTETS, AttributeTable
from routeserver.bgp.errors import Cease, ErrorCode
from routeserver.bgp.events import SessionClosed
from routeserver.bgp.messages import RefreshSubtype, RouteRefresh
from routeserver.bgp.nlri import encode_prefix
from routeserver.net.peering import ImportAction, ImportRule, PrefixRange
from routeserver.net.prefix import Family, Prefix, parse_prefix
from routeserver.rib import prefix_table
from routeserver.rib.import_policy import MAX_REMEMBERED_OCTETS
from routeserver.rib.rib import Rib
from routeserver.speaker.announcement import synthetic_prefixes
from routeserver.speaker.peer import Peer
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import Limits
from tests.bgp.support import attribute, update
from tests.speaker.support import (
    ENDPOINT,
    PATIENCE_S,
    ROUTERS,
    A,
    B,
    EphemeralFabric,
    RecordingSink,
    Router,
    peer,
    route_server,
)

MANY = 200_000 if not prefix_table.__file__.endswith(".py") else 10_000
BESIDE = "198.51.100.0/24"
ONE = parse_prefix("192.0.2.0/24")

ORIGIN = attribute(0x40, 1, b"\0")
PATH = attribute(0x40, 2, b"\2\1" + pack(">I", 65_001))
HOP = attribute(0x40, 3, bytes(map(int, A.split("."))))


def announced(prefix: Prefix, more: bytes = b"", path: bytes = PATH) -> bytes:
    return update(ORIGIN + path + HOP + more, encode_prefix(prefix))


def community(number: int) -> bytes:
    return attribute(0xC0, 8, pack(">I", number))


async def until(fact: Callable[[], bool]) -> None:
    """Turns of the event loop; for facts that nobody tells."""
    async with asyncio.timeout(PATIENCE_S):
        while not fact():  # noqa: ASYNC110 - there is nobody to set an event
            await asyncio.sleep(0)


def _pieces(messages: Iterable[bytes]) -> Iterator[bytes]:
    left = iter(messages)
    while piece := b"".join(islice(left, 2_000)):
        yield piece


class Site:
    """Two peers; the second has announced one route, which has to stay."""

    def __init__(self, **settings: Any) -> None:
        self.sink = RecordingSink()
        self.fabric = EphemeralFabric()
        self.speaker = Speaker(
            listen=self.fabric.listen,
            port=0,
            clock=time.monotonic,
            sink=self.sink,
            limits=Limits(max_pending_connections=64, max_pending_per_address=4),
        )
        self.settings = settings
        self.flooding, self.beside = Router(A, 65_001, enhanced_refresh=True), Router(B, 65_001)

    async def open(self) -> None:
        peers = peer("rsp-a", A, **self.settings), peer("rsp-b", B)
        await self.speaker.converge(route_server(*peers))
        for router, peer_id in ((self.flooding, "rsp-a"), (self.beside, "rsp-b")):
            await router.connect(self.fabric)
            await self.sink.until_up(peer_id)
            await router.until_established()
        self.beside.announce(BESIDE)
        await self.sink.until_winner(BESIDE, "rsp-b")

    async def flood(self, messages: Iterable[bytes]) -> None:
        """As fast as it is read, until all of it has left here."""
        assert self.flooding.connection is not None
        transport = self.flooding.connection._transport
        assert transport is not None
        for piece in _pieces(messages):
            if transport.is_closing() or self.flooding.happened(SessionClosed):
                return
            transport.write(piece)
            await until(lambda: self.flooding.is_gone or not transport.get_write_buffer_size())

    async def is_read(self) -> None:
        """All that was sent before has been read: a route that comes last is there."""
        assert self.flooding.connection is not None
        transport = self.flooding.connection._transport
        assert transport is not None
        transport.write(announced(parse_prefix("203.0.113.0/24")))
        await self.sink.until_winner("203.0.113.0/24", "rsp-a")

    @property
    def rib(self) -> Rib:
        rib = self.speaker.rib("rs-1")
        assert rib is not None
        return rib

    @property
    def live_sets(self) -> int:
        return sum(one is not None for one in self.rib._paths.sets)

    @property
    def flooded(self) -> Peer:
        [running] = self.speaker._running.values()
        [found] = [one for one in running.peers() if one.spec.peer_id == "rsp-a"]
        return found

    @property
    def table(self) -> AttributeTable:
        """What the flooding peer's session remembers of attribute lists."""
        established = self.flooded._established
        assert established is not None
        receiver = established.session._receiver
        assert receiver is not None
        return receiver._table

    def check_beside(self) -> None:
        assert self.speaker.is_established("rsp-b")
        assert self.sink.winner(BESIDE) == "rsp-b"
        assert [up for name, up, _ in self.sink.sessions if name == "rsp-b"] == [True]

    async def is_forgotten(self) -> None:
        """Nothing is left of the flooding peer."""
        await self.sink.until_down("rsp-a")
        await until(lambda: not self.rib.pending())
        assert set(self.rib.counts.per_peer) == {"rsp-b"}
        assert self.live_sets == 1
        assert set(self.rib._generations.peers) == {"rsp-b"}


@pytest.fixture
async def sites() -> AsyncIterator[list[Site]]:
    made: list[Site] = []
    yield made
    for site in made:
        await site.speaker.close()
    routers = [router for router in ROUTERS if router.connection is not None and not router.is_gone]
    ROUTERS.clear()
    for router in routers:
        router.cut()
        await router.until_gone()


async def _site(sites: list[Site], **settings: Any) -> Site:
    site = Site(**settings)
    sites.append(site)
    await site.open()
    return site


@pytest.mark.parametrize("code", [8, 99], ids=["communities", "an attribute nobody knows"])
async def test_distinct_attributes_end_at_their_bound(sites: list[Site], code: int) -> None:
    site = await _site(sites, max_attribute_octets=200_000)
    prefixes = synthetic_prefixes(20_000)
    await site.flood(
        announced(p, attribute(0xC0, code, pack(">I", n) * 5)) for n, p in enumerate(prefixes)
    )
    notification = await site.flooding.until_notified()
    assert (notification.code, notification.subcode) == (ErrorCode.CEASE, Cease.OUT_OF_RESOURCES)
    await site.is_forgotten()
    site.check_beside()


async def test_attributes_that_replace_each_other_leave_nothing(sites: list[Site]) -> None:
    site = await _site(sites)
    await site.flood(announced(ONE, community(number)) for number in range(MANY // 4))
    await site.is_read()
    assert site.live_sets == 3
    assert len(site.table.plain) <= 3
    assert len(site.table.plain_mp) == 0
    site.check_beside()


async def test_an_import_policy_remembers_within_a_bound(sites: list[Site]) -> None:
    elsewhere = PrefixRange(parse_prefix("10.0.0.0/8"), 8, 32)
    rule = ImportRule("r", ImportAction.REJECT, (elsewhere,))
    site = await _site(sites, import_rules=(rule,))
    count = 2 * MAX_REMEMBERED_OCTETS // 3_000
    await site.flood(
        announced(ONE, bytes.fromhex("d0080bb8") + number.to_bytes(4, "big") * 750)
        for number in range(count)
    )
    await site.is_read()
    remembered = site.flooded.intake._policy._judged
    assert 0 < sum(len(one.raw) for one in remembered) <= MAX_REMEMBERED_OCTETS
    assert site.live_sets == 3
    site.check_beside()


async def test_lists_with_a_fault_are_remembered_within_a_bound(sites: list[Site]) -> None:
    site = await _site(sites)
    fault = attribute(0xC0, 7, b"short")
    await site.flood(announced(ONE, fault + community(number)) for number in range(MANY // 20))
    await site.is_read()
    assert site.live_sets == 3
    assert site.table._octets <= _MAX_OCTETS
    site.check_beside()


async def test_paths_of_a_thousand_asns(sites: list[Site]) -> None:
    site = await _site(sites, max_attribute_octets=2_000_000)
    segment = b"\2\xff" + pack(">I", 65_001) * 255
    path = segment * 3 + b"\2\xd0" + pack(">I", 65_001) * 208
    long = bytes([0x50, 2]) + pack(">H", len(path)) + path
    prefixes = synthetic_prefixes(3_000)
    await site.flood(announced(p, community(n), long) for n, p in enumerate(prefixes))
    notification = await site.flooding.until_notified()
    assert notification.subcode == Cease.OUT_OF_RESOURCES
    await site.is_forgotten()
    site.check_beside()


async def test_one_route_a_message(sites: list[Site]) -> None:
    site = await _site(sites)
    await site.flood(announced(prefix) for prefix in synthetic_prefixes(MANY))
    await site.sink.until(lambda: len(site.sink.fibs["rs-1"]) == MANY + 1)
    assert site.live_sets == 2
    assert site.rib.counts.per_peer["rsp-a"].attribute_octets < 100
    site.check_beside()
    site.flooding.cut()
    await site.is_forgotten()
    site.check_beside()


async def test_routes_beyond_the_limit_leave_no_attributes(sites: list[Site]) -> None:
    site = await _site(sites, max_prefixes=10)
    prefixes = synthetic_prefixes(MANY // 10)
    await site.flood(announced(p, community(n)) for n, p in enumerate(prefixes))
    assert site.flooding.connection is not None
    await site.sink.until(lambda: len(site.sink.fibs["rs-1"]) == 11)
    await until(lambda: site.rib.counts.per_peer["rsp-a"].discarded == MANY // 10 - 10)
    assert site.live_sets == 11
    assert len(site.table.plain) == 10
    site.check_beside()


async def test_refreshes_that_begin_and_begin_again(sites: list[Site]) -> None:
    site = await _site(sites, enhanced_refresh=True)
    marks = [
        RouteRefresh(Family.IPV4.value, 1, subtype).encode()
        for subtype in (RefreshSubtype.BEGIN, RefreshSubtype.BEGIN, RefreshSubtype.END)
    ]
    prefixes = list(synthetic_prefixes(20))

    def messages() -> Iterable[bytes]:
        for number in range(MANY // 10):
            yield marks[0]
            yield announced(prefixes[number % 20])
            if number % 3 == 0:
                yield marks[2]

    await site.flood(messages())
    await site.flood([marks[2]])
    await site.is_read()
    # Each mark that is still undecided about keeps one; a few dozen, not thousands.
    await until(lambda: not site.rib.pending())
    assert len(site.rib._generations.peers["rsp-a"].generations) <= 4
    site.check_beside()


async def test_a_thousand_connections(sites: list[Site]) -> None:
    site = await _site(sites)
    opened: list[asyncio.StreamWriter] = []
    count = min(1_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3)
    for number in range(count):
        # From the peer's own address, and from strangers'.
        local = A if number % 2 else f"127.77.9.{number % 200 + 1}"
        with suppress(OSError):
            _, writer = await asyncio.open_connection(
                ENDPOINT, site.fabric.ports[ENDPOINT], local_addr=(local, 0)
            )
            opened.append(writer)
    [running] = site.speaker._running.values()
    [listener] = running.listeners()
    assert len(opened) > 0.9 * count
    assert len(site.speaker._around.pending) <= 64
    assert site.speaker.is_established("rsp-a")
    site.check_beside()
    for writer in opened:
        writer.transport.abort()
    await until(lambda: len(listener._serves) == 2)
    assert len(site.speaker._around.pending) == 0


async def test_half_messages_wait_in_no_more_than_a_message(sites: list[Site]) -> None:
    site = await _site(sites)
    assert site.flooding.connection is not None
    transport = site.flooding.connection._transport
    assert transport is not None
    message = announced(ONE, b"".join(community(0) for _ in range(550)))
    assert len(message) > 3_500
    established = site.flooded._established
    assert established is not None
    session = established.session
    for octet in message[:-1]:
        transport.write(bytes([octet]))
        await asyncio.sleep(0)
    await until(lambda: len(session.so_far) == len(message) - 1)
    site.check_beside()
    transport.write(message[-1:])
    await site.is_read()
    assert session.so_far == b""
