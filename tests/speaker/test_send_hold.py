"""A peer that reads slowly and one that has stopped reading (RFC 9687), on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from routeserver.bgp.errors import ErrorCode
from routeserver.bgp.events import Event, SessionClosed
from routeserver.bgp.messages import KEEPALIVE
from routeserver.bgp.negotiation import local_open
from routeserver.bgp.session import Session, SessionConfig
from routeserver.speaker.connection import Connection
from tests.simulation.virtual import VirtualLoop

SEND_HOLD_S = 60
OURS = SessionConfig(65000, IPv4Address("10.0.0.1"), 65001, send_hold_time_s=SEND_HOLD_S)
THEIRS = SessionConfig(65001, IPv4Address("10.0.0.2"), 65000)


class Narrow(asyncio.Transport):
    """Takes everything and lets go of it only in `drain`."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("10.0.0.1", 179), "peername": ("10.0.0.2", 40_000)})
        self.buffered = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.buffered += len(data)

    def drain(self, octets: int) -> None:
        self.buffered = max(0, self.buffered - octets)

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None: ...


class Owner:
    def __init__(self) -> None:
        self.ends: list[SessionClosed] = []

    def admit(self, _: Connection) -> Session:
        return Session(OURS)

    def take(self, _: Connection, event: Event) -> None:
        if isinstance(event, SessionClosed):
            self.ends.append(event)

    def blocked(self, connection: Connection) -> None: ...
    def writable(self, connection: Connection) -> None: ...
    def gone(self, connection: Connection) -> None: ...


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.close()


async def _established(owner: Owner, transport: Narrow) -> Connection:
    connection = Connection(owner, clock=asyncio.get_running_loop().time)
    connection.connection_made(transport)
    connection.data_received(local_open(THEIRS).encode() + KEEPALIVE)
    transport.drain(1_000)
    return connection


async def _listen(owner: Owner, transport: Narrow, seconds: int, reads: int) -> float:
    """A peer whose keepalives come and that takes `reads` octets in ten seconds; answers for how
    many it was listened to."""
    connection = await _established(owner, transport)
    for at in range(0, seconds, 5):
        if owner.ends:
            return at
        if at % 10 == 0:
            connection.data_received(KEEPALIVE)
            transport.drain(reads)
        await asyncio.sleep(5)
    return seconds


def test_a_peer_that_reads_slowly_but_steadily_keeps_its_session(loop: VirtualLoop) -> None:
    owner, transport = Owner(), Narrow()
    assert loop.run_until_complete(_listen(owner, transport, 1_200, reads=3)) == 1_200
    assert not owner.ends
    assert transport.buffered > 1_000, "it should have been behind all the time"


def test_a_peer_that_has_stopped_reading_is_given_up(loop: VirtualLoop) -> None:
    owner, transport = Owner(), Narrow()
    lasted = loop.run_until_complete(_listen(owner, transport, 1_200, reads=0))
    assert SEND_HOLD_S <= lasted <= SEND_HOLD_S + 2 * 10 + 5
    [end] = owner.ends
    assert end.sent is not None
    assert end.sent.code == ErrorCode.SEND_HOLD_TIMER_EXPIRED


def test_one_that_stops_after_a_while_has_the_whole_time_from_then_on(loop: VirtualLoop) -> None:
    owner, transport = Owner(), Narrow()

    async def play() -> float:
        connection = await _established(owner, transport)
        for at in range(0, 1_000, 10):
            if owner.ends:
                return at
            connection.data_received(KEEPALIVE)
            if at < 300:
                transport.drain(3)
            await asyncio.sleep(10)
        return 1_000

    lasted = loop.run_until_complete(play())
    assert 290 + SEND_HOLD_S <= lasted <= 300 + SEND_HOLD_S + 2 * 10
