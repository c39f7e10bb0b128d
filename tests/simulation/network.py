"""A network in memory: connections that cut, delay, fall silent or break, as a seed has it.

Octets of one direction stay in order, as TCP keeps them; nothing is ordered between connections.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.virtual import VirtualLoop

MAX_DELAY_S = 0.02


class Listening:
    """Stands for the socket of an endpoint."""

    def __init__(self, address: str) -> None:
        self.address = address


class Network:
    def __init__(self, loop: VirtualLoop, random: Random) -> None:
        self.loop = loop
        self.random = random
        self.endpoints: dict[str, Callable[[], asyncio.BaseProtocol]] = {}
        # Options are set on the sockets of connections; this one bears them all.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        loop.create_listener = self._create_listener

    async def listen(self, _: str, address: str, port: int) -> Any:  # noqa: ARG002
        return Listening(address)

    def _create_listener(
        self, listening: Listening, factory: Callable[[], asyncio.BaseProtocol]
    ) -> Server:
        self.endpoints[listening.address] = factory
        return Server(self, listening.address)

    def connect(
        self, protocol: asyncio.Protocol, local: str, remote: str, tap: Callable[[int], None]
    ) -> Link | None:
        """None when nobody listens there. `tap` is told how many octets the listener gets, before
        it gets them."""
        factory = self.endpoints.get(remote)
        if factory is None:
            return None
        link = Link(self, local, remote)
        accepted = factory()
        assert isinstance(accepted, asyncio.Protocol)
        link.near.protocol, link.far.protocol = protocol, accepted
        link.far.tap = tap
        accepted.connection_made(link.far)
        if not link.near.is_closing():
            protocol.connection_made(link.near)
        return link

    def close(self) -> None:
        self.socket.close()


class Server:
    def __init__(self, network: Network, address: str) -> None:
        self._network = network
        self._address = address

    def close(self) -> None:
        self._network.endpoints.pop(self._address, None)


class Link:
    """One connection; `near` is the end that dialled."""

    def __init__(self, network: Network, near: str, far: str) -> None:
        self.is_silent = False
        self.breaks_after: int | None = None
        """Octets that still reach the far end before the connection breaks."""
        self.near = End(network, self, near, far)
        self.far = End(network, self, far, near)
        self.near.other, self.far.other = self.far, self.near

    def fall_silent(self) -> None:
        """Nothing arrives any more, in either direction, and nobody is told."""
        self.is_silent = True

    def reset(self) -> None:
        for end in (self.near, self.far):
            end.lose(ConnectionResetError("broken"))


class End(asyncio.Transport):
    """The transport of one side."""

    other: End
    protocol: asyncio.Protocol

    def __init__(self, network: Network, link: Link, local: str, remote: str) -> None:
        super().__init__(
            {
                "sockname": (local, 179),
                "peername": (remote, 40_000),
                "socket": network.socket,
            }
        )
        self._network = network
        self._link = link
        self._arriving: list[bytes] = []
        """What waits here because reading is paused; b"" is the end of the stream."""
        self._last_at = 0.0
        self._in_flight = 0
        self._is_paused = False
        self._is_closing = False
        self._is_lost = False
        self._said_eof = False
        self.tap: Callable[[int], None] = lambda _: None

    # --- sending ------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        octets = bytes(data)
        random = self._network.random
        while octets and not self._is_closing and not self._said_eof:
            size = random.choice([1, 7, 23, 400, len(octets), len(octets), len(octets)])
            piece, octets = octets[:size], octets[size:]
            self._in_flight += len(piece)
            self._send(piece)

    def _send(self, piece: bytes | None) -> None:
        """After what was sent before; None is a reset."""
        delay = self._network.random.random() * MAX_DELAY_S
        # Timers of one moment have no order: each piece gets a moment of its own.
        self._last_at = max(self._last_at + 1e-6, self._network.loop.time() + delay)
        self._network.loop.call_at(self._last_at, self._arrive, piece)

    def _arrive(self, piece: bytes | None) -> None:
        self._in_flight -= len(piece or b"")
        if self._link.is_silent:
            return
        if piece is None:
            self.other.lose(ConnectionResetError("reset by the other side"))
        else:
            self.other.receive(piece)

    def write_eof(self) -> None:
        if not self._said_eof and not self._is_closing:
            self._said_eof = True
            self._send(b"")

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        # A silent link acknowledges nothing.
        return self._in_flight if self._link.is_silent else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    # --- receiving ----------------------------------------------------------------------------

    def receive(self, piece: bytes) -> None:
        self._arriving.append(piece)
        if not self._is_paused:
            self._hand_over()

    def _hand_over(self) -> None:
        while self._arriving and not self._is_paused and not self._is_closing:
            piece = self._arriving.pop(0)
            if not piece:
                self.protocol.eof_received()
                self.close()
                return
            left = self._link.breaks_after
            if left is not None and self is self._link.far:
                piece = piece[:left]
                self._link.breaks_after = left - len(piece)
            if piece:
                self.tap(len(piece))
                self.protocol.data_received(piece)
            if self._link.breaks_after == 0:
                self._link.reset()

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._network.loop.call_soon(self._hand_over)

    # --- the end ------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self.write_eof()
            self.lose(None)

    def abort(self) -> None:
        if not self._is_closing:
            self._send(None)
            self.lose(None)

    def lose(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_closing = self._is_lost = True
        self._network.loop.call_soon(self.protocol.connection_lost, error)
