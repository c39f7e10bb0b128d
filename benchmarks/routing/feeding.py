"""The benchmark's end of the feeder process: orders out, events in, each waited for in time."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from benchmarks.routing.process import BenchmarkError, LateError
from benchmarks.routing.session import SessionSpec


class Feeding:
    """One feeder process; a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.routing.feeder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._output = self._process.stdout
        self._selector.register(self._output, selectors.EVENT_READ)
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._selector.close()

    def add(self, specs: Iterable[SessionSpec]) -> None:
        self._order("add", specs=[asdict(spec) for spec in specs])

    def open(self, names: list[str], seconds: float = 60.0) -> None:
        """Until all are established."""
        self._order("open", sessions=names)
        for name in names:
            self.wait("established", seconds, session=name)

    def push(self, names: list[str]) -> float:
        """Answers when the first byte went out."""
        self._order("push", sessions=names)
        return float(self.wait("pushing")["at"])

    def close(self, names: list[str]) -> float:
        """Cut the connections; answers when that was done."""
        self._order("close", sessions=names)
        return float(self.wait("closed")["at"])

    def expect(self, name: str, what: str, count: int) -> None:
        self._order("expect", sessions=[name], what=what, count=count)

    def counted(self, name: str, seconds: float) -> float:
        """When what was expected of this session came true."""
        return float(self.wait("counted", seconds, session=name)["at"])

    def forget(self, names: list[str]) -> None:
        self._order("forget", sessions=names)

    def report(self, names: list[str]) -> list[dict[str, Any]]:
        self._order("report", sessions=names)
        summaries: list[dict[str, Any]] = self.wait("report")["summaries"]
        return summaries

    def wait(self, event: str, seconds: float = 60.0, **wanted: object) -> dict[str, Any]:
        """The first such event not yet taken. Raises BenchmarkError, also when a session ends."""
        deadline = time.monotonic() + seconds
        while True:
            for seen in self.events:
                if seen["event"] == event and all(seen.get(k) == v for k, v in wanted.items()):
                    self.events.remove(seen)
                    return seen
                if seen["event"] == "ended":
                    raise BenchmarkError(f"session {seen['session']} ended: {seen['reason']}")
            self._hear(deadline, f"{event} {wanted}")

    def check(self) -> None:
        """Raises BenchmarkError when a session has ended."""
        while self._selector.select(0):
            self._hear(time.monotonic() + 1, "an event")
        for seen in self.events:
            if seen["event"] == "ended":
                raise BenchmarkError(f"session {seen['session']} ended: {seen['reason']}")

    def _order(self, order: str, /, **more: object) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        line = json.dumps({"do": order, **more}).encode() + b"\n"
        while line:
            line = line[self._process.stdin.write(line) :]

    def _hear(self, deadline: float, what: str) -> None:
        if not self._selector.select(max(0.0, deadline - time.monotonic())):
            raise LateError(f"the feeder does not report {what}")
        data = self._output.read(1 << 16)
        if not data:
            raise BenchmarkError("the feeder has ended; its last words are above")
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.events += [json.loads(line) for line in lines]
