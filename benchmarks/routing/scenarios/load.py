"""How everything else fares while a full table arrives: the event loop, the API, the keepalives of
other sessions, BFD.

Two peers bring the same table and are lost again, and then two others: a few times over. The feeder
that pushes is a process of its own, so that it cannot be late for what is measured.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.routing.companions import Companion
from benchmarks.routing.daemons import cloud
from benchmarks.routing.daemons.base import Counts, PeerSetup, Setup
from benchmarks.routing.daemons.ours import Ours
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.life import Life
from benchmarks.routing.process import BenchmarkError
from benchmarks.routing.scenarios.bfd import bfd_peers, responder
from benchmarks.routing.scenarios.failover import ADDRESS, FIRST, SECOND, session_specs
from benchmarks.routing.session import SessionSpec
from benchmarks.routing.table_files import TableFiles
from benchmarks.routing.tables import Kind

IDLE_SESSIONS: Final = 20
IDLE_HOLD_TIME_S: Final = 3
BFD_SESSIONS: Final = 100
REQUESTS_PER_S: Final = 50
_BODY: Final = "Action=DescribeRouteServers&Version=2016-11-15"
_IDLE: Final = [
    PeerSetup(f"i{index}", f"127.71.3.{index + 1}", 4_220_000_000 + index)
    for index in range(IDLE_SESSIONS)
]


@dataclass(slots=True)
class Watched:
    """`arriving` is when routes came, as pairs of moments."""

    arriving: list[tuple[float, float]] = field(default_factory=list)
    turns_s: list[float] = field(default_factory=list)


def load(
    daemon: Ours, folder: Path, files: TableFiles, count: int, rounds: int
) -> dict[str, float | None]:
    """Times in milliseconds; None is what the server does not tell."""
    watched_by_bfd = bfd_peers(BFD_SESSIONS)
    pairs = [_pair(number) for number in range(rounds)]
    with Feeding() as pushing, Feeding() as idling:
        try:
            peers = [*itertools.chain(*pairs), *_IDLE, *watched_by_bfd]
            remote = daemon.start(Setup(folder, ADDRESS, peers))
            for pair in pairs:
                pushing.add(session_specs(files, Kind.INTERNET, count, remote, pair))
            idling.add(
                SessionSpec(peer.name, peer.address, remote, peer.asn, hold_time_s=IDLE_HOLD_TIME_S)
                for peer in _IDLE
            )
            names = [peer.name for peer in _IDLE]
            with responder(watched_by_bfd, remote) as remotes:
                idling.open(names)
                remotes.hear("all up", 60)
                idling.forget(names)
                with Companion("api_client", _request(daemon)) as client:
                    watched = Watched()
                    life = Life(daemon, pushing)
                    life.calibrate()
                    for pair in pairs:
                        _round(life, pair, count, watched)
                    asked = client.end()
                idling.check()
                silences = [each["longest_silence_s"] for each in idling.report(names)]
                lost = remotes.end()
            return {
                **_latencies(asked, watched),
                "longest_turn_ms": 1000 * max(watched.turns_s) if watched.turns_s else None,
                "keepalive_interval_ms": 1000 * IDLE_HOLD_TIME_S / 3,
                "keepalive_longest_ms": 1000 * max(silences),
                "bfd_lost": lost["lost"],
                "bfd_longest_silence_ms": 1000 * lost["longest_silence_s"],
            }
        finally:
            daemon.stop()


def _pair(number: int) -> list[PeerSetup]:
    """A better peer and a worse one, at addresses of their own: nobody calls again at once."""
    return [
        replace(peer, name=f"{peer.name}{number}", address=f"127.71.4.{10 * (number + 1) + index}")
        for index, peer in enumerate((FIRST, SECOND))
    ]


def _round(life: Life, pair: list[PeerSetup], count: int, watched: Watched) -> None:
    first, second = pair
    pushing = life.feeding
    pushing.open([first.name, second.name])
    daemon = life.daemon
    assert isinstance(daemon, Ours)  # noqa: S101 - what `load` measures
    for peer, paths in ((first, count), (second, 2 * count)):
        daemon.forget_turns()
        started = pushing.push([peer.name])
        end = life.reach(f"learn of {peer.name}", partial(_learnt, paths, count))
        watched.arriving.append((started, end))
        daemon.look_at_turns()
        if daemon.longest_turn_s is not None:
            watched.turns_s.append(daemon.longest_turn_s)
    pushing.close([first.name])
    life.reach("switch", lambda seen: seen.paths == count and seen.best == count)
    pushing.close([second.name])
    life.reach("withdraw", lambda seen: seen.paths == 0 and seen.best == 0)


def _learnt(paths: int, best: int, seen: Counts) -> bool:
    return seen.paths >= paths and seen.best >= best


def _latencies(asked: list[tuple[float, float, int]], watched: Watched) -> dict[str, float | None]:
    wrong = [status for _, _, status in asked if status != 200]
    if wrong:
        raise BenchmarkError(f"{len(wrong)} API requests were answered with {wrong[0]}")
    during = [
        latency
        for due, latency, _ in asked
        if any(start <= due <= end for start, end in watched.arriving)
    ]
    return {
        "api_requests": len(during),
        "api_p50_ms": 1000 * _percentile(during, 0.50),
        "api_p99_ms": 1000 * _percentile(during, 0.99),
        "api_all_p99_ms": 1000 * _percentile([latency for _, latency, _ in asked], 0.99),
    }


def _percentile(values: list[float], share: float) -> float:
    """The smallest value that so many are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _request(daemon: Ours) -> dict[str, Any]:
    """DescribeRouteServers, signed once for all times it is asked."""
    url = str(daemon.info["endpoint_url"])
    key = cloud.root_key(daemon.data_dir)
    request = AWSRequest(
        "POST",
        url,
        data=_BODY,
        headers={
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "Host": urlsplit(url).netloc,
        },
    )
    credentials = Credentials(key["access_key_id"], key["secret_access_key"])
    SigV4Auth(credentials, "ec2", cloud.REGION).add_auth(request)
    return {
        "host": urlsplit(url).hostname,
        "port": urlsplit(url).port,
        "body": _BODY,
        "headers": dict(request.headers.items()),
        "per_second": REQUESTS_PER_S,
    }
