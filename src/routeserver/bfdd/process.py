"""The BFD daemon as a child process with a socket to it: started, spoken to, waited for, ended."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from typing import Final

from routeserver.bfdd.channel import LINE_LIMIT, Message, encode

_ORDERLY_END_S: Final = 2.0


class DaemonProcess:
    """One life of the daemon."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.pid: Final = process.pid
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, port: int) -> DaemonProcess:
        """Raises OSError when no process or socket can be had."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",  # the working directory must not decide what is imported
                    "-m",
                    "routeserver.bfdd",
                    str(theirs.fileno()),
                    str(port),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                )
            ours.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)
        except BaseException:
            ours.close()  # which also ends a daemon that was started
            raise
        return cls(process, reader, writer)

    def say(self, message: Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(message))

    async def hear(self) -> bytes | None:
        """The next line; None when the daemon is gone."""
        try:
            line = await self._reader.readline()
        except (ConnectionError, ValueError):
            return None
        return line if line.endswith(b"\n") else None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> int:
        """Close the channel, which ends the daemon, and wait for it; returns its exit status."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
        try:
            async with asyncio.timeout(_ORDERLY_END_S):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()
