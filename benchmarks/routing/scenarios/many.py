"""Many peers with a small table each, all at once; no prefix is announced by two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.routing.daemons.base import Daemon, PeerSetup, Setup
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.life import Life
from benchmarks.routing.session import SessionSpec
from benchmarks.routing.table_files import FIRST_ASN, TableFiles
from benchmarks.routing.tables import FAMILIES, Kind

ADDRESS: Final = "127.71.0.1"
MOST_PEERS: Final = 250


def many(
    daemon: Daemon, folder: Path, files: TableFiles, number: int, each: int
) -> dict[str, float]:
    """`many` is the time in seconds from the first byte of any of them until all is decided."""
    if not 1 <= number <= MOST_PEERS:
        raise ValueError(f"between 1 and {MOST_PEERS} peers, not {number}")
    peers = [
        PeerSetup(f"n{index}", f"127.71.2.{index + 1}", FIRST_ASN + index)
        for index in range(number)
    ]
    paths = files.parts(Kind.INTERNET, number, each, [peer.address for peer in peers])
    names = [peer.name for peer in peers]
    with Feeding() as feeding:
        try:
            remote = daemon.start(Setup(folder, ADDRESS, peers))
            feeding.add(
                SessionSpec(
                    peer.name,
                    peer.address,
                    remote,
                    peer.asn,
                    families=(FAMILIES[Kind.INTERNET],),
                    table=str(path),
                )
                for peer, path in zip(peers, paths, strict=True)
            )
            life = Life(daemon, feeding)
            feeding.open(names)
            life.calibrate()
            started = feeding.push(names)
            learnt = life.reach("learn from many", lambda seen: seen.best >= number * each)
            return {"many": learnt - started, **life.results}
        finally:
            daemon.stop()
