"""What the peers of a route server share, and what they answer those they do not serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from routeserver.bgp.errors import Notification
from routeserver.speaker.owner import RibOwner
from routeserver.speaker.spec import Sink


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a connection gets no session, for the peer and for people."""

    notification: Notification
    reason: str


@dataclass(frozen=True, slots=True)
class PeerSurroundings:
    """What all peers of a route server share."""

    owner: RibOwner
    sink: Sink
    clock: Callable[[], float]
    server_limit: int | None
    bfd_permits: Callable[[str], bool]
    """Whether BFD with the peer is up, or administratively down at the peer."""
