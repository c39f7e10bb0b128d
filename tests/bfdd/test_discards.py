"""What was discarded: counted whole, told in few words, and never remembered without bound."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from routeserver.bfd.authentication import Authenticator, BfdAuth
from routeserver.bfd.discard import Discard
from routeserver.bfd.packet import ControlPacket, State, encode
from routeserver.bfd.session import BfdConfig
from routeserver.bfdd import daemon as daemon_module
from routeserver.bfdd.channel import Converge, PacketsDiscarded, Report
from routeserver.bfdd.client import BfdDaemon
from routeserver.bfdd.daemon import Daemon
from routeserver.bfdd.discards import KINDS, Discards
from routeserver.bfdd.spec import Discarded
from tests.bfdd.conftest import EngineMaker
from tests.bfdd.support import PATIENCE_S, Place, Reports, eventually
from tests.bfdd.test_engine import udp


def test_packets_of_one_kind_are_told_together_with_the_first_as_the_example() -> None:
    discards = Discards()
    discards.add(Discard.TTL, "s", "192.0.2.1", b"\x01" * 100)
    discards.add(Discard.TTL, "s", "192.0.2.1", b"\x02")
    discards.add(Discard.DIGEST, "s", "192.0.2.1", b"\x03")
    assert discards.take() == (
        Discarded("s", "192.0.2.1", Discard.TTL, 2, "01" * 64),
        Discarded("s", "192.0.2.1", Discard.DIGEST, 1, "03"),
    )
    assert discards.take() == ()
    assert discards.total == {Discard.TTL: 2, Discard.DIGEST: 1}


def test_beyond_some_kinds_sources_are_no_longer_told_apart() -> None:
    discards = Discards()
    for number in range(1000):
        discards.add(Discard.NO_SESSION, "", f"192.0.2.{number}", b"")
    told = discards.take()
    assert len(told) == KINDS + 1
    assert told[-1] == Discarded("", "", Discard.NO_SESSION, 1000 - KINDS, "")


AUTH = BfdAuth(1, b"sesame")


@pytest.mark.parametrize(
    ("auth", "packet", "reason"),
    [
        (None, b"", Discard.NO_SESSION),
        (None, bytes(23), Discard.TOO_SHORT),
        (None, bytes(24), Discard.VERSION),
        (AUTH, None, Discard.AUTHENTICATION_MISSING),
        (AUTH, BfdAuth(1, b"wrong"), Discard.DIGEST),
    ],
)
async def test_what_a_peer_sends_in_vain_is_counted_under_its_session(
    place: Place,
    engine: EngineMaker,
    auth: BfdAuth | None,
    packet: bytes | BfdAuth | None,
    reason: Discard,
) -> None:
    one = engine(Reports())
    one.converge({"here": place.spec(BfdConfig(auth=auth))})
    if not isinstance(packet, bytes):
        header = ControlPacket(State.DOWN, 7, 0, 3, 50_000, 50_000)
        packet = encode(header) if packet is None else Authenticator(packet, 1).sign(header)
    elif reason is Discard.NO_SESSION:
        packet = encode(ControlPacket(State.UP, 7, 12345, 3, 50_000, 50_000))
    with closing(udp(place.there)) as thrower:
        thrower.sendto(packet, (place.here, place.port))
        await eventually(lambda: one.discards.total[reason] == 1)
    session_id = "" if reason is Discard.NO_SESSION else "here"
    assert one.discards.take() == (Discarded(session_id, place.there, reason, 1, packet.hex()),)


async def test_the_daemon_tells_its_owner_and_keeps_them_while_it_has_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "_DISCARDS_EVERY_S", 0.0)
    daemon = Daemon(place.port, 0.0)
    told: list[Report] = []
    monkeypatch.setattr(daemon, "_say", told.append)
    daemon._take(Converge(1, (place.spec(),)))
    told.clear()
    with closing(udp(place.there)) as thrower:
        thrower.sendto(b"nonsense", (place.here, place.port))
    await eventually(lambda: daemon._engine.discards.total[Discard.TOO_SHORT] == 1)
    daemon._tell_discards()
    assert told == []
    ours, theirs = socket.socketpair()
    with theirs:
        _, daemon._owner = await asyncio.open_connection(sock=ours)
        await eventually(lambda: bool(told))
        daemon.close()
        await daemon._owner.wait_closed()
    packet = Discarded("here", place.there, Discard.TOO_SHORT, 1, b"nonsense".hex())
    assert told == [PacketsDiscarded((packet,))]


async def test_the_server_counts_them_and_writes_a_line_for_each_kind(tmp_path: Path) -> None:
    daemon = BfdDaemon(Reports(), tmp_path)
    packet = Discarded("rsp-1", "192.0.2.1", Discard.TTL, 3, "2048")
    with capture_logs() as lines:
        daemon._hear(PacketsDiscarded((packet, packet)))
    assert daemon.discarded == {("rsp-1", "ttl"): 6}
    assert lines[0]["peer_id"] == "rsp-1"
    assert (lines[0]["reason"], lines[0]["count"]) == ("the TTL is not 255", 3)


async def test_a_flood_takes_no_session_down(place: Place, engine: EngineMaker) -> None:
    here, there = Reports(), Reports()
    one, two = engine(here), engine(there)
    one.converge({"here": place.spec()})
    two.converge({"there": place.spec(session_id="there", mirrored=True)})
    await asyncio.gather(here.up(), there.up("there"))
    unknown = encode(ControlPacket(State.UP, 7, 12345, 3, 50_000, 50_000))
    with closing(udp(place.there)) as thrower:
        async with asyncio.timeout(PATIENCE_S):
            while sum(one.discards.total.values()) < 5_000:
                for data in (unknown, os.urandom(24)):
                    for _ in range(100):
                        thrower.sendto(data, (place.here, place.port))
                await asyncio.sleep(0)
    assert one.is_up("here")
    assert len(one.discards.take()) <= 2 * KINDS
    assert [change.up for change in here.changes] == [True]
