"""Two peers with the same table: learn it, learn it again, lose the better peer, lose the other.

One life of a daemon gives the times of all four and what a route costs in memory. With a listener,
which joins after both tables are learned, the switch is over when the listener has been told all of
it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.routing.daemons.base import Counts, Daemon, PeerSetup, Setup
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.life import Life
from benchmarks.routing.session import SessionSpec
from benchmarks.routing.table_files import FIRST_ASN, SECOND_ASN, TableFiles
from benchmarks.routing.tables import FAMILIES, Kind

ADDRESS: Final = "127.71.0.1"
FIRST: Final = PeerSetup("first", "127.71.1.1", FIRST_ASN)
SECOND: Final = PeerSetup("second", "127.71.1.2", SECOND_ASN)
LISTENER: Final = PeerSetup("listener", "127.71.1.3", 4_200_000_003, is_listener=True)


def failover(
    daemon: Daemon, folder: Path, files: TableFiles, kind: Kind, count: int, *, listening: bool
) -> dict[str, float]:
    """`learn`, `learn_second`, `switch`, `withdraw` in seconds; `bytes_one` and `bytes_two` per
    prefix.

    Without a listener, a daemon that does not count best paths by peer has no `switch`.
    """
    peers = [FIRST, SECOND, *([LISTENER] if listening else [])]
    with Feeding() as feeding:
        try:
            setup = Setup(folder, ADDRESS, peers, is_ipv6=kind is Kind.IPV6)
            remote = daemon.start(setup)
            feeding.add(session_specs(files, kind, count, remote, peers))
            life = Life(daemon, feeding)
            _measure(life, count, listening=listening)
            return life.results
        finally:
            daemon.stop()


def session_specs(
    files: TableFiles, kind: Kind, count: int, remote: str, peers: list[PeerSetup]
) -> list[SessionSpec]:
    return [
        SessionSpec(
            peer.name,
            peer.address,
            remote,
            peer.asn,
            families=(FAMILIES[kind],),
            table="" if peer.is_listener else str(files.whole(kind, count, peer.address, peer.asn)),
            marker=SECOND_ASN if peer.is_listener else 0,
        )
        for peer in peers
    ]


def _measure(life: Life, count: int, *, listening: bool) -> None:
    feeding, results = life.feeding, life.results
    feeding.open([FIRST.name, SECOND.name])
    life.calibrate()
    idle, cpu = life.resident(), life.cpu()
    started = feeding.push([FIRST.name])
    results["learn"] = life.reach("learn", lambda seen: seen.best >= count) - started
    results["learn_cpu"] = life.cpu() - cpu
    results["bytes_one"] = (life.resident() - idle) / count
    started = feeding.push([SECOND.name])
    both = life.reach("learn the second", lambda seen: seen.paths >= 2 * count)
    results["learn_second"] = both - started
    results["bytes_two"] = (life.resident() - idle) / count
    if listening:
        feeding.open([LISTENER.name])
        feeding.expect(LISTENER.name, "announced", count)
        life.counted(LISTENER.name)
        feeding.expect(LISTENER.name, "marked", count)
    before = life.daemon.counts()
    started = feeding.close([FIRST.name])
    if listening:
        results["switch_listener"] = life.counted(LISTENER.name) - started
    elif before.best_via is not None or before.changes is not None:
        switched = life.reach("switch", lambda seen: _switched(before, seen) >= count)
        results["switch"] = switched - started
    life.reach("rest", lambda seen: seen.paths == count and seen.best >= count)
    feeding.check()
    started = feeding.close([SECOND.name])
    gone = life.reach("withdraw", lambda seen: seen.paths == 0 and seen.best == 0)
    results["withdraw_listener" if listening else "withdraw"] = gone - started


def _switched(before: Counts, seen: Counts) -> int:
    if seen.best_via is not None:
        return seen.best_via.get(SECOND.name, 0)
    return (seen.changes or 0) - (before.changes or 0)
