"""The server's side of the helper: orders out, answers in, in the same order, without waiting for
one before giving the next."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from dataclasses import dataclass
from typing import Final

from routeserver.netd.interface import Doing, NetdError, Opening
from routeserver.netd.orders import Done, Failed, Order, Write
from routeserver.netd.protocol import (
    LONGEST_BESIDE,
    LONGEST_PACKET,
    decode_answer,
    encode_order,
    put_beside,
    take_beside,
)

_GONE: Final = "the privileged helper has ended; start the server again"
_DESCRIPTORS: Final = 4
_ROUND: Final = 16
"""Answers taken in one turn of the event loop."""


@dataclass(slots=True)
class _Packet:
    octets: bytes
    beside: int | None = None

    def close(self) -> None:
        if self.beside is not None:
            os.close(self.beside)
            self.beside = None


@dataclass(frozen=True, slots=True)
class _Received:
    done: Done
    opened: socket.socket | None


class NetdClient:
    """To be made inside the running event loop; `connection` is its to close."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._unsent: deque[_Packet] = deque()
        self._awaited: deque[asyncio.Future[_Received]] = deque()
        self._is_open = True
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done when the helper is gone, of itself or by `close`."""
        self._loop.add_reader(connection.fileno(), self._hear)

    async def open(self, order: Opening) -> socket.socket:
        """The socket, non-blocking, the caller's to close. Raises NetdError."""
        received = await self._give(order)
        if received.opened is None:
            raise NetdError("the privileged helper has sent no socket; start the server again")
        return received.opened

    async def do(self, order: Doing) -> Done:
        """Raises NetdError. What the kernel refused of a Write is in the answer instead."""
        received = await self._give(order)
        if received.opened is not None:
            received.opened.close()
        return received.done

    def close(self) -> None:
        """What is under way is carried out, but answered to nobody."""
        self._end()

    # --- giving -----------------------------------------------------------------------------------

    async def _give(self, order: Order) -> _Received:
        if not self._is_open:
            raise NetdError(_GONE)
        octets, beside = encode_order(order)
        if len(octets) > LONGEST_PACKET or len(beside) > LONGEST_BESIDE:
            raise NetdError(f"{type(order).__name__} is too long; give it in parts")
        packet = _Packet(octets, put_beside(beside) if isinstance(order, Write) else None)
        answer: asyncio.Future[_Received] = self._loop.create_future()
        self._awaited.append(answer)
        self._unsent.append(packet)
        if len(self._unsent) == 1:
            self._send()
        try:
            return await answer
        except asyncio.CancelledError:
            # The order stands. A socket that has come for nobody is closed.
            if answer.done() and not answer.cancelled() and not answer.exception():
                opened = answer.result().opened
                if opened is not None:
                    opened.close()
            raise

    def _send(self) -> None:
        while self._unsent:
            packet = self._unsent[0]
            descriptors = [] if packet.beside is None else [packet.beside]
            try:
                socket.send_fds(self._connection, [packet.octets], descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._connection.fileno(), self._send)
                return
            except OSError:
                self._end()
                return
            self._unsent.popleft().close()
        self._loop.remove_writer(self._connection.fileno())

    # --- hearing ----------------------------------------------------------------------------------

    def _hear(self) -> None:
        for _ in range(_ROUND):
            if not self._is_open:
                return
            try:
                packet, descriptors, _, _ = socket.recv_fds(
                    self._connection, LONGEST_PACKET << 2, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except OSError:
                packet, descriptors = b"", []
            if not packet or not self._awaited:
                for descriptor in descriptors:
                    os.close(descriptor)
                self._end()
                return
            self._take(packet, descriptors)

    def _take(self, packet: bytes, descriptors: list[int]) -> None:
        answer = self._awaited.popleft()
        beside, opened = b"", None
        for descriptor in descriptors:
            if _is_socket(descriptor):
                opened = socket.socket(fileno=descriptor)
                opened.setblocking(False)
            else:
                beside = take_beside(descriptor)
                os.close(descriptor)
        said = decode_answer(packet, beside)
        if answer.done():  # nobody waits any more
            if opened is not None:
                opened.close()
        elif isinstance(said, Failed):
            answer.set_exception(_error(said))
        else:
            answer.set_result(_Received(said, opened))

    def _end(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._connection.fileno())
        self._loop.remove_writer(self._connection.fileno())
        self._connection.close()
        while self._unsent:
            self._unsent.popleft().close()
        while self._awaited:
            answer = self._awaited.popleft()
            if not answer.done():
                answer.set_exception(NetdError(_GONE))
        if not self.ended.done():
            self.ended.set_result(None)


def _error(said: Failed) -> NetdError:
    error = NetdError(said.reason)
    error.errno = said.errno or None
    return error


def _is_socket(descriptor: int) -> bool:
    try:
        socket.socket(fileno=os.dup(descriptor)).close()
    except OSError:
        return False
    return True
