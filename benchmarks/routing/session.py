"""One BGP session of a feeder: opens, keeps alive, pushes prepared bytes, counts what comes back.

No state machine to speak of: the far end is trusted to be a BGP speaker, and everything that is not
as expected is reported and ends the session.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.routing import wire
from benchmarks.routing.scan import Framer, RouteCounter
from benchmarks.routing.wire import Afi, Kind

READ_SIZE: Final = 1 << 18
WRITE_SIZE: Final = 1 << 20
BUFFER_SIZE: Final = 1 << 22

Report = Callable[..., None]
"""Told the name of an event, when, and more by keyword."""


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """What one session is; it travels as JSON."""

    name: str
    local: str
    remote: str
    asn: int
    families: tuple[int, ...] = (Afi.IPV4, Afi.IPV6)
    hold_time_s: int = 90
    table: str = ""
    """The file with the bytes to push."""
    marker: int = 0
    """The AS number whose paths are counted apart; with it the session counts routes at all."""


class FeedSession:
    """`step` sends and receives what can be without waiting; `wants_write` says when to call it."""

    def __init__(self, spec: SessionSpec, report: Report) -> None:
        self.spec = spec
        self.established_at = 0.0
        self.connected = False
        self.ended = False
        self.longest_silence_s = 0.0
        self._report = report
        self._framer = Framer()
        self.counter = RouteCounter(spec.marker.to_bytes(4)) if spec.marker else None
        self._awaited: list[tuple[str, int]] = []
        self._table = memoryview(Path(spec.table).read_bytes() if spec.table else b"")
        self._outgoing: list[memoryview] = []
        self._pushing = False
        self._keepalive_at = 0.0
        self._heard_at = 0.0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, BUFFER_SIZE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((spec.local, 0))
        self._fd = self.socket.fileno()

    def fileno(self) -> int:
        return self._fd

    def open(self) -> None:
        """Connect, and say OPEN. Raises OSError."""
        self.socket.settimeout(10)
        self.socket.connect((self.spec.remote, wire.PORT))
        self.socket.setblocking(False)
        self.connected = True
        families = [Afi(number) for number in self.spec.families]
        said = wire.open_message(self.spec.asn, self.spec.hold_time_s, self.spec.local, families)
        self._outgoing.append(memoryview(said))

    def push(self) -> None:
        self._pushing = True
        self._outgoing.append(self._table)

    def expect(self, what: str, count: int) -> None:
        """Report once this many prefixes are counted as `announced`, `marked` or `withdrawn`."""
        self._awaited.append((what, count))
        self._check_awaited()

    @property
    def wants_write(self) -> bool:
        return bool(self._outgoing) and not self.ended

    def write(self) -> None:
        try:
            while self._outgoing:
                first = self._outgoing[0]
                sent = self.socket.send(first[:WRITE_SIZE])
                if sent < len(first):
                    self._outgoing[0] = first[sent:]
                else:
                    del self._outgoing[0]
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error))
            return
        if self._pushing:
            self._pushing = False
            self._report("pushed", session=self.spec.name)

    def read(self) -> None:
        try:
            data = self.socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error))
            return
        if not data:
            self._end("closed by the daemon")
            return
        buffer, messages = self._framer.feed(data)
        if messages:
            self._heard(time.monotonic())
        for kind, start, end in messages:
            if kind != Kind.UPDATE:
                self._take(kind, buffer[start:end])
            elif self.counter is not None:
                self.counter.take(buffer, start, end)
        self._check_awaited()

    def _take(self, kind: int, body: bytes) -> None:
        if kind == Kind.OPEN:
            self._outgoing.append(memoryview(wire.KEEPALIVE))
        elif kind == Kind.KEEPALIVE and not self.established_at:
            self.established_at = self._keepalive_at = self._heard_at
            self._report("established", session=self.spec.name)
        elif kind == Kind.NOTIFICATION:
            self._end(f"NOTIFICATION {body[0]}/{body[1]} {body[2:].hex()}")

    def tick(self, now: float) -> None:
        """Say KEEPALIVE when a third of the hold time is over; look for silence."""
        if not self.established_at or self.ended or now < self._keepalive_at:
            return
        self._keepalive_at = now + self.spec.hold_time_s / 3
        if not self._outgoing:
            self._outgoing.append(memoryview(wire.KEEPALIVE))

    def forget_silence(self) -> None:
        """From here on is measured."""
        self._heard_at = time.monotonic()
        self.longest_silence_s = 0.0

    def close(self) -> None:
        """By closing the connection, as a router that lost its power."""
        self.ended = True
        self.socket.close()

    def summary(self) -> dict[str, Any]:
        silence = max(self.longest_silence_s, time.monotonic() - self._heard_at)
        summary: dict[str, Any] = {
            "name": self.spec.name,
            "up": bool(self.established_at) and not self.ended,
            "longest_silence_s": silence,
        }
        if self.counter is not None:
            summary["announced"] = self.counter.announced
            summary["marked"] = self.counter.marked
            summary["withdrawn"] = self.counter.withdrawn
        return summary

    def _heard(self, now: float) -> None:
        if self._heard_at:
            self.longest_silence_s = max(self.longest_silence_s, now - self._heard_at)
        self._heard_at = now

    def _check_awaited(self) -> None:
        for each in list(self._awaited):
            what, count = each
            if getattr(self.counter, what) >= count:
                self._awaited.remove(each)
                self._report("counted", session=self.spec.name, what=what, count=count)

    def _end(self, reason: str) -> None:
        if not self.ended:
            self.close()
            self._report("ended", session=self.spec.name, reason=reason)
