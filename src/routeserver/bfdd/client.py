"""The server's side of BFD: keeps a daemon running, tells it what to run, reports what changes.

A daemon that the last server left behind is taken over, with its sessions as they stand; one that
speaks another protocol or serves another port is replaced. A daemon that dies, or does not answer,
is replaced at once, then with growing pauses. The next one continues every session from where the
last one was, under the same discriminators, so that remote systems need not notice.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, assert_never

import structlog

from routeserver.bfd.events import Handover
from routeserver.bfdd.channel import (
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
    decode,
)
from routeserver.bfdd.meeting import meet
from routeserver.bfdd.process import DaemonProcess
from routeserver.bfdd.reported import ReportedSessions
from routeserver.bfdd.spec import BFD_PORT, BfdChange, BfdSpec, Discarded, Standing
from routeserver.bfdd.supplying import Source, Supplying

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
    gone_s: float = 1.0
    """How long a daemon that has closed its channel has to end; one that stays is met again."""


_DEFAULT_TIMERS: Final = DaemonTimers()


class BfdDaemon:
    """`on_change` is called from the event loop that `start` was called in, and must not block.

    The daemon is met in `folder`. Without this server it goes on for `linger_s`, and then ends as
    it does at once when this server closes; unless `survives_stop` makes that no difference.
    Sockets of networks that the daemon is not in come from `source`.
    """

    def __init__(
        self,
        on_change: Callable[[BfdChange], None],
        folder: Path,
        port: int = BFD_PORT,
        *,
        linger_s: float = 0.0,
        survives_stop: bool = False,
        source: Source | None = None,
        timers: DaemonTimers = _DEFAULT_TIMERS,
    ) -> None:
        self.discarded: Counter[tuple[str, str]] = Counter()
        """Packets that changed nothing, by session id (empty for none) and name of the reason."""
        self._on_change = on_change
        self._folder = folder
        self._port = port
        self._linger_s = linger_s
        self.survives_stop = survives_stop
        """Whether `close` leaves the daemon, to linger."""
        self._timers = timers
        self._desired: dict[str, BfdSpec] = {}
        self._handovers: dict[str, Handover] = {}
        self._reported = ReportedSessions()
        self._standing: dict[str, Standing] = {}  # of a daemon taken over, until intent is known
        self._serial = 0
        self._introduced: dict[str, int] = {}  # session id -> the serial that the daemon must reach
        self._answers: dict[int, asyncio.Future[Mapping[str, str]]] = {}
        self._process: DaemonProcess | None = None
        self._source = source
        self._supplying: Supplying | None = None
        self._saying = asyncio.Lock()
        self._ready = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._trouble = "it does not answer"

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
            raise BfdDaemonError(f"the BFD daemon does not start: {self._trouble}") from error

    async def converge(self, desired: Mapping[str, BfdSpec]) -> Mapping[str, str]:
        """Run exactly the desired sessions; answers for each that cannot run why not.

        A daemon that dies meanwhile is replaced, and the new one's answer is awaited.
        """
        wanted = dict(desired)
        unmoved = {
            session_id
            for session_id, spec in wanted.items()
            if (old := self._desired.get(session_id)) and old.ends == spec.ends
        }
        standing, self._standing = self._standing, {}
        found = [
            known
            for session_id, spec in wanted.items()
            if (known := standing.get(session_id)) and known.is_of(spec)
        ]
        unmoved.update(known.session_id for known in found)
        self._desired = wanted
        self._reported.keep_only(unmoved)
        self._handovers = {key: self._handovers[key] for key in self._handovers.keys() & unmoved}
        self._serial += 1
        serial = self._serial
        pending = {key: since for key, since in self._introduced.items() if key in unmoved}
        self._introduced = pending | dict.fromkeys(wanted.keys() - unmoved, serial)
        answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._answers[serial] = answer
        self._attach(found)
        faults = await self._say_desired()
        try:
            async with asyncio.timeout(self._timers.answer_s):
                return {**await answer, **faults}
        except TimeoutError:
            _log.error("bfd_daemon_unresponsive", pid=self.pid)
            if self._process is not None:
                self._process.kill()
            reason = "the BFD daemon does not answer; it is being restarted"
            return dict.fromkeys(desired, reason)
        finally:
            self._answers.pop(serial, None)

    def is_up(self, session_id: str) -> bool:
        standing = self._standing.get(session_id)
        return self._reported.is_up(session_id) if standing is None else standing.up

    async def close(self) -> None:
        """End the daemon, which tells every remote system AdminDown, or leave it for the next."""
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
                self._trouble = str(error)
                _log.warning("bfd_daemon_not_started", reason=str(error))
            if loop.time() - started_at >= self._timers.settled_s:
                pause_s = 0.0
            await asyncio.sleep(pause_s)
            pause_s = max(2 * pause_s, self._timers.first_pause_s)
            pause_s = min(pause_s, self._timers.longest_pause_s)

    async def _live(self) -> None:
        """One daemon, from where it is met to its end. Raises OSError when there is none."""
        process, greeting = await meet(
            self._folder, self._port, linger_s=self._linger_s, answer_s=self._timers.answer_s
        )
        self._process = process
        try:
            await self._taken_over(process, greeting)
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
        except asyncio.CancelledError:
            self._process = None
            if self.survives_stop:
                await process.leave()
            else:
                await process.end()
            raise
        finally:
            self._process = None
            if self._supplying is not None:
                self._supplying.close()
                self._supplying = None
            self._ready.clear()
            self._stop_grace()
            self._standing = {}
            self._reported.daemon_died()
        gone = await process.leave(gone_within_s=self._timers.gone_s)
        _log.info("bfd_daemon_ended" if gone else "bfd_daemon_lost", pid=process.pid)

    def _hear(self, message: Message) -> None:
        match message:
            case Changed(change):
                self._changed(change)
            case HandedOver(session_id, handover):
                self._handed_over(session_id, handover)
            case Converged(serial, errors):
                self._converged(serial, errors)
            case PacketsDiscarded(packets):
                self._packets_discarded(packets)
            case Rejected(reason) | Refused(reason):
                _log.error("bfd_daemon_misunderstood", reason=reason)
            case Ready() | Attach() | Converge():
                reason = f"{type(message).__name__} is not for the daemon to say here"
                _log.error("bfd_daemon_misunderstood", reason=reason)
            case _:
                assert_never(message)

    async def _taken_over(self, process: DaemonProcess, greeting: Ready) -> None:
        """What the daemon runs already is taken as it stands."""
        if self._source is not None:
            self._supplying = Supplying(self._source, self._folder, self._port, process.pid)
            self._supplying.has(
                (standing.session_id, standing.network, standing.local)
                for standing in greeting.standing
            )
        _log.info("bfd_daemon_ready", pid=process.pid, port=self._port)
        self._ready.set()
        process.say(Attach(self._linger_s))
        if self._serial == 0:  # nobody has said yet what is wanted
            self._standing = {standing.session_id: standing for standing in greeting.standing}
            return
        self._attach(
            [
                standing
                for standing in greeting.standing
                if (spec := self._desired.get(standing.session_id))
                and spec.session_id not in self._introduced
                and standing.is_of(spec)
            ]
        )
        await self._say_desired()
        self._start_grace()

    def _attach(self, standing: Sequence[Standing]) -> None:
        for known in standing:
            if known.handover is not None:
                self._handovers[known.session_id] = known.handover
            for change in self._reported.attached(known, time.time()):
                self._report(change)

    def _handed_over(self, session_id: str, handover: Handover) -> None:
        if session_id in self._standing:
            known = self._standing[session_id]
            self._standing[session_id] = replace(known, handover=handover)
        elif self._is_current(session_id):
            self._handovers[session_id] = handover
            self._reported.heard(session_id)

    def _converged(self, serial: int, errors: Mapping[str, str]) -> None:
        self._introduced = {
            session_id: since for session_id, since in self._introduced.items() if since > serial
        }
        for waiting, answer in self._answers.items():
            if waiting <= serial and not answer.done():
                answer.set_result(errors)

    def _changed(self, change: BfdChange) -> None:
        known = self._standing.get(change.session_id)
        if known is not None:
            known = replace(known, up=change.up, admin_down=change.admin_down)
            if change.is_loss:
                known = replace(known, handover=None, loss=change)
            self._standing[change.session_id] = known
            return
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

    def _packets_discarded(self, packets: Sequence[Discarded]) -> None:
        """The daemon says this seldom and of few kinds, so that the log needs no limit here."""
        for packet in packets:
            self.discarded[packet.session_id, packet.reason.name.lower()] += packet.count
            _log.warning(
                "bfd_packets_discarded",
                peer_id=packet.session_id or None,
                source=packet.source or None,
                reason=packet.reason.value,
                count=packet.count,
                data=packet.data,
            )

    def _is_current(self, session_id: str) -> bool:
        """False for what the daemon said before it knew this session, of another of that name."""
        return session_id in self._desired and session_id not in self._introduced

    async def _say_desired(self) -> Mapping[str, str]:
        """The whole intent; what a daemon that is not there misses, the next one is told. Answers
        for each session that lacks a socket why."""
        async with self._saying:  # what is said last is what is wanted last
            faults: Mapping[str, str] = {}
            if self._supplying is not None:
                faults = await self._supplying.supply(dict(self._desired))
            if self._process is not None and self._ready.is_set():
                self._process.say(
                    Converge(self._serial, tuple(self._desired.values()), self._handovers)
                )
            return faults

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
