"""What a scrape looks at: plain numbers of one moment, by what they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RouteServerSample:
    """`fib_changes` counts since the process began."""

    route_server_id: str
    rib_routes: int
    fib_routes: int
    sessions_established: int
    fib_changes: int = 0


@dataclass(frozen=True, slots=True)
class PeerSample:
    """`bfd_up` is None for a peer whose liveness is BGP's keepalive.

    `ignored` counts UPDATEs by what became of them, `endings` sessions by who ended them with which
    code and subcode, `warnings` those about the prefix limit by their name in the log
    (`speaker.tally`), `bfd_discarded` BFD packets by reason.
    """

    route_server_id: str
    peer_id: str
    bgp_up: bool
    bfd_up: bool | None
    routes: int = 0
    held: int = 0
    discarded: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)
    endings: Mapping[tuple[str, int, int], int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    bfd_discarded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouteTableSample:
    route_table_id: str
    installed: int


@dataclass(frozen=True, slots=True)
class KernelSample:
    """Of the data plane that writes a kernel's tables; all but `routes` since the process began."""

    routes: int
    flips: int
    repairs: int
    refused: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is at this moment. `refused` counts connections that got no session, by endpoint
    and what kept them from it; `longest_turn_s` is the longest that one turn of the event loop took
    since the last look, None where nobody measures it."""

    route_servers: Sequence[RouteServerSample] = ()
    peers: Sequence[PeerSample] = ()
    route_tables: Sequence[RouteTableSample] = ()
    refused: Mapping[tuple[str, str], int] = field(default_factory=dict)
    longest_turn_s: float | None = None
    kernel: KernelSample | None = None
    """None where no kernel is written."""
