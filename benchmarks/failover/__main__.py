"""``python -m benchmarks.failover``: as root, measure, print a table and the verdicts, write the
samples."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.failover import report
from benchmarks.failover.rounds import AFTER_S, Round, RoundError, events, one
from benchmarks.failover.scene import A, Scene, built
from routeserver.app.errors import StartError
from routeserver.cli.lab import ACCESS
from routeserver.lab import server
from routeserver.lab.failing import How

RESTART: Final = "restart"
CRASH: Final = "crash"
WITHDRAWAL: Final = "withdrawal"
WAYS: Final = (*(how.value for how in How), WITHDRAWAL, RESTART, CRASH)
MILLION: Final = 1_000_000
LONGER_S: Final = 6.0
"""After a restart: the server starts, and its peers call again."""


def main() -> int:
    arguments = _arguments()
    if arguments.smoke and os.geteuid() != 0:
        print("failover: needs root, for network namespaces; left out")
        return int(os.environ.get("ROUTESERVER_REQUIRE_DAEMONS") == "1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rounds: dict[tuple[int, str], list[Round]] = {}
    failed = False
    try:
        for routes in arguments.routes:
            with built(routes) as scene:
                print(f"{routes:,} routes: the lab is up", flush=True)
                for number in range(arguments.rounds):
                    for way in arguments.ways:
                        took = _round(scene, way)
                        rounds.setdefault((routes, way), []).append(took)
                        gap = "-" if took.gap_s is None else f"{took.gap_s * 1000:.0f} ms"
                        print(f"round {number + 1}: {way}: {took.lost} lost, gap {gap}", flush=True)
        if arguments.load:
            failed = not _load(arguments.load)
    except KeyboardInterrupt:
        print("\nstopped; what there is so far:")
    except (RoundError, StartError) as error:
        print(f"\n{error}; what there is so far:")
        failed = True
    print(f"\n{report.table(rounds)}\n")
    for verdict in report.verdicts(rounds):
        print("holds  " if verdict.holds else "FAILS  ", verdict.what)
        # A single round beside other work says whether it works, not how fast it is.
        failed = failed or not (verdict.holds or arguments.smoke)
    if arguments.results:
        _write(arguments.results, rounds)
    return int(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--routes", type=_numbers, default=(100, 100_000))
    parser.add_argument("--ways", type=_words, default=WAYS, help=", ".join(WAYS))
    parser.add_argument("--load", type=int, default=0, help="so many routes while BFD is watched")
    parser.add_argument("--smoke", action="store_true", help="does it run? one round at 100 routes")
    parser.add_argument("--results", type=Path, help="write all samples here, as JSON")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.rounds, arguments.routes, arguments.load = 1, (100,), 0
        arguments.ways = (How.KILL.value, How.BGP_STOP.value, CRASH)
    return arguments


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(","))


def _words(text: str) -> tuple[str, ...]:
    unknown = [word for word in text.split(",") if word not in WAYS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(WAYS)}")
    return tuple(text.split(","))


def _round(scene: Scene, way: str) -> Round:
    """And everything well again afterwards."""
    if way in {RESTART, CRASH}:
        took = one(scene, way, _restarting(scene, kindly=way == RESTART), after_s=LONGER_S)
        scene.settle()
        return took
    if way == WITHDRAWAL:
        took = one(scene, way, scene.withdraw)
        scene.announce()
        return took
    took = one(scene, way, lambda: scene.fail(How(way)), after_s=AFTER_S)
    scene.heal()
    return took


def _restarting(scene: Scene, *, kindly: bool) -> Callable[[], float]:
    def act() -> float:
        at = time.time()
        server.stop(scene.journal, kindly=kindly)
        server.start(scene.lab, scene.journal, ACCESS)
        return at

    return act


def _load(routes: int) -> bool:
    """A table of that size arrives from a third appliance; A's and B's BFD must not notice."""
    began = time.time()
    with built(100, load=routes) as scene:
        took = time.time() - began
        down = [each for each in events(scene) if each.get("event") == "bfd_down"]
    print(f"{routes:,} routes more within {took:.0f} s: {len(down)} false BFD detections")
    return not down


def _write(path: Path, rounds: dict[tuple[int, str], list[Round]]) -> None:
    document = {
        "machine": {"kernel": platform.release(), "python": platform.python_version()},
        "active": A,
        "samples": [
            {"routes": routes, **asdict(each)}
            for (routes, _), them in rounds.items()
            for each in them
        ],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
