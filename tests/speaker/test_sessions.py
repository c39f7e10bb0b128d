"""Sessions over real TCP: who gets one, what it brings, and with which words each one ends."""

from __future__ import annotations

import asyncio
import time
from ipaddress import IPv4Address, IPv6Address

from structlog.testing import capture_logs

from routeserver.bgp.errors import Cease, ErrorCode, Notification
from routeserver.bgp.events import Established
from routeserver.net.prefix import parse_prefix
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import Limits
from tests.speaker.support import (
    ENDPOINT,
    SERVER_ASN,
    A,
    B,
    EphemeralFabric,
    RecordingSink,
    Router,
    peer,
    route_server,
)

TWO_PEERS = route_server(peer("rsp-a", A), peer("rsp-b", B))


def cease(notification: Notification) -> Cease:
    assert notification.code == ErrorCode.CEASE
    return Cease(notification.subcode)


async def test_a_configured_peer_gets_a_session_and_the_sink_is_told(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    assert await speaker.converge(TWO_PEERS) == {"rse-1": None}
    router = Router(A, 65_001)
    await router.connect(fabric)
    await router.until_established()
    await sink.until_up("rsp-a")
    assert sink.sessions == [("rsp-a", True, "established")]
    assert speaker.is_established("rsp-a")
    assert not speaker.is_established("rsp-b")
    assert not speaker.is_established("rsp-unknown")


async def test_the_bgp_identifier_of_an_endpoint_is_its_address(
    speaker: Speaker, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await router.until_established()
    [established] = router.happened(Established)
    assert established.peer_router_id == IPv4Address(ENDPOINT)
    assert established.peer_asn == SERVER_ASN


async def test_routes_of_both_families_reach_rib_and_fib(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await router.until_established()
    router.announce("192.0.2.0/24", "2001:db8::/32")
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    await sink.until_winner("2001:db8::/32", "rsp-a")
    rib = speaker.rib("rs-1")
    assert rib is not None
    assert rib.counts.rib_routes == rib.counts.fib_routes == 2
    [path4] = rib.candidates(parse_prefix("192.0.2.0/24"))
    [path6] = rib.candidates(parse_prefix("2001:db8::/32"))
    assert path4.source is path6.source
    assert (path4.source.endpoint_id, path4.source.router_id) == ("rse-1", int(IPv4Address(A)))
    assert path4.attributes.next_hop == IPv4Address(A)
    assert path6.attributes.next_hop == IPv6Address(f"::ffff:{A}")


async def test_the_lower_med_wins_and_the_other_takes_over_when_it_is_withdrawn(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    a, b = Router(A, 65_001), Router(B, 65_001)
    for router, med in ((b, 100), (a, 0)):
        await router.connect(fabric)
        await router.until_established()
        router.announce("192.0.2.0/24", med=med)
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    a.withdraw("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-b")


async def test_a_connection_that_is_cut_takes_its_routes_with_it(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    a, b = Router(A, 65_001), Router(B, 65_001)
    for router, med in ((b, 100), (a, 0)):
        await router.connect(fabric)
        await router.until_established()
        router.announce("192.0.2.0/24", med=med)
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    a.cut()
    await sink.until_winner("192.0.2.0/24", "rsp-b")
    await sink.until_down("rsp-a")
    assert not speaker.is_established("rsp-a")
    again = Router(A, 65_001)
    await again.connect(fabric)
    await again.until_established()
    again.announce("192.0.2.0/24", med=0)
    await sink.until_winner("192.0.2.0/24", "rsp-a")


async def test_a_peer_that_is_removed_hears_peer_de_configured(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    a = Router(A, 65_001)
    await a.connect(fabric)
    await a.until_established()
    a.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    await speaker.converge(route_server(peer("rsp-b", B)))
    assert cease(await a.until_notified()) is Cease.PEER_DE_CONFIGURED
    await sink.until_winner("192.0.2.0/24", None)
    assert sink.sessions[-1] == ("rsp-a", False, sink.sessions[-1][2])
    assert "the peer was removed" in sink.sessions[-1][2]


async def test_a_bfd_failure_ends_the_session_with_bfd_down(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    a = Router(A, 65_001)
    await a.connect(fabric)
    await a.until_established()
    a.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    speaker.bfd_down("rsp-a")
    assert not speaker.is_established("rsp-a")
    assert cease(await a.until_notified()) is Cease.BFD_DOWN
    await sink.until_winner("192.0.2.0/24", None)
    speaker.bfd_down("rsp-a")
    speaker.bfd_down("rsp-unknown")


async def test_an_address_that_is_no_peer_is_refused_with_connection_rejected(
    speaker: Speaker, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    stranger = Router("127.77.9.9", 65_001)
    await stranger.connect(fabric)
    assert cease(await stranger.until_notified()) is Cease.CONNECTION_REJECTED
    await stranger.until_gone()


async def test_a_second_connection_of_an_established_peer_is_the_one_that_goes(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    first, second = Router(A, 65_001), Router(A, 65_001)
    await first.connect(fabric)
    await sink.until_up("rsp-a")
    await second.connect(fabric)
    assert cease(await second.until_notified()) is Cease.CONNECTION_COLLISION_RESOLUTION
    await second.until_gone()
    assert speaker.is_established("rsp-a")
    first.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")


async def test_a_newer_connection_replaces_one_that_is_not_established(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    reader, writer = await asyncio.open_connection(
        ENDPOINT, fabric.ports[ENDPOINT], local_addr=(A, 0)
    )
    await reader.readexactly(19)  # our OPEN is on its way, so the connection is being served
    second = Router(A, 65_001)
    await second.connect(fabric)
    await sink.until_up("rsp-a")
    rest = await reader.read()
    assert rest.endswith(bytes([0, 21, 3, ErrorCode.CEASE, Cease.CONNECTION_COLLISION_RESOLUTION]))
    writer.close()
    assert speaker.is_established("rsp-a")


async def test_a_peer_with_the_wrong_as_number_is_refused(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    router = Router(A, 65_009)
    await router.connect(fabric)
    notification = await router.until_notified()
    assert (notification.code, notification.subcode) == (ErrorCode.OPEN_MESSAGE_ERROR, 2)
    assert sink.sessions == []


async def test_routes_beyond_a_peers_limit_are_discarded_and_the_session_stays(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    speaker = Speaker(
        listen=fabric.listen,
        port=0,
        clock=time.monotonic,
        sink=sink,
        limits=Limits(max_routes_per_peer=2),
    )
    await speaker.converge(TWO_PEERS)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    with capture_logs() as logged:
        router.announce("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
        await sink.until(lambda: len(sink.fibs.get("rs-1", {})) == 2)
    assert [entry["event"] for entry in logged] == ["routes_over_limit"]
    assert speaker.is_established("rsp-a")
    await speaker.close()


async def test_closing_the_speaker_ceases_every_session_and_withdraws_nothing(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(TWO_PEERS)
    a, b = Router(A, 65_001), Router(B, 65_001)
    for router in (a, b):
        await router.connect(fabric)
        await router.until_established()
        router.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    await speaker.close()
    assert cease(await a.until_notified()) is Cease.ADMINISTRATIVE_SHUTDOWN
    assert cease(await b.until_notified()) is Cease.ADMINISTRATIVE_SHUTDOWN
    assert sink.winner("192.0.2.0/24") == "rsp-a"
    assert await speaker.converge(TWO_PEERS) == {}
