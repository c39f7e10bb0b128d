"""What every daemon under measurement can be asked, and what it is to be set up for.

`counts` must be cheap: a daemon answers it from counters wherever it has them, because the question
is asked again and again while it works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

ASN: Final = 65000
SHORTEST_HOLD_TIME_S: Final = 90


@dataclass(frozen=True, slots=True)
class PeerSetup:
    name: str
    address: str
    asn: int
    is_listener: bool = False
    """It is told every best route, and tells none itself; no other peer is told anything."""
    bfd: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """One life of a daemon: where it listens, in what folder it may write, who its peers are."""

    folder: Path
    address: str
    peers: Sequence[PeerSetup]
    is_ipv6: bool = False
    hold_time_s: int = SHORTEST_HOLD_TIME_S


@dataclass(frozen=True, slots=True)
class Counts:
    paths: int
    """Usable routes of all peers together."""
    best: int
    """Prefixes for which a best path has been chosen."""
    best_via: Mapping[str, int] | None = field(default=None)
    """Of those, by peer name; None where telling would take a walk through the table."""
    changes: int | None = None
    """How often the best path of any prefix has changed, for daemons that count this instead."""


class Daemon(Protocol):
    """Started by `start`, which returns when the daemon takes connections, and ended by `stop`."""

    @property
    def name(self) -> str: ...

    @property
    def exports(self) -> bool:
        """Whether a listener can be told routes."""

    @property
    def sees_switch(self) -> bool:
        """Whether `counts` tells when the best paths have moved to another peer."""

    @property
    def walks(self) -> bool:
        """Whether `counts` takes the longer the more routes there are."""

    def missing(self) -> str | None:
        """The package to install, if that is needed."""

    def start(self, setup: Setup) -> str:
        """Answers the address to connect to."""

    def counts(self) -> Counts: ...

    def pids(self) -> list[int]: ...

    def check(self) -> None:
        """Raises BenchmarkError when it has ended by itself."""

    def stop(self) -> None: ...
