"""Graceful restart over real TCP: routes that survive, routes that do not, and the waiting of a
speaker that has itself restarted."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from routeserver.bgp.capabilities import LongLivedGracefulRestart
from routeserver.bgp.errors import Cease
from routeserver.bgp.events import EndOfRib, Established
from routeserver.bgp.graceful_restart import GracefulRestartOffer
from routeserver.net.peering import LimitAction
from routeserver.net.prefix import parse_prefix
from routeserver.speaker import cease
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import RouteServerSpec, Timers
from tests.speaker.support import (
    V4,
    V6,
    A,
    B,
    EphemeralFabric,
    RecordingSink,
    Router,
    peer,
    route_server,
)

P1, P2 = "192.0.2.0/24", "198.51.100.0/24"
OFFER = GracefulRestartOffer(notification=True, families=(V4, V6))
BACK = GracefulRestartOffer(
    notification=True, restarting=True, families=(V4, V6), forwarding=(V4, V6)
)


def spec(**settings: Any) -> dict[str, RouteServerSpec]:
    return route_server(peer("rsp-a", A, graceful_restart=True, **settings), peer("rsp-b", B))


def stale(speaker: Speaker, prefix: str = P1) -> list[bool]:
    rib = speaker.rib("rs-1")
    assert rib is not None
    return [path.is_stale for path in rib.candidates(parse_prefix(prefix))]


async def up(
    fabric: EphemeralFabric, sink: RecordingSink, *prefixes: str, times: int = 1, **options: Any
) -> Router:
    router = Router(A, 65_001, **{"graceful_restart": OFFER, **options})
    await router.connect(fabric)
    await sink.until_up("rsp-a", times)
    await router.until_established()
    router.announce(*prefixes)
    for prefix in prefixes:
        await sink.until_winner(prefix, "rsp-a")
    return router


async def test_routes_survive_a_restart_and_what_is_not_sent_again_goes_at_end_of_rib(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec())
    router = await up(fabric, sink, P1, P2)
    router.cut()
    await sink.until_down("rsp-a")
    assert stale(speaker) == [True]
    deltas = len(sink.deltas)
    again = await up(fabric, sink, P1, times=2, graceful_restart=BACK)
    assert sink.winner(P2) == "rsp-a"
    again.end_of_rib(V4, V6)
    await sink.until_winner(P2, None)
    assert stale(speaker) == [False]
    withdrawn = [
        p for _, delta in sink.deltas[deltas:] for p, path in delta.items() if path is None
    ]
    assert withdrawn == [parse_prefix(P2)]


async def test_a_peer_that_comes_back_without_its_forwarding_state_starts_anew(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec())
    router = await up(fabric, sink, P1)
    router.cut()
    await sink.until_down("rsp-a")
    await up(fabric, sink, times=2)
    await sink.until_winner(P1, None)


async def test_a_new_connection_replaces_a_session_whose_end_nobody_told(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """RFC 4724 §5."""
    await speaker.converge(spec())
    old = await up(fabric, sink, P1)
    await up(fabric, sink, times=2, graceful_restart=BACK)
    await old.until_gone()
    assert sink.winner(P1) == "rsp-a"
    assert stale(speaker) == [True]
    assert [change[:2] for change in sink.sessions] == [
        ("rsp-a", True),
        ("rsp-a", False),
        ("rsp-a", True),
    ]


async def test_a_notification_is_survived_too_and_a_hard_reset_is_not(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """RFC 8538."""
    await speaker.converge(spec())
    router = await up(fabric, sink, P1)
    assert router.connection is not None
    router.connection.stop(cease.INTERNAL_ERROR, "a reset")
    await sink.until_down("rsp-a")
    assert stale(speaker) == [True]
    again = await up(fabric, sink, P1, times=2, graceful_restart=BACK)
    assert again.connection is not None
    again.connection.stop(cease.ADMINISTRATIVE_SHUTDOWN, "for good")
    await sink.until_winner(P1, None)


@pytest.mark.parametrize("independent", [False, True])
async def test_bfd_failure_keeps_nothing(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric, independent: bool
) -> None:
    await speaker.converge(spec())
    await up(fabric, sink, P1)
    speaker.bfd_down("rsp-a", independent=independent)
    await sink.until_winner(P1, None)


async def test_bfd_failure_during_a_restart_counts_only_when_bfd_is_independent(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """RFC 5882 §4.3."""
    await speaker.converge(spec())
    router = await up(fabric, sink, P1)
    router.cut()
    await sink.until_down("rsp-a")
    speaker.bfd_down("rsp-a")
    assert stale(speaker) == [True]
    speaker.bfd_down("rsp-a", independent=True)
    await sink.until_winner(P1, None)


async def test_without_the_setting_nothing_is_offered_and_nothing_kept(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    router = await up(fabric, sink, P1)
    [established] = router.happened(Established)
    assert established.graceful_restart is None
    router.cut()
    await sink.until_winner(P1, None)


async def test_an_endpoint_sends_end_of_rib_and_offers_what_is_set(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(restart_time_s=33, long_lived_stale_time_s=44))
    router = await up(fabric, sink)
    await router.until(lambda: len(router.happened(EndOfRib)) == 2)
    [established] = router.happened(Established)
    assert established.graceful_restart is not None
    assert established.graceful_restart.restart_time_s == 33
    assert not established.graceful_restart.restarting
    assert any(isinstance(c, LongLivedGracefulRestart) for c in established.peer_capabilities)


@pytest.fixture
async def restarted(sink: RecordingSink, fabric: EphemeralFabric) -> AsyncIterator[Speaker]:
    made = Speaker(
        listen=fabric.listen,
        port=0,
        clock=time.monotonic,
        sink=sink,
        timers=Timers(restart_window_s=1000, selection_deferral_s=1000),
    )
    yield made
    await made.close()


async def test_a_restarted_speaker_decides_nothing_until_its_peers_are_complete(
    restarted: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await restarted.converge(spec())
    other = Router(B, 65_001)
    await other.connect(fabric)
    await sink.until_up("rsp-b")
    other.announce(P2)
    router = Router(A, 65_001, graceful_restart=OFFER)
    await router.connect(fabric)
    await router.until_established()
    [established] = router.happened(Established)
    assert established.graceful_restart is not None
    assert established.graceful_restart.restarting
    assert established.graceful_restart.forwarding == (V4, V6)
    router.announce(P1)
    rib = restarted.rib("rs-1")
    assert rib is not None
    router.end_of_rib(V4)
    await router.until(lambda: len(router.happened(EndOfRib)) == 2)
    assert sink.deltas == []
    router.end_of_rib(V6)
    await sink.until_winner(P1, "rsp-a")
    await sink.until_winner(P2, "rsp-b")


async def test_a_restarted_speaker_with_nobody_to_wait_for_decides_at_once(
    restarted: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await restarted.converge(route_server(peer("rsp-a", A)))
    await up(fabric, sink, P1)


async def test_over_its_limit_a_peer_keeps_nothing(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(max_prefixes=1, max_prefixes_action=LimitAction.RESTART))
    router = await up(fabric, sink, P1)
    router.announce(P2)
    notification = await router.until_notified()
    assert notification.subcode == Cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED
    await sink.until_winner(P1, None)


async def test_a_peer_that_is_given_up_is_held_when_routes_persist(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """Graceful restart first, persistence when that is over; the clock is the test's."""
    now = 1000.0
    speaker = Speaker(listen=fabric.listen, port=0, clock=lambda: now, sink=sink)
    kept = peer("rsp-a", A, graceful_restart=True, hold_time_s=0, stale_time_s=5)
    await speaker.converge(route_server(kept, persist=True))
    router = await up(fabric, sink, P1)
    router.cut()
    await sink.until_down("rsp-a")
    assert stale(speaker) == [True]
    assert not speaker.are_routes_persisted("rs-1")
    now += 5
    [running] = speaker._running.values()
    running.owner._on_timer()
    assert speaker.are_routes_persisted("rs-1")
    assert stale(speaker) == [True]
    await speaker.close()


async def test_other_bounds_apply_to_the_session_that_is_up(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    now = 1000.0
    speaker = Speaker(listen=fabric.listen, port=0, clock=lambda: now, sink=sink)
    await speaker.converge(route_server(peer("rsp-a", A, graceful_restart=True, hold_time_s=0)))
    router = await up(fabric, sink, P1)
    await speaker.converge(
        route_server(peer("rsp-a", A, graceful_restart=True, hold_time_s=0, stale_time_s=1))
    )
    router.cut()
    await sink.until_down("rsp-a")
    now += 1
    [running] = speaker._running.values()
    running.owner._on_timer()
    await sink.until_winner(P1, None)
    assert len(sink.sessions) == 2
    await speaker.close()
