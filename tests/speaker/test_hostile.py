"""Peers that misbehave, and code that fails: each costs its own session and no other."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from routeserver.bgp.errors import Cease, ErrorCode
from routeserver.rib.counts import Applied
from routeserver.rib.rib import Rib
from routeserver.speaker.announcement import synthetic_prefixes
from routeserver.speaker.connection import Connection
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import EndpointSpec, Limits
from tests.bgp.support import MANDATORY, attribute, update
from tests.speaker.support import (
    ENDPOINT,
    A,
    B,
    EphemeralFabric,
    RecordingSink,
    Router,
    peer,
    route_server,
)

TWO_PEERS = route_server(peer("rsp-a", A), peer("rsp-b", B))

KEEPALIVE_HEADER = b"\xff" * 16 + bytes([0, 19, 4])


async def _raw(
    fabric: EphemeralFabric, address: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(ENDPOINT, fabric.ports[ENDPOINT], local_addr=(address, 0))


async def test_an_exception_in_serving_one_peer_ends_that_peer_only(
    speaker: Speaker,
    sink: RecordingSink,
    fabric: EphemeralFabric,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await speaker.converge(TWO_PEERS)
    a, b = Router(A, 65_001), Router(B, 65_001)
    for router in (a, b):
        await router.connect(fabric)
        await router.until_established()
    await sink.until_up("rsp-a")
    await sink.until_up("rsp-b")
    real = Rib.apply

    def failing(rib: Rib, peer_id: str, *routes: Sequence[object]) -> Applied:
        if peer_id == "rsp-a":
            raise RuntimeError("injected")
        return real(rib, peer_id, *routes)  # type: ignore[arg-type]

    monkeypatch.setattr(Rib, "apply", failing)
    a.announce("192.0.2.0/24")
    notification = await a.until_notified()
    assert (notification.code, notification.subcode) == (
        ErrorCode.CEASE,
        Cease.ADMINISTRATIVE_RESET,
    )
    await sink.until_down("rsp-a")
    b.announce("198.51.100.0/24")
    await sink.until_winner("198.51.100.0/24", "rsp-b")
    assert speaker.is_established("rsp-b")
    monkeypatch.undo()
    again = Router(A, 65_001)
    await again.connect(fabric)
    await again.until_established()
    again.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")


class SinkWithoutA(RecordingSink):
    def session_changed(self, peer_id: str, up: bool, reason: str) -> None:
        super().session_changed(peer_id, up, reason)
        if peer_id == "rsp-a":
            raise RuntimeError("injected")


async def test_an_exception_while_a_session_ends_leaves_no_ghost(fabric: EphemeralFabric) -> None:
    sink = SinkWithoutA()
    speaker = Speaker(listen=fabric.listen, port=0, clock=time.monotonic, sink=sink)
    await speaker.converge(TWO_PEERS)
    a = Router(A, 65_001)
    await a.connect(fabric)
    await sink.until_up("rsp-a")
    await sink.until_down("rsp-a")
    await a.until_gone()
    assert not speaker.is_established("rsp-a")
    b = Router(B, 65_001)
    await b.connect(fabric)
    await sink.until_up("rsp-b")
    await speaker.close()


async def test_garbage_gets_the_notification_that_it_deserves(
    speaker: Speaker, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    reader, writer = await _raw(fabric, A)
    writer.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
    answer = await reader.read()
    assert bytes([ErrorCode.MESSAGE_HEADER_ERROR, 1]) in answer[-16:]
    writer.close()


async def test_one_byte_at_a_time_is_as_good_as_all_at_once(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    assert router.connection is not None
    for octet in KEEPALIVE_HEADER:
        assert router.connection._transport is not None
        router.connection._transport.write(bytes([octet]))
    router.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")


async def test_connections_that_say_nothing_are_limited_by_address(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    speaker = Speaker(
        listen=fabric.listen,
        port=0,
        clock=time.monotonic,
        sink=sink,
        limits=Limits(max_pending_connections=4, max_pending_per_address=2),
    )
    await speaker.converge(TWO_PEERS)
    strangers = [await _raw(fabric, "127.77.9.9") for _ in range(2)]
    for reader, _ in strangers:
        await reader.readexactly(21)  # refused, and lingering until they hang up
    reader, writer = await _raw(fabric, "127.77.9.9")
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    for _, held in strangers:
        held.close()
    await speaker.close()


async def test_a_session_without_a_hold_timer_is_watched_by_tcp(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """A peer that lost its power would hold its place for ever."""
    await speaker.converge(TWO_PEERS)
    for address, peer_id, hold_time_s in ((A, "rsp-a", 0), (B, "rsp-b", 30)):
        await Router(address, 65_001, hold_time_s=hold_time_s).connect(fabric)
        await sink.until_up(peer_id)
        connection = speaker._peers[peer_id]._established
        assert connection is not None
        seen: list[int] = []
        connection.set_options(
            lambda sock, seen=seen: seen.append(  # type: ignore[misc]
                sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            )
        )
        assert seen == [int(hold_time_s == 0)]


async def test_a_reset_says_in_the_log_which_octets_it_was_for(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    assert router.connection is not None
    assert router.connection._transport is not None
    with capture_logs() as logs:
        router.connection._transport.write(update(MANDATORY + attribute(0x40, 99, b"\x01\x02")))
        await router.until_notified()
        await sink.until_down("rsp-a")
    [said] = [log for log in logs if log["event"] == "bgp_session_reset"]
    assert (said["peer_id"], said["code"], said["subcode"]) == ("rsp-a", 3, 2)
    assert said["data"] == "4063020102"
    assert "attribute 99" in said["reason"]


async def test_strangers_take_no_room_from_peers(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    limits = Limits(max_pending_connections=1, max_pending_strangers=2)
    speaker = Speaker(listen=fabric.listen, port=0, clock=time.monotonic, sink=sink, limits=limits)
    await speaker.converge(TWO_PEERS)
    strangers = [await _raw(fabric, f"127.77.9.{n}") for n in range(1, 3)]
    for reader, _ in strangers:
        await reader.readexactly(21)  # refused, and lingering until they hang up
    reader, writer = await _raw(fabric, "127.77.9.3")
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    await Router(A, 65_001).connect(fabric)
    await sink.until_up("rsp-a")
    assert len(speaker._around.strangers) == 2
    for _, each in (*strangers, (reader, writer)):
        each.close()
    await speaker.close()


async def test_a_silent_connection_has_a_deadline(
    speaker: Speaker, fabric: EphemeralFabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Connection] = []
    real = Connection.connection_made

    def noting(connection: Connection, transport: asyncio.BaseTransport) -> None:
        real(connection, transport)
        made.append(connection)

    monkeypatch.setattr(Connection, "connection_made", noting)
    await speaker.converge(TWO_PEERS)
    reader, writer = await _raw(fabric, A)
    await reader.readexactly(19)
    [connection] = made
    timer = connection._timer
    assert timer is not None
    wait_s = timer.when() - asyncio.get_running_loop().time()
    assert 200 < wait_s <= 240  # RFC 4271 §8.2.2: a large hold time until the OPEN has come
    writer.close()


async def test_a_peer_that_is_sent_more_than_it_reads_is_cut_off(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    speaker = Speaker(
        listen=fabric.listen,
        port=0,
        clock=time.monotonic,
        sink=sink,
        limits=Limits(write_buffer_bytes=1024),
    )
    await speaker.converge(TWO_PEERS)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    assert router.connection is not None
    router.connection.pause()
    served = _served(speaker)
    while not any(name == "rsp-a" and not up for name, up, _ in sink.sessions):
        served(bytes(65_536))
        await asyncio.sleep(0)
    assert not speaker.is_established("rsp-a")
    router.cut()
    await speaker.close()


def _served(speaker: Speaker) -> Callable[[bytes], None]:
    [running] = speaker._running.values()
    [peer_a] = [one for one in running.peers() if one.is_established]
    assert peer_a._established is not None
    transport = peer_a._established._transport
    assert transport is not None
    return transport.write


async def test_a_flood_of_routes_is_read_in_slices_and_ends_complete(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    speaker = Speaker(listen=fabric.listen, port=0, clock=time.monotonic, sink=sink, slice_size=500)
    await speaker.converge(TWO_PEERS)
    a, b = Router(A, 65_001), Router(B, 65_001)
    for router in (a, b):
        await router.connect(fabric)
        await router.until_established()
    count = 30_000
    a.announce_all(list(synthetic_prefixes(count)), med=1)
    b.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-b")
    await sink.until(lambda: len(sink.fibs["rs-1"]) == count + 1)
    assert max(len(delta) for _, delta in sink.deltas) <= 500
    await speaker.close()


async def test_an_appliance_may_dial_all_its_endpoints_at_once(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """After a restart of the appliance; ten endpoints are what the quota allows a route server."""
    [server] = route_server().values()
    addresses = [f"127.77.2.{number}" for number in range(4, 14)]
    endpoints = tuple(
        EndpointSpec(f"rse-{address}", address, (peer(f"rsp-{address}", A),))
        for address in addresses
    )
    await speaker.converge({"rs-1": replace(server, endpoints=endpoints)})
    routers = [Router(A, 65_001) for _ in addresses]
    await asyncio.gather(
        *(router.connect(fabric, to) for router, to in zip(routers, addresses, strict=True))
    )
    for address in addresses:
        await sink.until_up(f"rsp-{address}")
