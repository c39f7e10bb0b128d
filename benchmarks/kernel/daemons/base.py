"""What every daemon under measurement does: it runs in a namespace and learns from one feeder."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchmarks.kernel.wire import Namespace

ASN: Final = 65000


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that takes connections at `address`; its routes appear in `daemon`, the feeder is at
    `local` in `feeder`. `processes` are its, with all that they have started."""

    daemon: Namespace
    feeder: Namespace
    address: str
    local: str
    processes: tuple[int, ...]


class Daemon(Protocol):
    @property
    def name(self) -> str: ...

    def missing(self) -> str | None:
        """The package to install, if that is needed."""

    def running(self, folder: Path, feeder_asn: int) -> AbstractContextManager[Running]:
        """One life of it, `folder` to write in."""
