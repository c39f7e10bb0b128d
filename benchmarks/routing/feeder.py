"""The process that plays the other routers: many sessions in one loop, told what to do by lines.

``python -m benchmarks.routing.feeder`` reads orders as JSON lines from its standard input and
answers with JSON lines. Times are those of the monotonic clock, which all processes of a machine
share. It ends with its standard input.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import sys
import time
from collections.abc import Iterable
from typing import Any, Final

from benchmarks.routing.session import FeedSession, SessionSpec

TICK_S: Final = 0.1
_STANDARD_INPUT: Final = 0


class Feeder:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[str, FeedSession] = {}
        self._masks: dict[str, int] = {}
        self._orders = b""
        self._open = True

    def run(self) -> None:
        self._selector.register(_STANDARD_INPUT, selectors.EVENT_READ, None)
        next_tick = 0.0
        while self._open:
            for session in self._sessions.values():
                self._watch(session)
            for key, mask in self._selector.select(TICK_S):
                if key.data is None:
                    self._hear()
                    continue
                if mask & selectors.EVENT_READ and not key.data.ended:
                    key.data.read()
                if mask & selectors.EVENT_WRITE and not key.data.ended:
                    key.data.write()
            now = time.monotonic()
            if now >= next_tick:
                next_tick = now + TICK_S
                for session in self._sessions.values():
                    session.tick(now)

    def _watch(self, session: FeedSession) -> None:
        name = session.spec.name
        wanted = 0
        if session.connected and not session.ended:
            wanted = selectors.EVENT_READ
            if session.wants_write:
                wanted |= selectors.EVENT_WRITE
        known = self._masks.get(name, 0)
        if wanted == known:
            return
        self._masks[name] = wanted
        if session.ended:
            self._selector.unregister(session)
        elif known:
            self._selector.modify(session, wanted, session)
        else:
            self._selector.register(session, wanted, session)

    def _hear(self) -> None:
        data = os.read(_STANDARD_INPUT, 1 << 20)
        if not data:
            self._open = False
            return
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:  # noqa: C901 - one case for each order
        if order["do"] == "add":
            self._add(SessionSpec(**fields) for fields in order["specs"])
            return
        sessions = [self._sessions[name] for name in order["sessions"]]
        match order["do"]:
            case "open":
                for session in sessions:
                    session.open()
            case "push":
                self._say("pushing")
                for session in sessions:
                    session.push()
            case "close":
                for session in sessions:
                    self._drop(session)
                self._say("closed")
            case "expect":
                for session in sessions:
                    session.expect(order["what"], order["count"])
            case "forget":
                for session in sessions:
                    session.forget_silence()
            case "report":
                self._say("report", summaries=[session.summary() for session in sessions])

    def _add(self, specs: Iterable[SessionSpec]) -> None:
        for spec in specs:
            self._sessions[spec.name] = FeedSession(spec, self._say)
        # Nothing that is here now need be looked at by the collector while a clock runs.
        gc.collect()
        gc.freeze()

    def _drop(self, session: FeedSession) -> None:
        if self._masks.pop(session.spec.name, 0):
            self._selector.unregister(session)
        session.close()
        del self._sessions[session.spec.name]

    def _say(self, event: str, **more: object) -> None:
        line = json.dumps({"event": event, "at": time.monotonic(), **more})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Feeder().run()
