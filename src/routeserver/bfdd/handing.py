"""Sockets from the server to its BFD daemon, one packet each with its descriptor beside it.

The daemon may not enter the networks of VPCs; the server has their sockets opened for it and hands
them over before it orders the sessions that need them. Each packet is answered before the next one
is sent: `TAKEN`, or why not. Whatever arrives, the daemon goes on.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from routeserver.bfdd import rendezvous
from routeserver.bfdd.source import StoredSockets

TAKEN: Final = b"taken"
_LONGEST: Final = 4096
_DESCRIPTORS: Final = 4
_ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Handed:
    """What a socket is for; without a session it is the receiver of its address."""

    network: str
    local: str
    session_id: str = ""


# --- the server's side ----------------------------------------------------------------------------


class Handing:
    """One connection to one life of the daemon; `close` ends it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @classmethod
    def dial(cls, folder: Path, pid: int) -> Handing:
        """Raises OSError when the daemon `pid` cannot be reached."""
        connection = rendezvous.dial(folder, rendezvous.HANDING)
        if connection is None:
            raise ConnectionRefusedError("the BFD daemon takes no sockets")
        if rendezvous.credentials(connection).pid != pid:
            connection.close()
            raise PermissionError("another process than the BFD daemon takes its sockets")
        return cls(connection)

    async def give(self, handed: Handed, made: socket.socket) -> None:
        """Hand one over; `made` is closed here. Raises OSError with what the daemon said."""
        with made:
            packet = json.dumps(asdict(handed)).encode()
            socket.send_fds(self._connection, [packet], [made.fileno()])
        answer = await self._answer()
        if answer != TAKEN:
            raise OSError(answer.decode(errors="replace") or "the BFD daemon has ended")

    def close(self) -> None:
        self._connection.close()

    async def _answer(self) -> bytes:
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        loop.add_reader(self._connection.fileno(), came.set)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await came.wait()
            return self._connection.recv(_LONGEST)
        except TimeoutError as error:
            raise OSError("the BFD daemon does not take the socket") from error
        finally:
            loop.remove_reader(self._connection.fileno())


# --- the daemon's side ----------------------------------------------------------------------------


class Counter:
    """Takes what is handed over and puts it into store. To be made inside the event loop."""

    def __init__(
        self,
        listener: socket.socket,
        store: StoredSockets,
        may_give: Callable[[rendezvous.Credentials], bool],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._store = store
        self._may_give = may_give
        self._connections: set[socket.socket] = set()
        self._loop.add_reader(listener.fileno(), self._meet)

    def close(self) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for connection in list(self._connections):
            self._part(connection)

    def _meet(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        if not self._may_give(rendezvous.credentials(connection)):
            connection.close()
            return
        self._connections.add(connection)
        self._loop.add_reader(connection.fileno(), self._hear, connection)

    def _part(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection.fileno())
        self._connections.discard(connection)
        connection.close()

    def _hear(self, connection: socket.socket) -> None:
        try:
            packet, descriptors, _, _ = socket.recv_fds(
                connection, _LONGEST, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return
        except OSError:
            packet, descriptors = b"", []
        if not packet:
            for descriptor in descriptors:
                os.close(descriptor)
            self._part(connection)
            return
        answer = self._take(packet, [socket.socket(fileno=fd) for fd in _sockets(descriptors)])
        try:
            connection.send(answer)
        except OSError:
            self._part(connection)

    def _take(self, packet: bytes, made: list[socket.socket]) -> bytes:
        handed = _handed(packet)
        if handed is None or len(made) != 1 or made[0].type != socket.SOCK_DGRAM:
            for each in made:
                each.close()
            return b"one datagram socket and what it is for: that is all that can be taken"
        made[0].setblocking(False)
        if handed.session_id:
            self._store.take_sender(handed.session_id, handed.network, handed.local, made[0])
        else:
            self._store.take_receiver(handed.network, handed.local, made[0])
        return TAKEN


def _handed(packet: bytes) -> Handed | None:
    try:
        handed = Handed(**json.loads(packet))
    except (ValueError, TypeError, RecursionError):
        return None
    is_text = all(isinstance(value, str) for value in asdict(handed).values())
    return handed if is_text else None


def _sockets(descriptors: list[int]) -> list[int]:
    """Those that are sockets; the others are closed."""
    found = []
    for descriptor in descriptors:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            found.append(descriptor)
        else:
            os.close(descriptor)
    return found
