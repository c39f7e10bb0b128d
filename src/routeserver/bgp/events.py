"""What a session tells the code around it: facts, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TypeAlias

from routeserver.bgp.errors import Notification
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix


@dataclass(frozen=True, slots=True)
class Established:
    """`families` are those that both sides speak; `hold_time_s` 0 means no keepalives at all."""

    peer_router_id: IPv4Address
    peer_asn: int
    hold_time_s: int
    families: tuple[Family, ...]
    four_octet_asn: bool


@dataclass(frozen=True, slots=True)
class RoutesReceived:
    """Apply `withdrawn` first, then `announced` from left to right: a prefix may be in several
    places.

    Several UPDATEs of one `receive` are folded into one of these as far as their order allows.
    """

    withdrawn: Sequence[Prefix]
    announced: Sequence[tuple[PathAttributes, Sequence[Prefix]]]


@dataclass(frozen=True, slots=True)
class EndOfRib:
    """The peer has sent all it had at the start (RFC 4724 §2)."""

    family: Family


@dataclass(frozen=True, slots=True)
class RefreshRequested:
    """The peer asks for all routes of a family again (RFC 2918)."""

    family: Family


@dataclass(frozen=True, slots=True)
class UpdateIgnored:
    """An UPDATE, or a part of one, had no effect or counted as a withdrawal: why, and the octets
    at fault.
    """

    reason: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The last event there is. The caller sends what is queued and closes the connection."""

    reason: str
    sent: Notification | None
    received: Notification | None
    was_established: bool


Event: TypeAlias = (
    Established | RoutesReceived | EndOfRib | RefreshRequested | UpdateIgnored | SessionClosed
)
