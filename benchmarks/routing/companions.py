"""Processes beside the feeder: the BFD responder and the API client, ordered by a line of JSON."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from benchmarks.routing.process import BenchmarkError


class Companion:
    """One process of a module here; a context manager. It ends when its standard input does."""

    def __init__(self, module: str, order: Mapping[str, object]) -> None:
        self._module = module
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-m", f"benchmarks.routing.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._say(order)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.end()

    def ask(self) -> Any:
        """What it says of itself now; for those that answer a line with a line."""
        self._say({})
        return self.hear("report")

    def hear(self, event: str, seconds: float = 60.0) -> Any:
        """The next such event; others before it are dropped. Raises BenchmarkError."""
        deadline = time.monotonic() + seconds
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                line = self._process.stdout.readline()
                if not line:
                    raise BenchmarkError(f"{self._module} has ended; its last words are above")
                said = json.loads(line)
                if said["event"] == event:
                    return said
        raise BenchmarkError(f"{self._module} does not say {event!r} within {seconds:.0f} s")

    def end(self) -> Any:
        """End it; answers its last line."""
        output, _ = self._process.communicate(timeout=60)
        return json.loads(output.splitlines()[-1]) if output else None

    def _say(self, order: Mapping[str, object]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
