"""The BFD daemon: an engine in a process of its own, so that no routing work can cost a detection.

It has no configuration and no log. It is told what to run over an inherited socket, and ends when
the other end of that socket is gone, for whatever reason. No line on the socket and no packet from
the network ends it.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

from routeserver.bfdd.channel import (
    LINE_LIMIT,
    Changed,
    ChannelError,
    Converge,
    Converged,
    HandedOver,
    Message,
    Ready,
    Rejected,
    decode,
    encode,
)
from routeserver.bfdd.engine import BfdEngine


def run(fd: int, port: int) -> None:
    """Serve the channel on the inherited socket `fd` until it ends."""
    # A Ctrl-C in the terminal is meant for the server, which then ends this process in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=fd)
    channel.setblocking(False)
    # What has been made up to here stays for good: the collector need never look at it again.
    gc.collect()
    gc.freeze()
    asyncio.run(_serve(channel, port))


async def _serve(channel: socket.socket, port: int) -> None:
    reader, writer = await asyncio.open_connection(sock=channel, limit=LINE_LIMIT)

    def say(message: Message) -> None:
        if not writer.is_closing():
            writer.write(encode(message))

    engine = BfdEngine(
        lambda change: say(Changed(change)),
        port=port,
        on_handover=lambda session_id, handover: say(HandedOver(session_id, handover)),
    )
    lines = asyncio.create_task(_obey(reader, engine, say))
    # Ending this process with SIGTERM is as orderly as the end of the channel.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lines.cancel)
    say(Ready())
    await asyncio.wait([lines])
    engine.close()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    if not lines.cancelled():
        lines.result()


async def _obey(
    reader: asyncio.StreamReader, engine: BfdEngine, say: Callable[[Message], None]
) -> None:
    """Until the channel ends; half a line at its end is no order."""
    while True:
        try:
            line = await reader.readline()
        except ValueError:
            say(Rejected(f"a line of more than {LINE_LIMIT} bytes"))
            continue
        except ConnectionError:
            return
        if not line.endswith(b"\n"):
            return
        try:
            message = decode(line)
        except ChannelError as error:
            say(Rejected(str(error)))
            continue
        match message:
            case Converge(serial, sessions, handovers):
                desired = {spec.session_id: spec for spec in sessions}
                say(Converged(serial, engine.converge(desired, handovers)))
            case Ready() | Converged() | Changed() | HandedOver() | Rejected():
                say(Rejected(f"{type(message).__name__} is for the daemon to say"))
            case _:
                assert_never(message)
