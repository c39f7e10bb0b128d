"""The server's side of BFD: keeps a daemon running, tells it what to run, reports what changes.

A daemon that dies, or does not answer, is replaced at once, then with growing pauses. The next one
continues every session from where the last one was, under the same discriminators, so that remote
systems need not notice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

import structlog

from routeserver.bfd.events import Handover
from routeserver.bfdd.channel import (
    Changed,
    ChannelError,
    Converge,
    Converged,
    HandedOver,
    Message,
    Ready,
    Rejected,
    decode,
)
from routeserver.bfdd.process import DaemonProcess
from routeserver.bfdd.reported import ReportedSessions
from routeserver.bfdd.spec import BFD_PORT, BfdChange, BfdSpec

_log = structlog.get_logger()


class BfdDaemonError(Exception):
    """The daemon cannot be started; one line."""


@dataclass(frozen=True, slots=True)
class DaemonTimers:
    """All in seconds."""

    answer_s: float = 10.0
    """How long the daemon may take to start, and to answer."""
    grace_s: float = 5.0
    """How long a new daemon has to hear the sessions that were up."""
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    settled_s: float = 10.0
    """A daemon that lived this long did not die of its start."""


_DEFAULT_TIMERS: Final = DaemonTimers()


class BfdDaemon:
    """`on_change` is called from the event loop that `start` was called in, and must not block."""

    def __init__(
        self,
        on_change: Callable[[BfdChange], None],
        port: int = BFD_PORT,
        *,
        timers: DaemonTimers = _DEFAULT_TIMERS,
    ) -> None:
        self._on_change = on_change
        self._port = port
        self._timers = timers
        self._desired: dict[str, BfdSpec] = {}
        self._handovers: dict[str, Handover] = {}
        self._reported = ReportedSessions()
        self._serial = 0
        self._introduced: dict[str, int] = {}  # session id -> the serial that the daemon must reach
        self._answers: dict[int, asyncio.Future[Mapping[str, str]]] = {}
        self._process: DaemonProcess | None = None
        self._ready = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._grace: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The daemon that runs now; None between two."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Returns when the daemon listens. Raises BfdDaemonError."""
        self._supervisor = asyncio.create_task(self._supervise(), name="bfd daemon supervisor")
        try:
            async with asyncio.timeout(self._timers.answer_s):
                await self._ready.wait()
        except TimeoutError as error:
            await self.close()
            raise BfdDaemonError(
                "the BFD daemon does not start; the messages before this one say why"
            ) from error

    async def converge(self, desired: Mapping[str, BfdSpec]) -> Mapping[str, str]:
        """Run exactly the desired sessions; answers for each that cannot run why not.

        A daemon that dies meanwhile is replaced, and the new one's answer is awaited.
        """
        wanted = dict(desired)
        unmoved = {
            session_id
            for session_id, spec in wanted.items()
            if (old := self._desired.get(session_id))
            and (old.local, old.remote) == (spec.local, spec.remote)
        }
        self._desired = wanted
        self._reported.keep_only(unmoved)
        self._handovers = {key: self._handovers[key] for key in self._handovers.keys() & unmoved}
        self._serial += 1
        serial = self._serial
        known = {key: since for key, since in self._introduced.items() if key in unmoved}
        self._introduced = known | dict.fromkeys(wanted.keys() - unmoved, serial)
        answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._answers[serial] = answer
        self._say_desired()
        try:
            async with asyncio.timeout(self._timers.answer_s):
                return await answer
        except TimeoutError:
            _log.error("bfd_daemon_unresponsive", pid=self.pid)
            if self._process is not None:
                self._process.kill()
            reason = "the BFD daemon does not answer; it is being restarted"
            return dict.fromkeys(desired, reason)
        finally:
            self._answers.pop(serial, None)

    def is_up(self, session_id: str) -> bool:
        return self._reported.is_up(session_id)

    async def close(self) -> None:
        """End the daemon, which tells every remote system AdminDown."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            self._supervisor = None

    # --- the daemon's lives ---------------------------------------------------------------------

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = 0.0
        while True:
            started_at = loop.time()
            try:
                await self._live()
            except OSError as error:
                _log.warning("bfd_daemon_not_started", reason=str(error))
            if loop.time() - started_at >= self._timers.settled_s:
                pause_s = 0.0
            await asyncio.sleep(pause_s)
            pause_s = max(2 * pause_s, self._timers.first_pause_s)
            pause_s = min(pause_s, self._timers.longest_pause_s)

    async def _live(self) -> None:
        """One daemon from its start to its end."""
        process = await DaemonProcess.start(self._port)
        self._process = process
        try:
            while (line := await process.hear()) is not None:
                try:
                    message = decode(line)
                except ChannelError as error:
                    _log.warning("bfd_daemon_misunderstood", reason=str(error))
                    continue
                try:
                    self._hear(message)
                except Exception:  # one message that fails must not end BFD
                    _log.exception("bfd_message_not_taken")
        finally:
            self._process = None
            self._ready.clear()
            self._stop_grace()
            self._reported.daemon_died()
            status = await process.end()
            _log.info("bfd_daemon_ended", pid=process.pid, status=status)

    def _hear(self, message: Message) -> None:
        match message:
            case Ready():
                _log.info("bfd_daemon_ready", pid=self.pid, port=self._port)
                self._ready.set()
                self._say_desired()
                self._start_grace()
            case Changed(change):
                self._changed(change)
            case HandedOver(session_id, handover):
                if self._is_current(session_id):
                    self._handovers[session_id] = handover
                    self._reported.heard(session_id)
            case Converged(serial, errors):
                self._introduced = {
                    session_id: since
                    for session_id, since in self._introduced.items()
                    if since > serial
                }
                for waiting, answer in self._answers.items():
                    if waiting <= serial and not answer.done():
                        answer.set_result(errors)
            case Rejected(reason):
                _log.error("bfd_daemon_misunderstood", reason=reason)
            case Converge():
                _log.error("bfd_daemon_misunderstood", reason="the daemon gave an order")
            case _:
                assert_never(message)

    def _changed(self, change: BfdChange) -> None:
        if not self._is_current(change.session_id):
            return
        if not change.up:
            self._handovers.pop(change.session_id, None)
        report = self._reported.changed(change)
        if report is not None:
            self._report(report)

    def _report(self, change: BfdChange) -> None:
        try:
            self._on_change(change)
        except Exception:  # whoever is told of a change must not be able to end BFD
            _log.exception("bfd_change_not_taken", session_id=change.session_id)

    def _is_current(self, session_id: str) -> bool:
        """False for what the daemon said before it knew this session, of another of that name."""
        return session_id in self._desired and session_id not in self._introduced

    def _say_desired(self) -> None:
        """The whole intent; what a daemon that is not there misses, the next one is told."""
        if self._process is not None and self._ready.is_set():
            self._process.say(
                Converge(self._serial, tuple(self._desired.values()), self._handovers)
            )

    def _start_grace(self) -> None:
        self._stop_grace()
        self._grace = asyncio.get_running_loop().call_later(self._timers.grace_s, self._end_grace)

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _end_grace(self) -> None:
        for change in self._reported.grace_ended(time.time()):
            self._report(change)
