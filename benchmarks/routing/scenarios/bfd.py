"""BFD alone: what the BFD process spends on many sessions, and whether any is lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from benchmarks.routing.companions import Companion
from benchmarks.routing.daemons.base import PeerSetup, Setup
from benchmarks.routing.daemons.ours import Ours
from benchmarks.routing.process import BenchmarkError, cpu_seconds

ADDRESS: Final = "127.71.0.1"
INTERVAL_MS: Final = 300
MULTIPLIER: Final = 3
SETTLE_S: Final = 3.0
MEASURED_S: Final = 10.0
_PER_BLOCK: Final = 250
_FIRST_ASN: Final = 4_210_000_000


def bfd_peers(count: int) -> list[PeerSetup]:
    return [
        PeerSetup(
            f"b{index}",
            f"127.71.{16 + index // _PER_BLOCK}.{1 + index % _PER_BLOCK}",
            _FIRST_ASN + index,
            bfd=True,
        )
        for index in range(count)
    ]


def responder(peers: list[PeerSetup], remote: str) -> Companion:
    order = {
        "sessions": [(peer.address, remote) for peer in peers],
        "interval_ms": INTERVAL_MS,
        "multiplier": MULTIPLIER,
    }
    return Companion("bfd_responder", order)


def bfd(daemon: Ours, folder: Path, sessions: int) -> dict[str, float]:
    """`bfd_cpu_percent` of one processor, `bfd_lost` sessions, the `bfd_longest_silence_ms` that
    any remote system saw, and `bfd_remotes_late_ms`, how late those were themselves at most."""
    peers = bfd_peers(sessions)
    try:
        remote = daemon.start(Setup(folder, ADDRESS, peers))
        with responder(peers, remote) as remotes:
            remotes.hear("all up", 120)
            time.sleep(SETTLE_S)
            pid = bfd_process(daemon)
            cpu, started = cpu_seconds([pid]), time.monotonic()
            time.sleep(MEASURED_S)
            used = (cpu_seconds([pid]) - cpu) / (time.monotonic() - started)
            last = remotes.end()
        return {
            "bfd_cpu_percent": 100 * used,
            "bfd_lost": last["lost"],
            "bfd_longest_silence_ms": 1000 * last["longest_silence_s"],
            "bfd_remotes_late_ms": 1000 * last["latest_s"],
        }
    finally:
        daemon.stop()


def bfd_process(daemon: Ours) -> int:
    """Raises BenchmarkError when the server has none."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        pid = int(folder.name)
        named_here = any(str(daemon.data_dir).encode() in word for word in words)
        if b"routeserver.bfdd" in words and (named_here or pid in daemon.pids()):
            return pid
    raise BenchmarkError("routeserver has no BFD process")
