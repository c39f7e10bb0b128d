"""What is measured with which daemon, and in what order.

A round makes every measurement once with every daemon; from round to round another daemon begins,
so that what drifts on the machine favours none.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.routing.daemons.base import Daemon
from benchmarks.routing.daemons.bird import Bird
from benchmarks.routing.daemons.frr import Frr
from benchmarks.routing.daemons.gobgp import GoBgp
from benchmarks.routing.daemons.openbgpd import OpenBgpd
from benchmarks.routing.daemons.ours import Ours
from benchmarks.routing.process import BenchmarkError, LateError
from benchmarks.routing.scenarios.bfd import bfd
from benchmarks.routing.scenarios.failover import failover
from benchmarks.routing.scenarios.learn import learn
from benchmarks.routing.scenarios.load import load
from benchmarks.routing.scenarios.many import many
from benchmarks.routing.scenarios.scaling import scaling
from benchmarks.routing.table_files import TableFiles
from benchmarks.routing.tables import Kind

DAEMONS: Final[dict[str, Callable[[], Daemon]]] = {
    "bird": Bird,
    "ours": Ours,
    "ours-pure": lambda: Ours(pure=True),
    "openbgpd": OpenBgpd,
    "frr": Frr,
    "gobgp": GoBgp,
}
MEASUREMENTS: Final = ("internet", "packed", "ipv6", "many", "scaling", "load", "bfd")
SCALED: Final = ("bird", "ours")
"""Only these are measured at every size."""

MOST_ROUNDS: Final = {"ours-pure": 2, "openbgpd": 2, "frr": 2, "gobgp": 1}
"""Of those that are so much slower that a few per cent make no difference."""

MOST_ROUNDS_OF: Final = {"load": 2, "bfd": 2, "scaling": 3, "many": 3}
"""Of what takes long and has its own repetitions inside."""


@dataclass(frozen=True, slots=True)
class Options:
    daemons: Sequence[str] = tuple(DAEMONS)
    measurements: Sequence[str] = MEASUREMENTS
    routes: int = 1_000_000
    sizes: Sequence[int] = (10_000, 100_000, 1_000_000, 2_000_000)
    peers: int = 200
    repeats: int = 5
    load_rounds: int = 5
    bfd_sessions: int = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One life of one daemon; `run` answers numbers by name."""

    measurement: str
    daemon: str
    run: Callable[[Path, TableFiles], dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class Sample:
    """What it has no value of failed, and then `error` says why."""

    measurement: str
    daemon: str
    values: dict[str, float | None]
    error: str = ""
    took_s: float = 0.0
    is_late: bool = False
    """What is missing takes longer than a life may (`life.LONGEST_LIFE_S`)."""


def steps(options: Options, round_number: int) -> Iterator[Step]:
    offset = round_number % max(1, len(options.daemons))
    daemons = [*options.daemons[offset:], *options.daemons[:offset]]
    for measurement in options.measurements:
        for daemon in daemons:
            rounds = MOST_ROUNDS.get(daemon, options.repeats)
            if round_number < min(rounds, MOST_ROUNDS_OF.get(measurement, rounds)):
                yield from _steps(options, measurement, daemon)


def _steps(options: Options, measurement: str, daemon: str) -> Iterator[Step]:
    make = DAEMONS[daemon]
    count = options.routes
    match measurement:
        case "internet":
            one = make()
            alone = one.sees_switch
            yield Step(
                measurement,
                daemon,
                lambda d, f: {**failover(make(), d, f, Kind.INTERNET, count, listening=not alone)},
            )
            if alone and one.exports:
                yield Step(
                    "listener",
                    daemon,
                    lambda d, f: {**failover(make(), d, f, Kind.INTERNET, count, listening=True)},
                )
        case "packed" | "ipv6":
            kind = Kind(measurement)
            yield Step(measurement, daemon, lambda d, f: {**learn(make(), d, f, kind, count)})
        case "many":
            each = count // options.peers
            yield Step(
                measurement, daemon, lambda d, f: {**many(make(), d, f, options.peers, each)}
            )
        case "scaling" if daemon in SCALED:
            for size in options.sizes:
                yield _scaling_step(daemon, size)
        case "load" if daemon == "ours":
            yield Step(
                measurement, daemon, lambda d, f: load(Ours(), d, f, count, options.load_rounds)
            )
        case "bfd" if daemon == "ours":
            yield Step(measurement, daemon, lambda d, _: {**bfd(Ours(), d, options.bfd_sessions)})
        case _:
            return


def _scaling_step(daemon: str, size: int) -> Step:
    return Step(
        f"scaling {size}",
        daemon,
        lambda d, f: {**scaling(DAEMONS[daemon](), d, f, size)},
    )


def carry_out(step: Step, files: TableFiles) -> Sample:
    """In a folder of its own, which is gone afterwards."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="routing-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # daemons that give up being root must still reach it
        values: dict[str, float | None] = {}
        error, is_late = "", False
        try:
            values = step.run(folder, files)
        except LateError as failure:
            values, error, is_late = {**failure.values}, str(failure), True
        except (BenchmarkError, OSError) as failure:
            error = str(failure)
    took_s = time.monotonic() - started
    return Sample(step.measurement, step.daemon, values, error, took_s, is_late)
