"""What a session did, recorded, and the same again through the pure core."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from routeserver.bgp.errors import Cease, cease
from routeserver.bgp.events import Established, Event, SessionClosed
from routeserver.bgp.graceful_restart import GracefulRestartOffer, LongLivedOffer
from routeserver.bgp.messages import RouteRefresh
from routeserver.bgp.session import Session, SessionConfig
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import Family, parse_prefix
from routeserver.observe import record_format
from routeserver.observe.recorder import Recorder, Recording
from routeserver.observe.replay import Outcome, RecordError, replay
from routeserver.speaker.taps import Joined

SERVER = SessionConfig(
    65_000, IPv4Address("10.0.0.1"), 65_001, local_address=IPv4Address("10.0.0.1")
)
ROUTER = SessionConfig(65_001, IPv4Address("10.0.0.9"), 65_000)
ATTRIBUTES = PathAttributes(
    Origin.IGP, (AsSegment(SegmentKind.AS_SEQUENCE, (65_001,)),), IPv4Address("10.0.0.9")
)


class Tapped:
    """A session whose shell shows everything to a tap, as `speaker.connection` does."""

    def __init__(self, recording: Recording, config: SessionConfig = SERVER) -> None:
        self.recording = recording
        self.config = config
        self.session = Session(config)
        self.tap: Any = None
        self.established: Established | None = None
        self.now = 1000.25

    def join(self) -> None:
        joined = None
        if self.established is not None:
            joined = Joined(self.established, self.session.heard_at, self.session.so_far)
        self.tap = self.recording.session(self.config, joined)

    def do(
        self, fact: str, act: Callable[[float], Sequence[Event]], data: bytes = b"", **more: Any
    ) -> bytes:
        self.now += 0.1
        if self.tap is not None:
            self.tap.told(fact, self.now, data, **more)
        for event in act(self.now):
            if isinstance(event, Established):
                self.established = event
            if self.tap is not None:
                self.tap.decided(event)
        sent = self.session.data_to_send()
        if sent and self.tap is not None:
            self.tap.said(sent)
        return sent

    def receive(self, data: bytes) -> bytes:
        return self.do("bytes", lambda now: self.session.receive(data, now), data)


class Life:
    """A session with a router, from its beginning to a Cease."""

    def __init__(
        self, recording: Recording, server: SessionConfig = SERVER, router: SessionConfig = ROUTER
    ) -> None:
        self.server = Tapped(recording, server)
        self.router = Session(router)

    def begin(self) -> None:
        server, router = self.server, self.router
        router.connection_opened(0.0)
        router.receive(server.do("opened", server.session.connection_opened), 0.0)
        answer = server.receive(router.data_to_send())
        router.receive(answer, 0.0)
        server.receive(router.data_to_send())

    def announce(self, *prefixes: str) -> bytes:
        self.router.announce(ATTRIBUTES, [parse_prefix(prefix) for prefix in prefixes])
        return self.router.data_to_send()

    def end(self) -> None:
        notification, reason = cease(Cease.ADMINISTRATIVE_SHUTDOWN), "done"
        self.server.do(
            "stop",
            lambda now: self.server.session.stop(notification, reason, now),
            notification=notification,
            reason=reason,
        )


def recorded(recording: Recording) -> list[str]:
    recording.close()

    async def read() -> bytes:
        return b"".join([lines async for lines in recording.lines()])

    return asyncio.run(read()).decode().splitlines()


@pytest.fixture
def recording() -> Recording:
    return Recording("rsp-1", lambda: 1_700_000_000.0)


def whole_life(recording: Recording) -> list[str]:
    life = Life(recording)
    life.server.join()
    life.begin()
    octets = life.announce("10.1.0.0/16", "10.2.0.0/16")
    life.server.receive(octets[:30])
    life.server.receive(octets[30:] + b"\xff" * 3)
    life.end()
    return recorded(recording)


def test_a_recorded_session_replays_without_a_difference(recording: Recording) -> None:
    outcome = replay(whole_life(recording))
    assert outcome.difference is None
    assert (outcome.sessions, outcome.inputs) == (1, 6)
    assert outcome.events >= 3
    assert (outcome.routes, outcome.fib_routes) == (0, 0)


def test_the_routes_of_a_session_that_lives_are_there_at_the_end(recording: Recording) -> None:
    life = Life(recording)
    life.server.join()
    life.begin()
    life.server.receive(life.announce("10.1.0.0/16", "10.2.0.0/16"))
    outcome = replay(recorded(recording))
    assert (outcome.difference, outcome.routes, outcome.fib_routes) == (None, 2, 2)


def test_many_prefixes_are_a_count_and_a_digest(recording: Recording) -> None:
    life = Life(recording)
    life.server.join()
    life.begin()
    life.server.receive(life.announce(*(f"10.{n}.0.0/16" for n in range(200))))
    lines = recorded(recording)
    [routes] = [json.loads(line)["event"] for line in lines if '"RoutesReceived"' in line]
    [run] = routes["batch"]["runs"]
    assert (run["count"], "prefixes" in run, len(run["sha256"])) == (200, False, 64)
    outcome = replay(lines)
    assert (outcome.difference, outcome.routes) == (None, 200)
    moved = [line.replace("100ac7", "100ac8") for line in lines]
    assert moved != lines
    assert replay(moved).difference is not None


def test_a_record_may_begin_in_the_middle_of_a_session_and_of_a_message(
    recording: Recording,
) -> None:
    life = Life(recording)
    life.begin()
    octets = life.announce("10.1.0.0/16")
    life.server.receive(octets[:25])
    life.server.join()
    life.server.receive(octets[25:])
    life.end()
    lines = recorded(recording)
    kinds = [json.loads(line)["event"]["kind"] for line in lines if '"decided"' in line]
    assert kinds == ["RoutesReceived", "SessionClosed"]
    outcome = replay(lines)
    assert (outcome.difference, outcome.events) == (None, 2)


def test_a_session_that_was_joined_ends_at_the_same_moment(recording: Recording) -> None:
    life = Life(recording)
    life.begin()
    life.server.now += 15
    life.server.join()
    life.server.do("timer", life.server.session.handle_timer)
    life.server.now += 15
    life.server.do("timer", life.server.session.handle_timer)
    lines = recorded(recording)
    assert "hold timer expired" in lines[-2]
    outcome = replay(lines)
    assert (outcome.difference, outcome.events) == (None, 1)


@pytest.mark.parametrize("heard", [True, False])
def test_a_session_that_was_joined_knows_what_it_had_heard(
    recording: Recording, *, heard: bool
) -> None:
    """Marks of a refresh mean nothing before the End-of-RIB, and an end nothing without its
    beginning."""
    offer = GracefulRestartOffer(families=(Family.IPV4, Family.IPV6))
    server, router = (
        replace(each, graceful_restart=offer, enhanced_refresh=True) for each in (SERVER, ROUTER)
    )
    life = Life(recording, server, router)
    life.begin()
    if heard:
        life.router.send_end_of_rib(Family.IPV4)
        life.router.begin_refresh(Family.IPV4)
    life.server.receive(life.router.data_to_send())
    life.server.join()
    marks = [RouteRefresh(1, 1, kind).encode() for kind in (2, 1)]
    life.server.receive(b"".join(marks))
    lines = recorded(recording)
    assert ("RefreshEnded" in "".join(lines)) == heard
    outcome = replay(lines)
    assert (outcome.difference, outcome.events) == (None, 2)


def changed(lines: list[str], kind: str, change: Callable[[dict[str, Any]], None]) -> Outcome:
    """Replayed after one event of the record was changed."""
    out = []
    for text in lines:
        line = json.loads(text)
        if line.get("event", {}).get("kind") == kind:
            change(line["event"])
        out.append(json.dumps(line))
    return replay(out)


def test_the_first_difference_is_shown_with_both_sides(recording: Recording) -> None:
    lines = whole_life(recording)
    outcome = changed(lines, "SessionClosed", lambda event: event.update(reason="another"))
    difference = outcome.difference
    assert difference is not None
    assert difference.recorded is not None
    assert difference.replayed is not None
    assert (difference.recorded["reason"], difference.replayed["reason"]) == ("another", "done")
    assert json.loads(lines[difference.line - 1])["event"]["kind"] == "SessionClosed"


def test_an_event_that_is_missing_or_too_much_is_a_difference(recording: Recording) -> None:
    lines = whole_life(recording)
    up = next(n for n, line in enumerate(lines) if '"Established"' in line)
    missing = replay(lines[:up] + lines[up + 1 :]).difference
    assert missing is not None
    assert missing.recorded is None
    assert missing.replayed is not None
    assert missing.replayed["kind"] == "Established"
    routes = next(n for n, line in enumerate(lines) if '"RoutesReceived"' in line)
    twice = replay(lines[: routes + 1] + lines[routes:]).difference
    assert twice is not None
    assert (twice.line, twice.replayed) == (routes + 2, None)


def test_a_flipped_octet_is_noticed(recording: Recording) -> None:
    lines = whole_life(recording)
    flipped = [line.replace("180a01", "180a07") for line in lines]  # 10.1.0.0/16's length is 16
    if flipped == lines:
        flipped = [line.replace("100a01", "100a07") for line in lines]
    assert flipped != lines
    assert replay(flipped).difference is not None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["{"], "line 1 is no JSON"),
        (["[]"], "line 1 is no line of a record"),
        (['{"kind": "song"}'], "line 1 is of the unknown kind 'song'"),
        (['{"kind": "told", "session": 1}'], "line 1 is no line of a record"),
        (['{"kind": "dropped", "lines": 7}'], "line 1: 7 lines are missing here"),
        (['{"kind": "session", "version": 9}'], "format 9, this version reads 1"),
    ],
)
def test_what_is_no_record_is_refused_with_the_line(lines: list[str], said: str) -> None:
    with pytest.raises(RecordError, match=said):
        replay(lines)


def test_a_slow_reader_loses_lines_and_is_told_how_many() -> None:
    recording = Recording("rsp-1", lambda: 0.0, max_waiting_octets=2000)
    life = Life(recording)
    life.server.join()
    life.begin()
    for _ in range(50):
        life.server.receive(life.announce("10.1.0.0/16"))
    lines = [json.loads(line) for line in recorded(recording)]
    assert sum(len(json.dumps(line)) for line in lines) < 4000
    assert lines[-1]["kind"] == "dropped"
    assert lines[-1]["lines"] > 50


async def test_a_reader_that_caught_up_gets_new_lines_again() -> None:
    recording = Recording("rsp-1", lambda: 0.0, max_waiting_octets=500)
    lines = recording.lines()
    for number in range(100):
        recording.write({"kind": "said", "number": number})
    await anext(lines)
    recording.write({"kind": "said", "number": 100})
    found = [json.loads(line) for line in (await anext(lines)).splitlines()]
    assert [line["kind"] for line in found] == ["dropped", "said"]
    recording.close()
    assert [each async for each in lines] == []


def test_an_event_that_cannot_be_written_ends_the_recording_and_nothing_else(
    recording: Recording,
) -> None:
    tap = recording.session(SERVER, None)
    tap.decided(SessionClosed(object(), None, None, was_established=False))  # type: ignore[arg-type]
    tap.said(b"x")
    assert len(recorded(recording)) == 1


def test_one_recording_of_a_peer_at_a_time() -> None:
    recorder = Recorder(lambda: 0.0)
    first = recorder.begin("rsp-1")
    assert first is not None
    assert recorder.begin("rsp-1") is None
    assert recorder.begin("rsp-2") is not None
    recorder.end(first)
    assert recorder.begin("rsp-1") is not None
    recorder.close()


def test_a_configuration_survives_the_record() -> None:
    config = SessionConfig(
        65_000,
        IPv4Address("10.0.0.1"),
        65_001,
        keepalive_s=3,
        extended_messages=True,
        graceful_restart=GracefulRestartOffer(90, families=(Family.IPV6,)),
        long_lived=LongLivedOffer(((Family.IPV4, 7), (Family.IPV6, 8))),
    )
    written = json.loads(json.dumps(record_format.encode(config)))
    assert record_format.decode_config(written) == config
