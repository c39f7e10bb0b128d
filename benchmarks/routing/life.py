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
from statistics import median
from typing import Final

from benchmarks.routing.daemons.base import Counts, Daemon
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.process import BenchmarkError, cpu_seconds, poll, resident_bytes

SHORTEST_PAUSE_S: Final = 0.010
PAUSE_PER_LOOK: Final = 20.0
_SETTLE_S: Final = 0.5
_TRIAL_LOOKS: Final = 15


@dataclass(slots=True)
class Life:
    """`routes` is how many there will be at most, which decides how long to be patient; `results`
    is what was measured so far."""

    daemon: Daemon
    feeding: Feeding
    routes: int
    results: dict[str, float] = field(default_factory=dict)
    pause_s: float = SHORTEST_PAUSE_S
    looks: int = 0
    cpu_per_look_s: float = 0.0

    @property
    def patience_s(self) -> float:
        """A minute, and a millisecond for each route: many times what the slowest takes."""
        return 60.0 + self.routes / 1000

    def calibrate(self) -> None:
        """To be called while the daemon is idle: learns what a look costs.

        It first lets what its start and its new sessions have left to do come to an end.
        """
        time.sleep(2 * _SETTLE_S)
        times = []
        cpu = self.cpu()
        for _ in range(_TRIAL_LOOKS):
            before = time.monotonic()
            self.daemon.counts()
            times.append(time.monotonic() - before)
        self.cpu_per_look_s = (self.cpu() - cpu) / len(times)
        self.pause_s = max(SHORTEST_PAUSE_S, PAUSE_PER_LOOK * median(times))
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
                seconds=self.patience_s,
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
