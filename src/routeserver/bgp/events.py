"""What a session tells the code around it: facts, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TypeAlias

from routeserver.bgp.capabilities import Capability
from routeserver.bgp.errors import ErrorCode, Notification, OpenError, is_hard_reset
from routeserver.bgp.framing import MAX_MESSAGE_OCTETS
from routeserver.bgp.graceful_restart import PeerLongLived, PeerRestart
from routeserver.net.prefix import Family
from routeserver.net.route_batch import RouteBatch


@dataclass(frozen=True, slots=True)
class Established:
    """`families` are those that both sides speak; `hold_time_s` 0 means no keepalives at all.

    From `max_message_octets` on it says what both sides offered; see `negotiation.Negotiated`.
    `peer_capabilities` is all that the peer offered, for people to see.
    """

    peer_router_id: IPv4Address
    peer_asn: int
    hold_time_s: int
    families: tuple[Family, ...]
    four_octet_asn: bool
    max_message_octets: int = MAX_MESSAGE_OCTETS
    extended_next_hop: tuple[Family, ...] = ()
    route_refresh: bool = False
    enhanced_refresh: bool = False
    graceful_restart: PeerRestart | None = None
    long_lived: PeerLongLived | None = None
    peer_capabilities: tuple[Capability, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class RoutesReceived:
    """Routes of one family in the order of the wire: what the peer said last of a prefix holds.

    As many UPDATEs of one `receive` as possible are folded into one of these.
    """

    batch: RouteBatch


@dataclass(frozen=True, slots=True)
class EndOfRib:
    """The peer has sent all it had at the start (RFC 4724 §2)."""

    family: Family


@dataclass(frozen=True, slots=True)
class RefreshRequested:
    """The peer asks for all routes of a family again (RFC 2918)."""

    family: Family


@dataclass(frozen=True, slots=True)
class RefreshStarted:
    """The peer sends all its routes of a family again (RFC 7313 BoRR): what is not among them by
    RefreshEnded is gone.
    """

    family: Family


@dataclass(frozen=True, slots=True)
class RefreshEnded:
    """RFC 7313 EoRR; always after a RefreshStarted of the family."""

    family: Family


@dataclass(frozen=True, slots=True)
class UpdateIgnored:
    """An UPDATE, or a part of one, had no effect or counted as a withdrawal: why, and the octets
    at fault.
    """

    reason: str
    data: bytes
    verdict: str = "ignored"
    """What became of it, in a few words: ``treat as withdraw``, ``attribute discard``, …"""


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """The last event there is. The caller sends what is queued and closes the connection."""

    reason: str
    sent: Notification | None
    received: Notification | None
    was_established: bool

    @property
    def capabilities_refused(self) -> bool:
        """The peer does not know optional parameters at all: dial it once more with
        `offer_capabilities` False (RFC 5492 §3).
        """
        return (
            self.received is not None
            and self.received.code == ErrorCode.OPEN_MESSAGE_ERROR
            and self.received.subcode == OpenError.UNSUPPORTED_OPTIONAL_PARAMETER
        )

    def keeps_routes(self, restart: PeerRestart | None) -> bool:
        """Whether graceful restart begins with this end, given what was agreed: with a connection
        that broke (RFC 4724 §4.2), with a NOTIFICATION of either side only where both have said so
        and it is no Hard Reset (RFC 8538 §4).
        """
        if restart is None or not self.was_established:
            return False
        notification = self.sent or self.received
        if notification is None:
            return True
        return restart.notification and not is_hard_reset(notification)


Event: TypeAlias = (
    Established
    | RoutesReceived
    | EndOfRib
    | RefreshRequested
    | RefreshStarted
    | RefreshEnded
    | UpdateIgnored
    | SessionClosed
)
