"""How often the daemon tells of one session: at once, but not again within a short window.

A remote system can change its session with every packet, as often as it likes. Without a bound each
change would cost the server a line to read, to log and to act on. What comes within the window is
put together: a loss, if there was one, and how the session stands at the end of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from routeserver.bfd.events import Handover
from routeserver.bfdd.channel import Changed, HandedOver
from routeserver.bfdd.deadlines import Loop, Timer
from routeserver.bfdd.spec import BfdChange

WINDOW_S: Final = 0.1


class Pacing:
    def __init__(self, loop: Loop, tell: Callable[[Changed | HandedOver], None]) -> None:
        self._loop = loop
        self._tell = tell
        self._changes: dict[str, _Waiting] = {}  # of the sessions told of in this window
        self._handovers: dict[str, Handover | None] = {}
        self._timer: Timer | None = None

    def changed(self, change: BfdChange) -> None:
        if not change.up and self._handovers.get(change.session_id):
            self._handovers[change.session_id] = None  # it is of no use any more
        waiting = self._changes.get(change.session_id)
        if waiting is not None:
            waiting.add(change)
            return
        self._changes[change.session_id] = _Waiting()
        self._start()
        self._tell(Changed(change))

    def handed_over(self, session_id: str, handover: Handover) -> None:
        if session_id in self._handovers:
            self._handovers[session_id] = handover
            return
        self._handovers[session_id] = None
        self._start()
        self._tell(HandedOver(session_id, handover))

    def flush(self) -> None:
        """Tell at once what waits, because a session's name may soon mean another session."""
        if self._timer is not None:
            self._timer.cancel()
            self._end_window()

    def forget(self) -> None:
        """Nobody is to be told what waits; a new owner begins with how the sessions stand."""
        self._changes.clear()
        self._handovers.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_at(self._loop.time() + WINDOW_S, self._end_window)

    def _end_window(self) -> None:
        changes, self._changes = self._changes, {}
        handovers, self._handovers = self._handovers, {}
        self._timer = None
        for session_id, waiting in changes.items():
            for change in waiting.told():
                self._changes[session_id] = _Waiting()
                self._tell(Changed(change))
        for session_id, handover in handovers.items():
            if handover is not None:
                self.handed_over(session_id, handover)
        if self._changes:
            self._start()


class _Waiting:
    """What has happened to one session since it was last told of."""

    __slots__ = ("_last", "_loss")

    def __init__(self) -> None:
        self._loss: BfdChange | None = None
        self._last: BfdChange | None = None

    def add(self, change: BfdChange) -> None:
        self._last = change
        if change.is_loss and (self._loss is None or change.failure):
            self._loss = change

    def told(self) -> list[BfdChange]:
        loss, last = self._loss, self._last
        if loss is last:
            loss = None
        return [change for change in (loss, last) if change is not None]
