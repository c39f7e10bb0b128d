"""Peer settings at work over real TCP: limits, import rules, waiting for BFD, flapping, MD5, GTSM,
and what changing them does to a session that is up."""

from __future__ import annotations

import asyncio
import socket
import time
from functools import partial
from ipaddress import IPv4Address
from typing import Any

import pytest
from structlog.testing import capture_logs

from routeserver.bgp.errors import Cease, ErrorCode, Notification, cease, encapsulated
from routeserver.bgp.events import RefreshRequested
from routeserver.bgp.graceful_restart import GracefulRestartOffer
from routeserver.net.as_path_pattern import parse_as_path_pattern
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.peering import ImportAction, ImportRule, LimitAction
from routeserver.net.prefix import Family, parse_prefix
from routeserver.speaker import tcp
from routeserver.speaker.log_limit import BURST
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import RouteServerSpec
from routeserver.speaker.tcp import set_md5, set_ttl, set_ttl_security
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

P1, P2, P3 = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"
NOTIFICATION = 3
NOTHING = ImportRule("nothing", ImportAction.REJECT)


def spec(**settings: Any) -> dict[str, RouteServerSpec]:
    return route_server(peer("rsp-a", A, **settings), peer("rsp-b", B))


async def up(
    fabric: EphemeralFabric, sink: RecordingSink, *, times: int = 1, **options: Any
) -> Router:
    router = Router(A, 65_001, **options)
    await router.connect(fabric)
    await sink.until_up("rsp-a", times)
    await router.until_established()
    return router


async def refused(fabric: EphemeralFabric) -> Notification:
    router = Router(A, 65_001)
    await router.connect(fabric)
    return await router.until_notified()


def counted(speaker: Speaker) -> int:
    rib = speaker.rib("rs-1")
    assert rib is not None
    return rib.counts.rib_routes


# --- limits ---------------------------------------------------------------------------------------


async def test_too_many_prefixes_end_the_session_and_the_peer_waits(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(max_prefixes=2, max_prefixes_action=LimitAction.RESTART))
    router = await up(fabric, sink)
    router.announce(P1, P2)
    await sink.until_winner(P2, "rsp-a")
    router.announce(P3)
    notification = await router.until_notified()
    assert notification.code == ErrorCode.CEASE
    assert notification.subcode == Cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED
    await sink.until_winner(P1, None)
    assert (await refused(fabric)).subcode == Cease.CONNECTION_REJECTED
    # With other settings it gets another chance.
    await speaker.converge(spec(max_prefixes=3, max_prefixes_action=LimitAction.RESTART))
    await up(fabric, sink, times=2)


async def test_a_limit_that_is_lowered_holds_for_what_is_there_already(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec())
    router = await up(fabric, sink)
    router.announce(P1, P2)
    await sink.until_winner(P2, "rsp-a")
    await speaker.converge(spec(max_prefixes=1, max_prefixes_action=LimitAction.RESTART))
    notification = await router.until_notified()
    assert notification.subcode == Cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED


async def test_a_warning_is_only_that(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(
        spec(max_prefixes=2, max_prefixes_action=LimitAction.WARN, max_prefixes_warn_percent=50)
    )
    router = await up(fabric, sink)
    with capture_logs() as logs:
        for prefix in (P1, P2, P3):
            router.announce(prefix)
            await sink.until_winner(prefix, "rsp-a")
    warned = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert warned == ["routes_near_limit", "routes_over_limit"]
    tally = speaker.tally("rsp-a")
    assert tally is not None
    assert tally.warnings == dict.fromkeys(warned, 1)
    assert counted(speaker) == 3


async def test_attributes_beyond_their_memory_end_the_session(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(max_attribute_octets=70))
    router = await up(fabric, sink)
    router.announce(P1, med=1)
    await sink.until_winner(P1, "rsp-a")
    for med in range(2, 9):
        # One set after the other is no more memory than one.
        router.announce(P1, med=med)
        await sink.until(partial(_has_med, sink, med))
    router.announce(P2, med=9)
    await sink.until_winner(P2, "rsp-a")
    router.announce(P3, med=10)
    notification = await router.until_notified()
    assert notification.subcode == Cease.OUT_OF_RESOURCES


def _has_med(sink: RecordingSink, med: int) -> bool:
    path = sink.fibs["rs-1"].get(parse_prefix(P1))
    return path is not None and path.attributes.med == med


# --- import rules ---------------------------------------------------------------------------------


async def test_import_rules_choose_what_is_used(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    mine = ImportRule(
        "mine",
        ImportAction.ACCEPT,
        as_paths=(parse_as_path_pattern("^65001$"),),
        set_preference=300,
    )
    await speaker.converge(
        route_server(peer("rsp-a", A), peer("rsp-b", B, asn=65_001, import_rules=(mine,)))
    )
    a, b = Router(A, 65_001), Router(B, 65_001)
    for router in (a, b):
        await router.connect(fabric)
        await router.until_established()
    a.announce(P1, med=1)
    await sink.until_winner(P1, "rsp-a")
    b.announce(P1, med=9)
    await sink.until_winner(P1, "rsp-b")


async def test_new_rules_reach_the_routes_that_are_there_and_nobody_is_asked(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec())
    router = await up(fabric, sink, offer_capabilities=False)
    router.announce(P1, med=7)
    await sink.until_winner(P1, "rsp-a")
    await speaker.converge(spec(import_rules=(NOTHING,)))
    await sink.until_winner(P1, None)
    rib = speaker.rib("rs-1")
    assert rib is not None
    [path] = rib.rejected(parse_prefix(P1))
    assert path.rejected == "Rejected by the import rule 'nothing'."
    await speaker.converge(spec(import_rules=(ImportRule("med", set_med=3),)))
    await sink.until(lambda: _has_med(sink, 3))
    await speaker.converge(spec())
    await sink.until(lambda: _has_med(sink, 7))
    assert len(sink.sessions) == 1
    assert not router.happened(RefreshRequested)


async def test_new_rules_hold_for_routes_of_a_peer_that_is_away(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    settings = {"graceful_restart": True}
    await speaker.converge(spec(**settings))
    keeps = GracefulRestartOffer(restart_time_s=100, families=(Family.IPV4,))
    router = await up(fabric, sink, graceful_restart=keeps)
    router.announce(P1)
    await sink.until_winner(P1, "rsp-a")
    router.cut()
    await sink.until_down("rsp-a")
    assert sink.winner(P1) == "rsp-a"
    await speaker.converge(spec(import_rules=(NOTHING,), **settings))
    await sink.until_winner(P1, None)
    await speaker.converge(spec(**settings))
    await sink.until_winner(P1, "rsp-a")


async def _discarding(speaker: Speaker, sink: RecordingSink, router: Router) -> None:
    router.announce(P1, P2)
    await sink.until_winner(P1, "rsp-a")
    await sink.until(lambda: counted(speaker) == 1)


async def test_routes_that_a_limit_kept_out_are_asked_for_again(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(max_prefixes=1))
    router = await up(fabric, sink)
    await _discarding(speaker, sink, router)
    await speaker.converge(spec(max_prefixes=1, max_prefixes_action=LimitAction.WARN))
    assert speaker.refresh_asked_at("rsp-a") is not None
    await router.until(lambda: len(router.happened(RefreshRequested)) == 2)
    router.announce(P1, P2)
    await sink.until_winner(P2, "rsp-a")
    assert speaker.refresh_asked_at("rsp-a") is None
    assert len(sink.sessions) == 1


async def test_nobody_is_asked_for_routes_that_no_limit_kept_out(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(max_prefixes=2))
    router = await up(fabric, sink)
    router.announce(P1)
    await sink.until_winner(P1, "rsp-a")
    await speaker.converge(spec(max_prefixes=3))
    assert speaker.refresh_asked_at("rsp-a") is None


async def test_an_operator_has_routes_sent_again(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(enhanced_refresh=True))
    assert speaker.refresh("rsp-x") == "it is not served yet"
    assert speaker.refresh("rsp-a") == "it has no session"
    router = await up(fabric, sink, enhanced_refresh=True)
    router.announce(P1)
    await sink.until_winner(P1, "rsp-a")
    assert speaker.refresh("rsp-a") is None
    await router.until(lambda: len(router.happened(RefreshRequested)) == 2)
    router.announce(P2)
    await sink.until_winner(P2, "rsp-a")
    # Where a beginning was agreed on, other routes are no answer.
    assert speaker.refresh_asked_at("rsp-a") is not None
    assert router.connection is not None
    router.connection.session.begin_refresh(Family.IPV4)
    router.announce(P1)
    router.connection.session.end_refresh(Family.IPV4)
    router.connection.send()
    await sink.until_winner(P2, None)
    assert speaker.refresh_asked_at("rsp-a") is None


async def test_an_operator_resets_a_session_and_says_why(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec())
    assert speaker.reset("rsp-a", "x") == "it has no session"
    router = await up(fabric, sink, offer_capabilities=False)
    assert speaker.refresh("rsp-a") == (
        "it does not offer route refresh; a reset brings its routes again"
    )
    assert speaker.reset("rsp-a", "rack 7 moves") is None
    notification = await router.until_notified()
    assert notification == cease(Cease.ADMINISTRATIVE_RESET, "rack 7 moves")
    router = await up(fabric, sink, times=2)
    assert speaker.reset("rsp-a", "for good", hard=True) is None
    notification = await router.until_notified()
    assert encapsulated(notification) == cease(Cease.ADMINISTRATIVE_RESET, "for good")


@pytest.mark.parametrize("offers_refresh", [True, False])
async def test_a_peer_that_sends_none_of_them_is_restarted(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric, *, offers_refresh: bool
) -> None:
    """OpenBGPD negotiates route refresh and does nothing on being asked."""
    await speaker.converge(spec(max_prefixes=1, refresh_wait_s=1))
    router = await up(fabric, sink, offer_capabilities=offers_refresh)
    await _discarding(speaker, sink, router)
    with capture_logs() as logs:
        await speaker.converge(spec(max_prefixes=2, refresh_wait_s=1))
        notification = await router.until_notified()
    assert notification.subcode == Cease.OTHER_CONFIGURATION_CHANGE
    said = [log["reason"] for log in logs if log["event"] == "refresh_unanswered"]
    silent = "the peer was asked for its routes again and has sent none for 1 s"
    assert said == [f"{silent}, though it offers route refresh"] * offers_refresh


# --- what a change does ---------------------------------------------------------------------------


async def test_a_change_of_what_an_open_says_restarts_the_session_and_no_other(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec())
    router = await up(fabric, sink)
    other = Router(B, 65_001)
    await other.connect(fabric)
    await sink.until_up("rsp-b")
    await speaker.converge(spec(hold_time_s=9))
    assert (await router.until_notified()).subcode == Cease.OTHER_CONFIGURATION_CHANGE
    assert speaker.is_established("rsp-b")
    await up(fabric, sink, times=2)
    negotiated = speaker.negotiated("rsp-a")
    assert negotiated is not None
    assert negotiated.hold_time_s == 9


async def test_a_change_that_applies_live_restarts_nothing(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec())
    await up(fabric, sink)
    await speaker.converge(
        spec(idle_hold_s=5, stale_time_s=9, bfd_multiplier=4, max_attribute_octets=None)
    )
    assert speaker.is_established("rsp-a")
    assert len(sink.sessions) == 1


# --- who gets no session --------------------------------------------------------------------------


async def test_bgp_waits_for_bfd_where_that_is_set(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    waiting = route_server(peer("rsp-a", A, bfd=True, bgp_waits_for_bfd=True))
    await speaker.converge(waiting)
    assert (await refused(fabric)).subcode == Cease.BFD_DOWN
    speaker.bfd_up("rsp-a")
    router = await up(fabric, sink)
    speaker.bfd_down("rsp-a")
    assert (await router.until_notified()).subcode == Cease.BFD_DOWN
    await sink.until_down("rsp-a")
    assert (await refused(fabric)).subcode == Cease.BFD_DOWN
    speaker.bfd_up("rsp-a")
    await up(fabric, sink, times=2)


async def test_bgp_does_not_wait_for_a_peer_that_has_taken_bfd_down_itself(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A, bfd=True, bgp_waits_for_bfd=True)))
    speaker.bfd_not_up("rsp-a", admin_down=True)
    router = await up(fabric, sink)
    speaker.bfd_not_up("rsp-a", admin_down=False)  # it starts BFD again
    assert speaker.is_established("rsp-a")
    speaker.bfd_up("rsp-a")
    speaker.bfd_down("rsp-a")
    assert (await router.until_notified()).subcode == Cease.BFD_DOWN
    await sink.until_down("rsp-a")
    assert (await refused(fabric)).subcode == Cease.BFD_DOWN
    speaker.bfd_not_up("rsp-a", admin_down=True)
    await up(fabric, sink, times=2)


async def test_a_peer_that_takes_an_up_bfd_down_keeps_its_session_and_may_have_others(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A, bfd=True, bgp_waits_for_bfd=True)))
    speaker.bfd_up("rsp-a")
    router = await up(fabric, sink)
    speaker.bfd_not_up("rsp-a", admin_down=True)
    assert speaker.is_established("rsp-a")
    router.cut()
    await sink.until_down("rsp-a")
    router = await up(fabric, sink, times=2)
    speaker.bfd_not_up("rsp-a", admin_down=False)
    router.cut()
    await sink.until_down("rsp-a", times=2)
    assert (await refused(fabric)).subcode == Cease.BFD_DOWN


async def test_a_session_that_is_being_opened_waits_for_bfd_when_it_has_to_again(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A, bfd=True, bgp_waits_for_bfd=True)))
    speaker.bfd_not_up("rsp-a", admin_down=True)
    reader, writer = await asyncio.open_connection(
        ENDPOINT, fabric.ports[ENDPOINT], local_addr=(A, 0)
    )
    await reader.readexactly(19)  # of the OPEN: it was let in
    speaker.bfd_not_up("rsp-a", admin_down=False)
    said = await reader.read()
    assert said[-3:] == bytes([NOTIFICATION, ErrorCode.CEASE, Cease.BFD_DOWN])
    assert sink.sessions == []
    speaker.bfd_not_up("rsp-a", admin_down=False)
    speaker.bfd_not_up("rsp-unknown", admin_down=False)
    writer.close()


async def test_without_bfd_nobody_waits_for_it(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A, bgp_waits_for_bfd=True)))
    await up(fabric, sink)


async def test_a_peer_that_keeps_failing_is_refused_for_a_while(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(idle_hold_s=100))
    for times in range(1, 5):
        router = await up(fabric, sink, times=times)
        router.cut()
        await sink.until_down("rsp-a", times)
    assert (await refused(fabric)).subcode == Cease.CONNECTION_REJECTED


async def test_refusals_do_not_fill_the_log(speaker: Speaker, fabric: EphemeralFabric) -> None:
    await speaker.converge(route_server())
    with capture_logs() as logs:
        for _ in range(BURST + 5):
            await refused(fabric)
    events = [entry["event"] for entry in logs if entry["event"] == "bgp_connection_refused"]
    assert len(events) == BURST


# --- MD5 and GTSM ---------------------------------------------------------------------------------


def key(password: str, sock: socket.socket) -> None:
    set_md5(sock, ENDPOINT, password)


async def test_a_session_with_the_right_key_and_none_with_another(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(
        route_server(peer("rsp-a", A, md5_password="right"), peer("rsp-b", B, md5_password="other"))
    )
    wrong, unsigned = Router(B, 65_001, protect=partial(key, "right")), Router(B, 65_001)
    hopeless = [asyncio.create_task(one.connect(fabric)) for one in (wrong, unsigned)]
    router = await up(fabric, sink, protect=partial(key, "right"))
    router.announce(P1)
    await sink.until_winner(P1, "rsp-a")
    assert not any(task.done() for task in hopeless)
    assert not speaker.is_established("rsp-b")
    for task in hopeless:
        task.cancel()
    await asyncio.gather(*hopeless, return_exceptions=True)


async def test_a_key_is_changed_under_a_live_session(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(md5_password="first"))
    router = await up(fabric, sink, protect=partial(key, "first"))
    await speaker.converge(spec(md5_password="second"))
    assert router.connection is not None
    router.connection.set_options(partial(key, "second"))
    router.announce(P1)
    await sink.until_winner(P1, "rsp-a")
    assert len(sink.sessions) == 1
    router.cut()
    await sink.until_down("rsp-a")
    await up(fabric, sink, times=2, protect=partial(key, "second"))


async def test_a_key_that_is_taken_away_is_not_needed_any_more(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(md5_password="first"))
    await speaker.converge(spec())
    await up(fabric, sink)


async def test_without_kernel_support_the_peer_is_refused_and_told_why(
    speaker: Speaker, fabric: EphemeralFabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "TCP_MD5SIG", 250)
    with capture_logs() as logs:
        await speaker.converge(spec(md5_password="key"))
        assert (await refused(fabric)).subcode == Cease.CONNECTION_REJECTED
    reasons = [entry["reason"] for entry in logs if "reason" in entry]
    assert len(reasons) == 2
    assert all("this kernel has no TCP MD5 signatures" in reason for reason in reasons)


async def test_ttl_security_takes_a_neighbour_and_nobody_from_afar(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(
        route_server(peer("rsp-a", A, ttl_security_hops=1), peer("rsp-b", B, ttl_security_hops=1))
    )

    def from_afar(sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 254)

    far = Router(B, 65_001, protect=from_afar)
    hopeless = asyncio.create_task(far.connect(fabric))
    # A neighbour that expects the same of us.
    await up(fabric, sink, protect=partial(set_ttl_security, hops=1))
    assert not speaker.is_established("rsp-b")
    hopeless.cancel()
    await asyncio.gather(hopeless, return_exceptions=True)


async def test_ttl_security_may_allow_more_hops(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(spec(ttl_security_hops=10))

    def nine_hops_away(sock: socket.socket) -> None:
        set_ttl(sock)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 246)

    await up(fabric, sink, protect=nine_hops_away)


async def test_paths_with_a_set_count_as_withdrawn_unless_the_settings_take_them(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """RFC 9774, and what old peers need."""
    path = (AsSegment(SegmentKind.AS_SEQUENCE, (65_001,)), AsSegment(SegmentKind.AS_SET, (1, 2)))
    aggregate = PathAttributes(Origin.IGP, path, IPv4Address(A))

    async def announced(times: int) -> None:
        router = await up(fabric, sink, times=times)
        assert router.connection is not None
        router.connection.session.announce(aggregate, [parse_prefix(P1)])
        router.announce(P2)
        await sink.until_winner(P2, "rsp-a")

    await speaker.converge(spec())
    await announced(1)
    assert sink.winner(P1) is None
    tally = speaker.tally("rsp-a")
    assert tally is not None
    assert tally.ignored == {"treat as withdraw": 1}

    await speaker.converge(spec(accept_as_sets=True))
    await sink.until_down("rsp-a")
    await sink.until_winner(P2, None)
    await announced(2)
    assert sink.winner(P1) == "rsp-a"


async def test_a_peer_that_stops_reading_is_given_up_after_the_send_hold_time(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    """RFC 9687; the clock is the test's, TCP is real."""
    now = time.monotonic()
    speaker = Speaker(listen=fabric.listen, port=0, clock=lambda: now, sink=sink)
    await speaker.converge(spec(send_hold_s=60, hold_time_s=0))
    router = await up(fabric, sink)
    assert router.connection is not None
    router.connection.pause()
    [running] = speaker._running.values()
    [served] = [one for one in running.peers() if one.is_established]
    connection = served._established
    assert connection is not None
    assert connection._transport is not None
    while connection._transport.get_write_buffer_size() == 0:
        connection._transport.write(bytes(60_000))
    connection.send()
    now += 61
    connection._on_timer()
    await sink.until_down("rsp-a")
    assert sink.sessions[-1] == ("rsp-a", False, "send hold timer expired")
    router.cut()
    await speaker.close()
