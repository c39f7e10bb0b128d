"""The recorder: listens in on a peer's sessions and hands out what it hears as JSON lines.

Off costs nothing: a connection without a tap only asks whether it has one. On, every line is made
in the turn of the event loop in which it happens, and waits in a bounded queue for its reader; a
reader that is slow loses lines and is told how many. A recorder that fails ends itself and never
the session.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

import structlog

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Established, Event
from routeserver.bgp.session import SessionConfig
from routeserver.observe import record_format
from routeserver.observe.record_format import Json

MAX_WAITING_OCTETS: Final = 8 << 20
"""Of lines that the reader has not taken: more than any one read of a session makes."""

READ_OCTETS: Final = 1 << 18

_log: Final = structlog.get_logger()


class Joined(Protocol):
    """`speaker.taps.Joined`."""

    @property
    def established(self) -> Established: ...
    @property
    def heard_at(self) -> float: ...
    @property
    def unframed(self) -> bytes: ...


class Recording:
    """All sessions of one peer, one after the other, until it is closed."""

    def __init__(
        self,
        peer_id: str,
        wall_clock: Callable[[], float],
        max_waiting_octets: int = MAX_WAITING_OCTETS,
    ) -> None:
        self.peer_id = peer_id
        self._wall_clock = wall_clock
        self._max_waiting = max_waiting_octets
        self._lines: deque[bytes] = deque()
        self._waiting = 0
        self._dropped = 0
        self._sessions = 0
        self._there = asyncio.Event()
        self._closed = False

    def session(self, config: SessionConfig, joined: Joined | None) -> SessionTap:
        """A session to be listened to, from its beginning (`joined` None) or from its middle on."""
        self._sessions += 1
        self.write(
            {
                "kind": "session",
                "version": record_format.VERSION,
                "session": self._sessions,
                "peer": self.peer_id,
                "at": self._wall_clock(),
                "config": record_format.encode(config),
                "joined": joined and _encode_joined(joined),
            }
        )
        return SessionTap(self, self._sessions)

    def close(self) -> None:
        """What waits is still read; then the lines end."""
        self._closed = True
        self._there.set()

    def write(self, line: Json) -> None:
        if self._closed:
            return
        if self._dropped and self._waiting < self._max_waiting // 2:
            self._append({"kind": "dropped", "lines": self._dropped})
            self._dropped = 0
        if self._waiting >= self._max_waiting or self._dropped:
            self._dropped += 1
        else:
            self._append(line)

    def _append(self, line: Json) -> None:
        octets = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        self._lines.append(octets)
        self._waiting += len(octets)
        self._there.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """One or many whole lines at a time, until the recording is closed."""
        while True:
            await self._there.wait()
            self._there.clear()
            while self._lines:
                yield self._take()
            if self._closed:
                if self._dropped:
                    yield json.dumps({"kind": "dropped", "lines": self._dropped}).encode() + b"\n"
                return

    def _take(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._lines and size < READ_OCTETS:
            taken.append(self._lines.popleft())
            size += len(taken[-1])
        self._waiting -= size
        return b"".join(taken)


def _encode_joined(joined: Joined) -> Json:
    return {
        "open": record_format.open_like(joined.established).hex(),
        "heard_at": joined.heard_at,
        "unframed": joined.unframed.hex(),
    }


class SessionTap:
    """What one connection shows: `speaker.connection.Tap`."""

    __slots__ = ("_number", "_recording")

    def __init__(self, recording: Recording, number: int) -> None:
        self._recording = recording
        self._number = number

    def told(
        self,
        fact: str,
        now: float,
        data: bytes = b"",
        notification: Notification | None = None,
        reason: str = "",
    ) -> None:
        line: Json = {"fact": fact, "now": now}
        if data:
            line["hex"] = data.hex()
        if notification is not None:
            line |= {"notification": record_format.encode(notification), "reason": reason}
        self._write("told", line)

    def decided(self, event: Event) -> None:
        try:
            line: Json = {"event": record_format.encode_event(event)}
        except Exception:  # a recorder that fails must not cost the session
            _log.exception("recorder_failed", peer_id=self._recording.peer_id)
            self._recording.close()
            return
        self._write("decided", line)

    def said(self, data: bytes) -> None:
        self._write("said", {"hex": data.hex()})

    def _write(self, kind: str, line: dict[str, Any]) -> None:
        self._recording.write({"kind": kind, "session": self._number, **line})


class Recorder:
    """The recordings under way, one for each peer at most."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._under_way: dict[str, Recording] = {}

    def begin(self, peer_id: str) -> Recording | None:
        """None while another recording of the peer is under way."""
        if peer_id in self._under_way:
            return None
        recording = self._under_way[peer_id] = Recording(peer_id, self._wall_clock)
        return recording

    def is_recording(self, peer_id: str) -> bool:
        return peer_id in self._under_way

    def end(self, recording: Recording) -> None:
        recording.close()
        self._under_way.pop(recording.peer_id, None)

    def close(self) -> None:
        for recording in list(self._under_way.values()):
            self.end(recording)
