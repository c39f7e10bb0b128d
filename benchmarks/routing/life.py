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
from benchmarks.routing.process import LateError, cpu_seconds, poll, resident_bytes

SHORTEST_PAUSE_S: Final = 0.010
PAUSE_PER_LOOK: Final = 20.0
LONGEST_LIFE_S: Final = 240.0
"""Of a daemon, from its feeder's start: what it has not done by then is not waited for."""
_SETTLE_S: Final = 0.5
_TRIAL_LOOKS: Final = 15


@dataclass(slots=True)
class Life:
    """`results` is what was measured so far, which counts even if the rest takes too long."""

    daemon: Daemon
    feeding: Feeding
    results: dict[str, float] = field(default_factory=dict)
    pause_s: float = SHORTEST_PAUSE_S
    looks: int = 0
    cpu_per_look_s: float = 0.0
    ends_at: float = field(default_factory=lambda: time.monotonic() + LONGEST_LIFE_S)

    @property
    def patience_s(self) -> float:
        """What is left of the longest time that a life may take."""
        return max(1.0, self.ends_at - time.monotonic())

    def settle(self) -> float:
        """What a new session has left to do comes to an end; how long that was given."""
        before = time.monotonic()
        time.sleep(_SETTLE_S)
        return time.monotonic() - before

    def calibrate(self) -> None:
        """To be called while the daemon is idle: learns what a look costs.

        It first lets what its start and its new sessions have left to do come to an end.
        """
        self.settle()
        self.settle()
        times = []
        cpu = self.cpu()
        for _ in range(_TRIAL_LOOKS):
            before = time.monotonic()
            self.daemon.counts()
            times.append(time.monotonic() - before)
            # As far apart as they will be: after a pause it is not in the caches any more.
            time.sleep(SHORTEST_PAUSE_S)
        self.cpu_per_look_s = (self.cpu() - cpu) / len(times)
        self.pause_s = max(SHORTEST_PAUSE_S, PAUSE_PER_LOOK * median(times))
        self.results["resolution"] = self.pause_s

    def sees(self, look: Callable[[Counts], bool]) -> bool:
        """One look: are the daemon's counts as wanted?"""
        self.looks += 1
        self.daemon.check()
        self.feeding.check()
        return look(self.daemon.counts())

    def reach(self, what: str, look: Callable[[Counts], bool]) -> float:
        """When the daemon's counts were first as wanted."""

        try:
            return poll(
                f"{self.daemon.name}: {what}",
                lambda: self.sees(look),
                seconds=self.patience_s,
                pause_s=self.pause_s,
                pause_per_look=PAUSE_PER_LOOK if self.daemon.walks else 1.0,
            )
        except LateError as error:
            last = f"{error}; its last words: {self.daemon.counts()}"
            raise LateError(last, self.results) from error

    def counted(self, name: str) -> float:
        """When what the feeder expects of this session came true."""
        try:
            return self.feeding.counted(name, self.patience_s)
        except LateError as error:
            raise LateError(str(error), self.results) from error

    def resident(self) -> int:
        """After a moment in which nothing happens."""
        self.settle()
        return resident_bytes(self.daemon.pids())

    def cpu(self) -> float:
        return cpu_seconds(self.daemon.pids())
