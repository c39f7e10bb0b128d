"""What an appliance's daemons have to know, and what a configuration of them consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from routeserver.lab.model import Timers


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An endpoint that is called from an address of the appliance; `group` is the interface, by
    its place, whose announcements it hears."""

    local: IPv4Address
    endpoint: str
    asn: int
    group: int


@dataclass(frozen=True, slots=True)
class Speaker:
    """`groups` are the announcements of each interface."""

    asn: int
    router_id: IPv4Address
    med: int
    prepend: int
    bfd: bool
    timers: Timers
    groups: Sequence[Sequence[IPv4Network]]
    neighbours: Sequence[Neighbour]


@dataclass(frozen=True, slots=True)
class Program:
    """One process. `binary` is searched for in the usual places. `ready` is a socket that takes
    connections once it runs, and then says something where it `greets`."""

    name: str
    binary: str
    package: str
    arguments: Sequence[str]
    ready: Path | None
    speaks_bgp: bool = False
    speaks_bfd: bool = False
    greets: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """`files` by name, in the appliance's folder. `afterwards` are commands for once all programs
    are ready, each tried until it succeeds. `owner` is the user that must be able to write to the
    folder."""

    files: Mapping[str, str]
    programs: Sequence[Program]
    afterwards: Sequence[Sequence[str]] = field(default=())
    owner: str | None = None
