"""Converging: levels in, the least possible disturbance out."""

from __future__ import annotations

import socket
import time

from routeserver.bgp.errors import Cease
from routeserver.fabric.loopback import LoopbackFabric
from routeserver.net.prefix import parse_prefix
from routeserver.speaker.speaker import Speaker
from routeserver.speaker.spec import EndpointSpec, PeerSpec, RouteServerSpec
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


async def _both_up(
    fabric: EphemeralFabric, sink: RecordingSink, times: int = 1
) -> tuple[Router, Router]:
    a, b = Router(A, 65_001), Router(B, 65_001)
    for router in (a, b):
        await router.connect(fabric)
        await router.until_established()
    await sink.until_up("rsp-a", times)
    await sink.until_up("rsp-b", times)
    return a, b


async def test_converging_twice_is_a_no_op(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    spec = route_server(peer("rsp-a", A), peer("rsp-b", B))
    await speaker.converge(spec)
    a, _ = await _both_up(fabric, sink)
    a.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    before = (list(sink.deltas), list(sink.sessions), speaker.rib("rs-1"))
    assert await speaker.converge(spec) == {"rse-1": None}
    assert (sink.deltas, sink.sessions, speaker.rib("rs-1")) == before
    assert fabric.listened == [ENDPOINT]


async def test_a_changed_peer_restarts_that_session_only(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A), peer("rsp-b", B)))
    a, b = await _both_up(fabric, sink)
    await speaker.converge(route_server(peer("rsp-a", A, asn=65_002), peer("rsp-b", B)))
    assert (await a.until_notified()).subcode == Cease.OTHER_CONFIGURATION_CHANGE
    assert speaker.is_established("rsp-b")
    b.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-b")
    again = Router(A, 65_002)
    await again.connect(fabric)
    await again.until_established()
    assert [name for name, _, _ in sink.sessions].count("rsp-b") == 1


async def test_bfd_alone_restarts_nothing(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(PeerSpec("rsp-a", A, 65_001, bfd=False)))
    router = Router(A, 65_001)
    await router.connect(fabric)
    await router.until_established()
    await sink.until_up("rsp-a")
    await speaker.converge(route_server(PeerSpec("rsp-a", A, 65_001, bfd=True)))
    assert speaker.is_established("rsp-a")


async def test_a_peer_added_later_is_let_in(speaker: Speaker, fabric: EphemeralFabric) -> None:
    await speaker.converge(route_server())
    refused = Router(A, 65_001)
    await refused.connect(fabric)
    assert (await refused.until_notified()).subcode == Cease.CONNECTION_REJECTED
    await speaker.converge(route_server(peer("rsp-a", A)))
    router = Router(A, 65_001)
    await router.connect(fabric)
    await router.until_established()


async def test_two_peers_may_swap_their_addresses(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A), peer("rsp-b", B)))
    await _both_up(fabric, sink)
    await speaker.converge(route_server(peer("rsp-a", B), peer("rsp-b", A)))
    a, _ = await _both_up(fabric, sink, times=2)
    a.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-b")


async def test_a_removed_route_server_gives_up_sessions_routes_and_address(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    spec = route_server(peer("rsp-a", A))
    await speaker.converge(spec)
    router = Router(A, 65_001)
    await router.connect(fabric)
    await router.until_established()
    router.announce("192.0.2.0/24")
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    assert await speaker.converge({}) == {}
    assert (await router.until_notified()).subcode == Cease.PEER_DE_CONFIGURED
    assert sink.deltas[-1] == ("rs-1", {parse_prefix("192.0.2.0/24"): None})
    assert speaker.rib("rs-1") is None
    assert not speaker.is_established("rsp-a")
    assert await speaker.converge(spec) == {"rse-1": None}


async def test_an_endpoint_that_moves_listens_at_its_new_address(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A)))
    router = Router(A, 65_001)
    await router.connect(fabric)
    await sink.until_up("rsp-a")
    await speaker.converge(route_server(peer("rsp-a", A), address="127.77.1.5"))
    assert (await router.until_notified()).subcode == Cease.OTHER_CONFIGURATION_CHANGE
    again = Router(A, 65_001)
    await again.connect(fabric, "127.77.1.5")
    await sink.until_up("rsp-a", times=2)


async def test_a_busy_port_is_one_line_and_the_next_call_tries_again(sink: RecordingSink) -> None:
    with socket.socket() as holder:
        holder.bind((ENDPOINT, 0))
        holder.listen()
        port = holder.getsockname()[1]
        speaker = Speaker(
            listen=LoopbackFabric().listen, port=port, clock=time.monotonic, sink=sink
        )
        spec = {
            "rs-1": RouteServerSpec(
                "rs-1",
                65_000,
                (EndpointSpec("rse-busy", ENDPOINT), EndpointSpec("rse-free", "127.77.1.5")),
            )
        }
        reasons = await speaker.converge(spec)
        assert reasons == {
            "rse-busy": f"cannot listen on {ENDPOINT} port {port}: the port is busy: "
            "stop what listens there or choose another one with --bgp-port",
            "rse-free": None,
        }
    assert await speaker.converge(spec) == {"rse-busy": None, "rse-free": None}
    await speaker.close()


async def test_an_address_that_is_none_is_one_line_too(speaker: Speaker) -> None:
    reasons = await speaker.converge(route_server(peer("rsp-a", A), address="not-an-address"))
    reason = reasons["rse-1"]
    assert reason is not None
    assert "not-an-address" in reason
    assert "\n" not in reason


async def test_route_servers_keep_their_routes_apart(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    one = route_server(peer("rsp-a", A))["rs-1"]
    two = RouteServerSpec(
        "rs-2",
        65_000,
        (EndpointSpec("rse-2", "127.77.2.4", (peer("rsp-b", B),)),),
        accept_loopback_next_hops=True,
    )
    await speaker.converge({"rs-1": one, "rs-2": two})
    a, b = Router(A, 65_001), Router(B, 65_001)
    await a.connect(fabric)
    await b.connect(fabric, "127.77.2.4")
    for router in (a, b):
        await router.until_established()
        router.announce("192.0.2.0/24")
    await sink.until(lambda: sink.winner("192.0.2.0/24", "rs-1") == "rsp-a")
    await sink.until(lambda: sink.winner("192.0.2.0/24", "rs-2") == "rsp-b")
    for route_server_id in ("rs-1", "rs-2"):
        rib = speaker.rib(route_server_id)
        assert rib is not None
        assert rib.counts.rib_routes == 1


async def test_one_address_may_be_listened_on_in_two_networks(sink: RecordingSink) -> None:
    asked: list[tuple[str, str, int]] = []

    async def listen(network: str, address: str, port: int) -> socket.socket:
        asked.append((network, address, port))
        return await LoopbackFabric().listen("", address, 0)

    speaker = Speaker(listen=listen, port=179, clock=time.monotonic, sink=sink)
    endpoints = [
        EndpointSpec("rse-1", ENDPOINT, network="vpc-1"),
        EndpointSpec("rse-2", ENDPOINT, network="vpc-2"),
    ]
    spec = {"rs-1": RouteServerSpec("rs-1", 65_000, tuple(endpoints))}
    assert await speaker.converge(spec) == {"rse-1": None, "rse-2": None}
    assert asked == [("vpc-1", ENDPOINT, 179), ("vpc-2", ENDPOINT, 179)]
    moved = {
        "rs-1": RouteServerSpec(
            "rs-1", 65_000, (endpoints[0], EndpointSpec("rse-2", ENDPOINT, network="vpc-3"))
        )
    }
    assert await speaker.converge(moved) == {"rse-1": None, "rse-2": None}
    assert asked[2:] == [("vpc-3", ENDPOINT, 179)]
    await speaker.close()
