"""The appliance's side: it announces, comes back after a loss, and ends with a Cease."""

from __future__ import annotations

import asyncio
import time
from ipaddress import IPv4Address
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from routeserver.bgp.graceful_restart import GracefulRestartOffer
from routeserver.bgp.session import SessionConfig
from routeserver.net.peering import ImportAction, ImportRule
from routeserver.net.prefix import Prefix, parse_prefix
from routeserver.speaker.announcement import announcements, mapped, synthetic_prefixes
from routeserver.speaker.dialler import Dial, Dialler
from routeserver.speaker.speaker import Speaker
from tests.speaker.support import (
    ENDPOINT,
    SERVER_ASN,
    V4,
    V6,
    A,
    EphemeralFabric,
    RecordingSink,
    peer,
    route_server,
)

SPEC = route_server(peer("rsp-a", A))


def _dialler(
    port: int, prefixes: list[Prefix], config: dict[str, Any] | None = None, **options: Any
) -> Dialler:
    local = IPv4Address(A)
    return Dialler(
        Dial(
            local=local,
            peer=IPv4Address(ENDPOINT),
            port=port,
            config=SessionConfig(
                local_asn=65_001, local_router_id=local, peer_asn=SERVER_ASN, **(config or {})
            ),
            announcements=announcements(
                prefixes, asn=65_001, peer_asn=SERVER_ASN, next_hop=local, next_hop6=mapped(local)
            ),
            **options,
        ),
        clock=time.monotonic,
        jitter=lambda: 0.0,
    )


async def test_it_announces_both_families_as_soon_as_it_is_established(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(SPEC)
    dialler = _dialler(
        fabric.ports[ENDPOINT], [parse_prefix("192.0.2.0/24"), parse_prefix("2001:db8::/32")]
    )
    dialler.start()
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    await sink.until_winner("2001:db8::/32", "rsp-a")
    assert dialler.is_established
    await dialler.close()
    await sink.until_down("rsp-a")
    assert "Administrative Shutdown" in sink.sessions[-1][2]


async def test_it_announces_more_than_a_connection_buffers(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(SPEC)
    dialler = _dialler(fabric.ports[ENDPOINT], list(synthetic_prefixes(40_000)))
    dialler.start()
    await sink.until(lambda: len(sink.fibs.get("rs-1", {})) == 40_000)
    await dialler.close()


async def test_it_comes_back_after_bfd_has_taken_the_session_down(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(SPEC)
    dialler = _dialler(fabric.ports[ENDPOINT], [parse_prefix("192.0.2.0/24")])
    dialler.start()
    await sink.until_up("rsp-a")
    dialler.bfd_down()
    await sink.until_down("rsp-a")
    assert "BFD Down" in sink.sessions[-1][2]
    await sink.until_up("rsp-a", times=2)
    await dialler.close()


async def test_it_tries_again_until_the_endpoint_is_there(
    sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    (await fabric.listen("", ENDPOINT, 0)).close()
    port = fabric.ports[ENDPOINT]
    dialler = _dialler(port, [])
    failed = asyncio.Event()

    def noting(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
        if entry["event"] == "connect_failed":
            failed.set()
        return entry

    structlog.configure(processors=[noting, structlog.dev.ConsoleRenderer()])
    dialler.start()
    await failed.wait()
    structlog.reset_defaults()
    speaker = Speaker(listen=fabric.listen, port=port, clock=time.monotonic, sink=sink)
    await speaker.converge(SPEC)
    await sink.until_up("rsp-a")
    await dialler.close()
    await speaker.close()


async def test_closing_it_while_nobody_answers_takes_no_time(fabric: EphemeralFabric) -> None:
    (await fabric.listen("", ENDPOINT, 0)).close()
    dialler = _dialler(fabric.ports[ENDPOINT], [])
    dialler.start()
    await dialler.close()
    assert not dialler.is_established
    dialler.bfd_down()


async def test_it_comes_back_without_capabilities_when_they_are_refused(
    fabric: EphemeralFabric,
) -> None:
    """RFC 5492 §3; the other side is a router of before 1998."""
    openings: list[bytes] = []
    second = asyncio.Event()

    async def old_router(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        header = await reader.readexactly(19)
        openings.append(await reader.readexactly(int.from_bytes(header[16:18]) - 19))
        if len(openings) == 2:
            second.set()
        else:
            # OPEN Message Error, Unsupported Optional Parameter.
            writer.write(b"\xff" * 16 + bytes([0, 21, 3, 2, 4]))
        writer.close()

    server = await asyncio.start_server(old_router, sock=await fabric.listen("", ENDPOINT, 0))
    dialler = _dialler(fabric.ports[ENDPOINT], [])
    dialler.start()
    await second.wait()
    assert openings[0][9] > 0
    assert openings[1][9] == 0
    await dialler.close()
    server.close()
    await server.wait_closed()


async def test_it_signs_with_its_key_and_asks_for_a_neighbour(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A, md5_password="key", ttl_security_hops=1)))
    dialler = _dialler(
        fabric.ports[ENDPOINT],
        [parse_prefix("192.0.2.0/24")],
        md5_password="key",
        ttl_security_hops=1,
    )
    dialler.start()
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    await dialler.close()


async def test_a_graceful_restart_of_it_loses_no_route(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A, graceful_restart=True)))
    dialler = _dialler(
        fabric.ports[ENDPOINT],
        [parse_prefix("192.0.2.0/24")],
        {"graceful_restart": GracefulRestartOffer(families=(V4, V6))},
    )
    dialler.start()
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    dialler.restart()
    await sink.until_up("rsp-a", times=2)
    negotiated = speaker.negotiated("rsp-a")
    assert negotiated is not None
    assert negotiated.graceful_restart is not None
    assert negotiated.graceful_restart.restarting
    assert not any(None in delta.values() for _, delta in sink.deltas)
    await dialler.close()


async def test_it_sends_its_routes_again_when_asked_to(
    speaker: Speaker, sink: RecordingSink, fabric: EphemeralFabric
) -> None:
    await speaker.converge(route_server(peer("rsp-a", A, enhanced_refresh=True)))
    dialler = _dialler(
        fabric.ports[ENDPOINT], [parse_prefix("192.0.2.0/24")], {"enhanced_refresh": True}
    )
    dialler.start()
    await sink.until_winner("192.0.2.0/24", "rsp-a")
    no_more = ImportRule("no more", ImportAction.REJECT)
    await speaker.converge(
        route_server(peer("rsp-a", A, enhanced_refresh=True, import_rules=(no_more,)))
    )
    await sink.until_winner("192.0.2.0/24", None)
    assert len(sink.sessions) == 1
    await dialler.close()
