"""One peer brings one table: how long until all of it is decided, and what it takes in memory."""

from __future__ import annotations

from pathlib import Path

from benchmarks.routing.daemons.base import Daemon, Setup
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.life import Life
from benchmarks.routing.scenarios.failover import ADDRESS, FIRST, session_specs
from benchmarks.routing.table_files import TableFiles
from benchmarks.routing.tables import Kind


def learn(
    daemon: Daemon, folder: Path, files: TableFiles, kind: Kind, count: int
) -> dict[str, float]:
    """`learn` in seconds, and `bytes` of memory for a route."""
    with Feeding() as feeding:
        try:
            remote = daemon.start(Setup(folder, ADDRESS, [FIRST], is_ipv6=kind is Kind.IPV6))
            feeding.add(session_specs(files, kind, count, remote, [FIRST]))
            life = Life(daemon, feeding)
            feeding.open([FIRST.name])
            life.calibrate()
            idle = life.resident()
            started = feeding.push([FIRST.name])
            life.results["learn"] = life.reach("learn", lambda seen: seen.best >= count) - started
            life.results["bytes"] = (life.resident() - idle) / count
            return life.results
        finally:
            daemon.stop()
