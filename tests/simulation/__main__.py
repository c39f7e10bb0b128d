"""``python -m tests.simulation --first 0 --count 10000``: stops at the first difference and prints
the shortest scenario that has it."""

from __future__ import annotations

import argparse
import sys

from tests.simulation import scenario
from tests.simulation.playing import play, shrunk
from tests.simulation.steps import STEPS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    wanted = parser.parse_args()
    for seed in range(wanted.first, wanted.first + wanted.count):
        whole = scenario.make(seed)
        if play(whole, STEPS) is not None:
            shortest = shrunk(whole, STEPS)
            sys.stdout.write(f"{shortest}\n{play(shortest, STEPS)}\n")
            return 1
    sys.stdout.write(f"{wanted.count} scenarios, no difference\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
