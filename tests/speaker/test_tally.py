"""What the speaker counts, by who is at fault and how."""

from __future__ import annotations

from ipaddress import IPv4Address

from routeserver.bgp.errors import Cease, ErrorCode, cease
from routeserver.bgp.events import SessionClosed
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import parse_prefix
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.tally import PeerTally, ending_of
from tests.speaker.support import (
    SERVER_ASN,
    A,
    B,
    EphemeralFabric,
    RecordingSink,
    Router,
    peer,
    route_server,
)


def closed(**ends: object) -> SessionClosed:
    values = {"reason": "x", "sent": None, "received": None, "was_established": True} | ends
    return SessionClosed(**values)  # type: ignore[arg-type]


def test_who_ended_a_session_and_with_what() -> None:
    shutdown = cease(Cease.ADMINISTRATIVE_SHUTDOWN)
    code, subcode = int(ErrorCode.CEASE), int(Cease.ADMINISTRATIVE_SHUTDOWN)
    assert ending_of(closed(sent=shutdown)) == ("sent", code, subcode)
    assert ending_of(closed(received=shutdown)) == ("received", code, subcode)
    assert ending_of(closed()) == ("lost", 0, 0)


def test_only_sessions_that_were_established_count() -> None:
    tally = PeerTally()
    tally.closed(closed(was_established=False))
    assert not tally.endings
    tally.closed(closed())
    tally.closed(closed())
    assert tally.endings == {("lost", 0, 0): 2}


async def test_a_speaker_counts_by_peer_and_endpoint(
    speaker: Speaker, fabric: EphemeralFabric, sink: RecordingSink
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    # An AS that is already in the path: the routes are refused, the session lives.
    loop = (AsSegment(SegmentKind.AS_SEQUENCE, (65_001, SERVER_ASN)),)
    assert router.connection is not None
    router.connection.session.announce(
        PathAttributes(Origin.IGP, loop, IPv4Address(A)), [parse_prefix("10.1.0.0/16")]
    )
    router.announce("10.2.0.0/16")
    await sink.until_winner("10.2.0.0/16", "rsp-a")
    tally = speaker.tally("rsp-a")
    assert tally is not None
    assert tally.ignored == {"refuse": 1}

    stranger = Router(B, 65_002)
    await stranger.connect(fabric)
    await stranger.until_gone()
    assert speaker.refused() == {"rse-1": {"unknown peer": 1}}

    router.cut()
    await sink.until_down("rsp-a")
    assert tally.endings == {("lost", 0, 0): 1}
    assert speaker.tally("rsp-unknown") is None
