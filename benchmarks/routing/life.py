"""One life of a daemon with its feeder: looked at gently until it is as wanted.

A look must not become a part of what is measured. Daemons answer it from counters; it is repeated
after 10 ms or twenty times what it cost while the daemon was idle, whichever is longer, so that
looking takes a twentieth of one processor at most. Where an answer takes a walk through the table,
the pause grows with what the last one took.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.routing.daemons.base import Counts, Daemon
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.process import BenchmarkError, cpu_seconds, poll, resident_bytes

SLOWEST_S: Final = 600.0
SHORTEST_PAUSE_S: Final = 0.010
PAUSE_PER_LOOK: Final = 20.0
_SETTLE_S: Final = 0.5


@dataclass(slots=True)
class Life:
    """`results` is what was measured so far."""

    daemon: Daemon
    feeding: Feeding
    results: dict[str, float] = field(default_factory=dict)
    pause_s: float = SHORTEST_PAUSE_S
    looks: int = 0
    cpu_per_look_s: float = 0.0

    def calibrate(self) -> None:
        """To be called while the daemon is idle: learns what a look costs."""
        times = []
        cpu = self.cpu()
        for _ in range(5):
            before = time.monotonic()
            self.daemon.counts()
            times.append(time.monotonic() - before)
        self.cpu_per_look_s = (self.cpu() - cpu) / len(times)
        self.pause_s = max(SHORTEST_PAUSE_S, PAUSE_PER_LOOK * sorted(times)[2])
        self.results["resolution"] = self.pause_s

    def reach(self, what: str, look: Callable[[Counts], bool]) -> float:
        """When the daemon's counts were first as wanted."""

        def there() -> bool:
            self.looks += 1
            self.daemon.check()
            self.feeding.check()
            return look(self.daemon.counts())

        try:
            return poll(
                f"{self.daemon.name}: {what}",
                there,
                seconds=SLOWEST_S,
                pause_s=self.pause_s,
                pause_per_look=PAUSE_PER_LOOK if self.daemon.walks else 1.0,
            )
        except BenchmarkError as error:
            raise BenchmarkError(f"{error}; its last words: {self.daemon.counts()}") from error

    def resident(self) -> int:
        """After a moment in which nothing happens."""
        time.sleep(_SETTLE_S)
        return resident_bytes(self.daemon.pids())

    def cpu(self) -> float:
        return cpu_seconds(self.daemon.pids())
