"""The BFD daemon as a process with a connection to it: found or started, spoken to, ended.

A daemon outlives the server that started it, so it need not be a child of this process. It is
watched and signalled through a process descriptor, which cannot come to mean another process.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from routeserver.bfdd import rendezvous
from routeserver.bfdd.channel import LINE_LIMIT, Order, encode
from routeserver.bfdd.daemon import READY

_START_S: Final = 10.0
_ORDERLY_END_S: Final = 2.0


class DaemonProcess:
    """One connection to one life of the daemon; `end` or `leave` closes it."""

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Raises OSError when the process is gone."""
        self.pid: Final = pid
        self._descriptor = os.pidfd_open(pid)
        self._reader = reader
        self._writer = writer

    @classmethod
    async def find(cls, folder: Path) -> DaemonProcess | None:
        """The daemon that listens in `folder`. Raises OSError when it cannot be spoken to."""
        connection = rendezvous.dial(folder)
        if connection is None:
            return None
        try:
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LINE_LIMIT)
        except BaseException:
            connection.close()
            raise
        daemon = rendezvous.credentials(connection)
        try:
            if daemon.uid == os.geteuid():
                return cls(daemon.pid, reader, writer)
        except BaseException:
            writer.close()
            raise
        writer.close()
        raise PermissionError(
            f"{folder / rendezvous.SOCKET} is held by a process of user {daemon.uid}; stop that "
            "one, or choose another directory with --data-dir"
        )

    @classmethod
    async def start(cls, folder: Path, port: int, linger_s: float) -> DaemonProcess:
        """Raises OSError when no process or socket can be had."""
        log = folder / rendezvous.LOG
        hears, says = os.pipe2(os.O_CLOEXEC)
        try:
            pid = _spawn([str(folder), str(port), str(linger_s)], says, log)
        except BaseException:
            os.close(hears)
            raise
        finally:
            os.close(says)
        try:
            # At its end, which closes the pipe, it can be read too.
            is_ready = await _readable(hears, _START_S) and os.read(hears, len(READY)) == READY
            found = await cls.find(folder) if is_ready else None
        except BaseException:
            _abandon(pid)
            raise
        finally:
            os.close(hears)
        if found is None:
            _abandon(pid)
            raise OSError(f"the BFD daemon ends at its start; {log} says why")
        return found

    def say(self, order: Order) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(order))

    async def hear(self) -> bytes | None:
        """The next line; None when the daemon, or its side of the connection, is gone."""
        try:
            line = await self._reader.readline()
        except (ConnectionError, ValueError):
            return None
        return line if line.endswith(b"\n") else None

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    async def leave(self, gone_within_s: float = 0.0) -> bool:
        """Close the connection and leave the daemon alone; answers whether it has ended."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        gone = await self._is_gone(gone_within_s)
        if gone:
            _bury(self.pid)
        os.close(self._descriptor)
        return gone

    async def end(self) -> None:
        """Have the daemon say AdminDown and end, and wait for it."""
        self._signal(signal.SIGTERM)
        if not await self._is_gone(_ORDERLY_END_S):
            self.kill()
        await self.leave(gone_within_s=_ORDERLY_END_S)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    async def _is_gone(self, within_s: float) -> bool:
        return await _readable(self._descriptor, within_s)


def _spawn(arguments: list[str], output: int, log: Path) -> int:
    """A process in a session of its own, which no end of a terminal or of a group reaches."""
    return os.posix_spawn(
        sys.executable,
        # -P: the working directory must not decide what is imported.
        [sys.executable, "-P", "-m", "routeserver.bfdd", *arguments],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        ],
        setsid=True,
    )


async def _readable(descriptor: int, within_s: float) -> bool:
    look = select.poll()
    look.register(descriptor, select.POLLIN)
    if look.poll(0):
        return True
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(descriptor, came.set)
    try:
        async with asyncio.timeout(within_s):
            await came.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True


def _abandon(pid: int) -> None:
    """For a daemon that this process has just started, and that nobody else can know."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _bury(pid: int) -> None:
    """A daemon that this process has started leaves its exit status here."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
