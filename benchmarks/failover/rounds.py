"""One round: probes run, something happens, and what the probes, the server's log and the kernel
saw of it is put on one time line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from benchmarks.failover.scene import A, B, Scene
from routeserver.lab.server import LOG

BEFORE_S: Final = 0.3
AFTER_S: Final = 1.6
END_S: Final = 30.0


class RoundError(Exception):
    """A round that shows nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of the wall clock. `gap_s` is from the last probe by A to the first by B, at the
    target. `line` are moments after `at`, of what was seen."""

    what: str
    sent: int
    lost: int
    gap_s: float | None
    line: dict[str, float] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        found = {"lost": float(self.lost), **{k: v * 1000 for k, v in self.line.items()}}
        return found if self.gap_s is None else {"gap": self.gap_s * 1000, **found}


@dataclass
class Probes:
    """What a prober saw, once it has ended."""

    journeys: list[dict[str, Any]] = field(default_factory=list)
    changes: list[tuple[str, float, int]] = field(default_factory=list)


@contextmanager
def probing(scene: Scene) -> Iterator[Probes]:
    """Probes run inside the block; behind it, what they saw is there."""
    command = [sys.executable, "-m", "benchmarks.failover.prober", scene.lab.name]
    prober = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    seen = Probes()
    try:
        if prober.stdout is None or prober.stdout.readline() != "ready\n":
            raise RoundError("the prober has ended")
        time.sleep(BEFORE_S)
        yield seen
        said, _ = prober.communicate(timeout=END_S)
        document = json.loads(said)
        seen.journeys = document["journeys"]
        seen.changes = [tuple(change) for change in document["changes"]]
    finally:
        prober.kill()
        prober.wait()


def one(scene: Scene, what: str, act: Callable[[], float], *, after_s: float = AFTER_S) -> Round:
    """`act` happens while probes run, and says at which moment."""
    with probing(scene) as seen:
        at = act()
        time.sleep(max(0.0, at + after_s - time.time()))
    return put_together(what, at, seen, _from_log(scene, at))


def put_together(what: str, at: float, seen: Probes, logged: Mapping[str, float]) -> Round:
    """`at` is when it happened, `logged` what the server says of it, in seconds after that."""
    arrived = [each for each in seen.journeys if each["arrived_at"] is not None]
    lost = len(seen.journeys) - len(arrived)
    line = dict(logged)
    by_b = [each["arrived_at"] for each in arrived if B in each["there"]]
    gap = None
    if by_b:
        first = min(by_b)
        line["first by B"] = first - at
        kernel = [moment for _, moment, _ in seen.changes if moment >= at]
        if kernel:
            # What the kernel told of next to that probe is what let it pass.
            line["kernel"] = min(kernel, key=lambda moment: abs(moment - first)) - at
            line["kernel done"] = kernel[-1] - at
        by_a = [each["arrived_at"] for each in arrived if A in each["there"]]
        gap = first - max((moment for moment in by_a if moment < first), default=at)
    return Round(what, len(seen.journeys), lost, gap, line)


_EVENTS: Final = {
    "bfd_down": "BFD down",
    "bgp_session_down": "BGP down",
    "fib_changed": "FIB",
}


def _from_log(scene: Scene, since: float) -> dict[str, float]:
    """The first of each kind of event."""
    found: dict[str, float] = {}
    for keys in events(scene):
        name = _EVENTS.get(keys.get("event", ""))
        if name is not None and name not in found and keys["moment"] >= since:
            found[name] = keys["moment"] - since
    return found


def events(scene: Scene) -> Iterator[dict[str, Any]]:
    """The server's log, each with its `moment`."""
    for line in (scene.journal.folder / LOG).read_text(errors="replace").splitlines():
        try:
            keys = json.loads(line)
            moment = datetime.fromisoformat(keys["timestamp"]).timestamp()
        except (ValueError, KeyError, TypeError):
            continue
        # What the BFD process measured itself is more exact than the line about it.
        yield {**keys, "moment": float(keys.get("at", moment))}
