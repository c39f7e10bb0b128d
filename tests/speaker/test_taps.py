"""Listening in on a peer: whole sessions, running ones, and through changes of configuration."""

from __future__ import annotations

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import EndOfRib, Established, Event, RoutesReceived, SessionClosed
from routeserver.bgp.session import SessionConfig
from routeserver.net.prefix import Family
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.taps import Joined
from tests.speaker.support import (
    A,
    EphemeralFabric,
    RecordingSink,
    Router,
    Waker,
    peer,
    route_server,
)


class RememberingTap(Waker):
    def __init__(self, joined: Joined | None) -> None:
        super().__init__()
        self.joined = joined
        self.facts: list[str] = []
        self.events: list[type[Event]] = []
        self.octets = 0

    def told(
        self,
        fact: str,
        now: float,  # noqa: ARG002
        data: bytes = b"",  # noqa: ARG002
        notification: Notification | None = None,  # noqa: ARG002
        reason: str = "",  # noqa: ARG002
    ) -> None:
        self.facts.append(fact)

    def decided(self, event: Event) -> None:
        self.events.append(type(event))
        self.wake()

    def said(self, data: bytes) -> None:
        self.octets += len(data)

    async def until(self, kind: type[Event]) -> None:  # type: ignore[override]
        await super().until(lambda: kind in self.events)


class RememberingTaps:
    def __init__(self) -> None:
        self.made: list[RememberingTap] = []

    def session(
        self,
        config: SessionConfig,  # noqa: ARG002
        joined: Joined | None,
    ) -> RememberingTap:
        self.made.append(RememberingTap(joined))
        return self.made[-1]


async def test_a_whole_session_is_shown_from_its_first_octet_to_its_end(
    speaker: Speaker, fabric: EphemeralFabric, sink: RecordingSink
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    taps = RememberingTaps()
    speaker.listen_in("rsp-a", taps)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    router.announce("10.1.0.0/16")
    [tap] = taps.made
    await tap.until(RoutesReceived)
    router.cut()
    await tap.until(SessionClosed)
    assert tap.joined is None
    assert tap.events == [Established, RoutesReceived, SessionClosed]
    assert (tap.facts[0], tap.facts[-1]) == ("opened", "lost")
    assert tap.octets > 19


async def test_a_running_session_is_joined_and_left(
    speaker: Speaker, fabric: EphemeralFabric, sink: RecordingSink
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    await router.until_established()
    taps = RememberingTaps()
    speaker.listen_in("rsp-a", taps)
    [tap] = taps.made
    assert tap.joined is not None
    assert tap.joined.established.peer_asn == 65_001
    router.announce("10.1.0.0/16")
    await tap.until(RoutesReceived)
    speaker.listen_in("rsp-a", None)
    router.announce("10.2.0.0/16")
    await sink.until_winner("10.2.0.0/16", "rsp-a")
    assert tap.events == [RoutesReceived]


async def test_whoever_listens_keeps_listening_when_the_peer_is_made_anew(
    speaker: Speaker, fabric: EphemeralFabric, sink: RecordingSink
) -> None:
    taps = RememberingTaps()
    speaker.listen_in("rsp-a", taps)  # before there is such a peer
    await speaker.converge(route_server(peer("rsp-a", A, 65_001)))
    first = Router(A, 65_001)
    await first.connect(fabric)
    await sink.until_up("rsp-a")
    await speaker.converge(route_server(peer("rsp-a", A, 65_002)))
    await first.until_gone()
    second = Router(A, 65_002)
    await second.connect(fabric)
    await sink.until_up("rsp-a", times=2)
    assert [tap.events[0] for tap in taps.made] == [Established, Established]
    assert taps.made[0].facts[-1] == "stop"


async def test_a_session_without_a_listener_has_no_tap(
    speaker: Speaker, fabric: EphemeralFabric, sink: RecordingSink
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    router = Router(A, 65_001)
    await router.connect(fabric)
    await router.until_established()
    assert router.connection is not None
    assert router.connection.tap is None
    router.connection.session.send_end_of_rib(Family.IPV4)
    router.connection.send()
    assert EndOfRib not in [type(event) for event in router.events]
