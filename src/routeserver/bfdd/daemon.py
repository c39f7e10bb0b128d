"""The BFD daemon: an engine in a process of its own, so that no routing work can cost a detection.

It has no configuration and no log. It listens on a Unix socket, is owned by one server at a time,
and does what that one says. When its owner goes away without a word, the sessions go on for the
linger time; a server that attaches meanwhile is told how they stand, and what was lost. Otherwise,
or on SIGTERM, it tells every remote system AdminDown and ends. No line on the socket and no
packet from the network ends it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, assert_never

from routeserver.bfdd import rendezvous
from routeserver.bfdd.channel import (
    LINE_LIMIT,
    PROTOCOL,
    Attach,
    Changed,
    ChannelError,
    Converge,
    Converged,
    HandedOver,
    Message,
    PacketsDiscarded,
    Ready,
    Refused,
    Rejected,
    Report,
    decode,
    encode,
)
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.handing import Counter
from routeserver.bfdd.pacing import Pacing
from routeserver.bfdd.source import Sockets, StoredSockets
from routeserver.bfdd.spec import BfdChange, Standing

_FIRST_OWNER_S: Final = 10.0
"""How long a daemon that was just started waits for the server that did so."""

_UNHEARD_S: Final = 1.0
"""A process that was killed is noticed within a turn of the event loop, however late that is."""

_DISCARDS_EVERY_S: Final = 5.0
_UNREAD_LIMIT: Final = LINE_LIMIT
_LOG_LIMIT: Final = 1 << 20

READY: Final = b"ready\n"
"""Said on standard output when the daemon may be dialled."""


def run(folder: Path, port: int, linger_s: float) -> None:
    """Serve the socket in `folder` until the end. Raises OSError when it cannot listen."""
    # A Ctrl-C in the terminal is meant for the server, which then ends this process in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    counter = rendezvous.listen(folder, rendezvous.HANDING)
    listener = rendezvous.listen(folder)
    _prepare_process()
    asyncio.run(_serve(listener, counter, port, linger_s))


def _prepare_process() -> None:
    os.chdir("/")  # a process that stays must not hold a file system
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # each session has a socket of its own
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LOG_LIMIT, _LOG_LIMIT))
    # What has been made up to here stays for good: the collector need never look at it again.
    gc.collect()
    gc.freeze()


async def _serve(
    listener: socket.socket, handing: socket.socket, port: int, linger_s: float
) -> None:
    sockets = StoredSockets()
    daemon = Daemon(port, linger_s, sockets)
    counter = Counter(handing, sockets, daemon.knows)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, daemon.end)
    server = await asyncio.start_unix_server(daemon.meet, sock=listener, limit=LINE_LIMIT)
    _say_ready()
    await daemon.ended
    server.close()
    counter.close()
    daemon.close()
    sockets.close()


def _say_ready() -> None:
    with suppress(OSError):  # the server that waited for it may be gone
        os.write(1, READY)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


class Daemon:
    """To be made inside the running event loop."""

    def __init__(self, port: int, linger_s: float, sockets: Sockets | None = None) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._port = port
        self._linger_s = linger_s
        self._loop = asyncio.get_running_loop()
        self._pacing = Pacing(self._loop, self._say)
        self._engine = BfdEngine(
            self._changed,
            port=port,
            on_handover=self._pacing.handed_over,
            independent=linger_s > 0,
            sockets=sockets,
        )
        self._owner: asyncio.StreamWriter | None = None
        self._owner_pid = 0
        self._losses: dict[
            str, BfdChange
        ] = {}  # what no owner has been told, at most one a session
        self._told: dict[str, tuple[float, BfdChange]] = {}  # losses, and when
        self._alone = self._loop.call_later(max(linger_s, _FIRST_OWNER_S), self.end)
        self._discards = self._loop.call_later(_DISCARDS_EVERY_S, self._tell_discards)

    def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        self._alone.cancel()
        self._discards.cancel()
        self._pacing.forget()
        self._engine.close()
        if self._owner is not None:
            self._owner.close()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whoever dials, until that one is gone."""
        caller = rendezvous.credentials(writer.get_extra_info("socket"))
        refusal = self._refusal(caller)
        if refusal is not None:
            writer.write(encode(Refused(refusal)))
            await _closed(writer)
            return
        self._owner, self._owner_pid = writer, caller.pid
        self._alone.cancel()
        self._pacing.forget()
        self._say(Ready(PROTOCOL, self._port, self._standing()))
        try:
            await self._obey(reader)
        finally:
            self._owner, self._is_led = None, False
            self._take_back()
            self._alone = self._loop.call_later(self._linger_s, self.end)
            await _closed(writer)

    def knows(self, caller: rendezvous.Credentials) -> bool:
        """Whether this is the server that owns it now."""
        return self._owner is not None and caller == rendezvous.Credentials(
            self._owner_pid, os.geteuid()
        )

    def _take_back(self) -> None:
        """What was told just before the owner was seen to be gone, it may not have heard."""
        since = self._loop.time() - _UNHEARD_S
        self._losses.update(
            {session_id: change for session_id, (at, change) in self._told.items() if at >= since}
        )
        self._told.clear()

    def _refusal(self, caller: rendezvous.Credentials) -> str | None:
        if caller.uid != os.geteuid():
            return f"this BFD daemon belongs to user {os.geteuid()}, not to user {caller.uid}"
        if self._owner is not None:
            return (
                f"process {self._owner_pid} already uses the BFD daemon of this data directory; "
                "stop that server first"
            )
        return None

    def _standing(self) -> tuple[Standing, ...]:
        return tuple(
            replace(standing, loss=self._losses.get(standing.session_id))
            for standing in self._engine.standing()
        )

    # --- orders -----------------------------------------------------------------------------------

    async def _obey(self, reader: asyncio.StreamReader) -> None:
        """Until the channel ends; half a line at its end is no order."""
        while not self.ended.done():
            try:
                line = await reader.readline()
            except ValueError:
                self._say(Rejected(f"a line of more than {LINE_LIMIT} bytes"))
                continue
            except ConnectionError:
                return
            if not line.endswith(b"\n"):
                return
            try:
                message = decode(line)
            except ChannelError as error:
                self._say(Rejected(str(error)))
                continue
            self._take(message)

    def _take(self, message: Message) -> None:
        match message:
            case Attach(linger_s):
                self._linger_s = linger_s
                self._engine.independent = linger_s > 0
            case Converge(serial, sessions, handovers):
                self._is_led = True
                self._losses.clear()
                self._pacing.flush()
                desired = {spec.session_id: spec for spec in sessions}
                self._told = {known: one for known, one in self._told.items() if known in desired}
                self._say(Converged(serial, self._engine.converge(desired, handovers)))
            case (
                Ready()
                | Refused()
                | Converged()
                | Changed()
                | HandedOver()
                | PacketsDiscarded()
                | Rejected()
            ):
                self._say(Rejected(f"{type(message).__name__} is for the daemon to say"))
            case _:
                assert_never(message)

    # --- reports ----------------------------------------------------------------------------------

    def _say(self, message: Report) -> None:
        owner = self._owner
        if owner is None or owner.is_closing():
            return
        if owner.transport.get_write_buffer_size() > _UNREAD_LIMIT:
            owner.transport.abort()  # an owner that does not read is none
            return
        owner.write(encode(message))

    def _changed(self, change: BfdChange) -> None:
        # Of how a session stands now every owner is told first, of its losses only from here.
        if change.is_loss and self._is_led:
            self._told[change.session_id] = self._loop.time(), change
        elif change.is_loss:
            known = self._losses.get(change.session_id)
            if known is None or change.failure:
                self._losses[change.session_id] = change
        self._pacing.changed(change)

    def _tell_discards(self) -> None:
        self._discards = self._loop.call_later(_DISCARDS_EVERY_S, self._tell_discards)
        if self._owner is not None and (packets := self._engine.discards.take()):
            self._say(PacketsDiscarded(packets))


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
