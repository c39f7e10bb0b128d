"""What a route costs in tables of several sizes: one table after the other in one life of a daemon,
each from a peer that leaves again.

Processor time is what a small table can be judged by, as it is over before anybody could look
twice. A look would cost as much as such a table: so there is none in the first half second, the
time is read before each look, and what the daemon takes while nothing happens, which is measured
just before, is taken off. The median of the tables counts: what is done only once in a life, such
as reading a program's pages from its file, is no cost of a route, and what one interruption spoils
is one table of several.
"""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.routing.daemons.base import Daemon, PeerSetup, Setup
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.life import Life
from benchmarks.routing.process import LateError
from benchmarks.routing.scenarios.failover import ADDRESS, session_specs
from benchmarks.routing.table_files import FIRST_ASN, TableFiles
from benchmarks.routing.tables import Kind

FEWEST_TABLES: Final = 3
MOST_TABLES: Final = 20
_ROUTES: Final = 1_000_000


def scaling(daemon: Daemon, folder: Path, files: TableFiles, count: int) -> dict[str, float]:
    """`cpu_us`: microseconds of processor time for a route."""
    tables = max(FEWEST_TABLES, min(MOST_TABLES, _ROUTES // count))
    peers = [
        PeerSetup(f"s{number}", f"127.71.5.{number + 1}", FIRST_ASN) for number in range(tables)
    ]
    with Feeding() as feeding:
        try:
            remote = daemon.start(Setup(folder, ADDRESS, peers))
            feeding.add(session_specs(files, Kind.INTERNET, count, remote, peers))
            life = Life(daemon, feeding)
            feeding.open([peers[0].name])
            life.calibrate()
            costs = [_cost(life, peer, count, is_open=peer is peers[0]) for peer in peers]
            return {**life.results, "cpu_us": median(costs) * 1e6}
        finally:
            daemon.stop()


def _cost(life: Life, peer: PeerSetup, count: int, *, is_open: bool) -> float:
    """Of one table, for a route, in seconds."""
    if not is_open:
        life.feeding.open([peer.name])
        life.settle()
    before = life.cpu()
    idle_s = life.settle()
    cpu, looks = life.cpu(), life.looks
    idle = (cpu - before) / idle_s
    spent = given_s = 0.0
    life.feeding.push([peer.name])
    while True:
        given_s += life.settle()
        looked = (life.looks - looks) * life.cpu_per_look_s
        spent = life.cpu() - cpu - looked - idle * given_s
        if life.sees(lambda seen: seen.best >= count):
            break
        if time.monotonic() > life.ends_at:
            raise LateError(f"{life.daemon.name}: learn of {peer.name}", life.results)
    life.feeding.close([peer.name])
    life.reach(f"loss of {peer.name}", lambda seen: seen.paths == 0 and seen.best == 0)
    return spent / count
