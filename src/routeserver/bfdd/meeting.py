"""How a server comes by its BFD daemon: by taking over the one that is there, or starting one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from routeserver.bfdd.channel import PROTOCOL, ChannelError, Ready, Refused, decode
from routeserver.bfdd.process import DaemonProcess

_log = structlog.get_logger()


class UnusableDaemonError(Exception):
    """It is there, but of no use to this server; the text says why."""


async def meet(
    folder: Path, port: int, *, linger_s: float, answer_s: float
) -> tuple[DaemonProcess, Ready]:
    """The daemon of this folder, and its greeting.

    One that speaks another protocol or serves another port is ended and replaced. Raises OSError
    when no daemon can be had, or when another server owns it.
    """
    found = await DaemonProcess.find(folder)
    if found is not None:
        try:
            greeting = await _greeting(found, port, answer_s)
        except UnusableDaemonError as error:
            _log.warning("bfd_daemon_replaced", pid=found.pid, reason=str(error))
            await found.end()
        except BaseException:
            await found.leave()
            raise
        else:
            _log.info("bfd_daemon_adopted", pid=found.pid, sessions=len(greeting.standing))
            return found, greeting
    started = await DaemonProcess.start(folder, port, linger_s)
    try:
        return started, await _greeting(started, port, answer_s)
    except UnusableDaemonError as error:
        await started.end()
        raise OSError(f"the BFD daemon that was started is of no use: {error}") from error
    except BaseException:
        await started.end()
        raise


async def _greeting(daemon: DaemonProcess, port: int, answer_s: float) -> Ready:
    """Raises UnusableDaemonError, or OSError for a daemon that must be left alone."""
    try:
        async with asyncio.timeout(answer_s):
            line = await daemon.hear()
    except TimeoutError as error:
        raise UnusableDaemonError("it does not greet") from error
    if line is None:
        raise UnusableDaemonError("it does not stay")
    try:
        message = decode(line)
    except ChannelError as error:
        raise UnusableDaemonError(f"it speaks another protocol ({error})") from error
    match message:
        case Ready() if (message.protocol, message.port) == (PROTOCOL, port):
            return message
        case Ready():
            raise UnusableDaemonError(
                f"it speaks protocol {message.protocol} on port {message.port}, "
                f"and not {PROTOCOL} on {port}"
            )
        case Refused(reason):
            raise ConnectionRefusedError(reason)
        case _:
            raise UnusableDaemonError("its first word is no greeting")
