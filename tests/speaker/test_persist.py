"""Persisted routes end to end: held after the last session, in grace after the first, gone."""

from __future__ import annotations

import time

from routeserver.speaker.speaker import Speaker
from tests.speaker.support import A, B, EphemeralFabric, RecordingSink, Router, peer, route_server

PEERS = (peer("rsp-a", A), peer("rsp-b", B))
FIRST, SECOND = "192.0.2.0/24", "198.51.100.0/24"


async def _announcing(
    fabric: EphemeralFabric, sink: RecordingSink, *prefixes: str, address: str = A
) -> Router:
    router = Router(address, 65_001)
    await router.connect(fabric)
    await router.until_established()
    router.announce(*prefixes)
    for prefix in prefixes:
        await sink.until(lambda prefix=prefix: sink.winner(prefix) is not None)  # type: ignore[misc]
    return router


async def test_routes_are_held_when_the_last_session_ends_and_reset_drops_them(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(*PEERS, persist=True))
    router = await _announcing(fabric, sink, FIRST)
    assert not speaker.are_routes_persisted("rs-1")
    router.cut()
    await sink.until_down("rsp-a")
    assert speaker.are_routes_persisted("rs-1")
    assert sink.winner(FIRST) == "rsp-a"
    await speaker.converge(route_server(*PEERS, persist=True, reset_serial=1))
    await sink.until_winner(FIRST, None)
    assert not speaker.are_routes_persisted("rs-1")


async def test_only_the_last_session_holds(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(*PEERS, persist=True))
    a = await _announcing(fabric, sink, FIRST)
    await _announcing(fabric, sink, SECOND, address=B)
    a.cut()
    await sink.until_winner(FIRST, None)
    assert not speaker.are_routes_persisted("rs-1")
    assert sink.winner(SECOND) == "rsp-b"


async def test_after_grace_what_was_not_announced_again_goes(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    offset = [0.0]
    speaker = Speaker(
        listen=fabric.listen, port=0, clock=lambda: time.monotonic() + offset[0], sink=sink
    )
    await speaker.converge(route_server(*PEERS, persist=True, persist_duration_s=60))
    first = await _announcing(fabric, sink, FIRST, SECOND)
    first.cut()
    await sink.until_down("rsp-a")
    again = Router(A, 65_001)
    await again.connect(fabric)
    await sink.until_up("rsp-a", times=2)
    again.announce(SECOND, med=7)
    await sink.until(lambda: _med(sink, SECOND) == 7)
    assert speaker.are_routes_persisted("rs-1")
    assert sink.winner(FIRST) == "rsp-a"
    offset[0] = 61.0  # the clock jumps over the grace; a new duration makes the owner look at it
    await speaker.converge(route_server(*PEERS, persist=True, persist_duration_s=30))
    await sink.until_winner(FIRST, None)
    assert sink.winner(SECOND) == "rsp-a"
    assert not speaker.are_routes_persisted("rs-1")
    await speaker.close()


async def test_without_persistence_the_routes_go_with_the_last_session(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(*PEERS))
    router = await _announcing(fabric, sink, FIRST)
    router.cut()
    await sink.until_winner(FIRST, None)


async def test_disabling_persistence_drops_what_is_held(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(*PEERS, persist=True))
    router = await _announcing(fabric, sink, FIRST)
    router.cut()
    await sink.until_down("rsp-a")
    await speaker.converge(route_server(*PEERS, persist=False))
    await sink.until_winner(FIRST, None)


async def test_a_peer_that_is_removed_takes_its_held_routes_with_it(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(*PEERS, persist=True))
    router = await _announcing(fabric, sink, FIRST)
    router.cut()
    await sink.until_down("rsp-a")
    await speaker.converge(route_server(PEERS[1], persist=True))
    await sink.until_winner(FIRST, None)
    assert not speaker.are_routes_persisted("rs-1")


def _med(sink: RecordingSink, prefix: str) -> int | None:
    for _, delta in reversed(sink.deltas):
        for path in delta.values():
            if path is not None and path.attributes.med is not None:
                return path.attributes.med
    return None
