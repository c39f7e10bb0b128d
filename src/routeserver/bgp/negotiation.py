"""What we say in our OPEN, and what two OPENs together make of a session.

RFC 4271 §4.2 and §6.2, RFC 4760 §8, RFC 5492, RFC 6286 (any non-zero identifier), RFC 6793
(four-octet AS numbers), RFC 7607 (AS 0), RFC 8654 (extended messages), RFC 8950 (IPv4 over IPv6
next hops), RFC 7313, RFC 4724 and RFC 9494. A peer that offers no capabilities speaks IPv4 unicast
with two-octet AS numbers. Whatever is not in both OPENs is not in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from routeserver.bgp.capabilities import (
    SAFI_UNICAST,
    Capability,
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop,
    FourOctetAsn,
    Multiprotocol,
    RouteRefreshCapability,
    encode_capabilities,
)
from routeserver.bgp.errors import OpenError, open_error
from routeserver.bgp.framing import EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS
from routeserver.bgp.graceful_restart import (
    GracefulRestartOffer,
    LongLivedOffer,
    PeerLongLived,
    PeerRestart,
    peer_long_lived,
    peer_restart,
)
from routeserver.bgp.messages import AS_TRANS, Open
from routeserver.net.prefix import Family

MIN_SEND_HOLD_TIME_S: Final = 480  # RFC 9687 §3.1: eight minutes or twice the hold time


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Both ends of one session as configured.

    `keepalive_s` is at most a third of the negotiated hold time and that third when None.
    `offer_capabilities` False is for a peer that answers them with Unsupported Optional Parameter
    (RFC 5492 §3); it turns everything off that needs one. Routes whose next hop is `local_address`
    are refused (RFC 4271 §6.3); None leaves that to others.

    `extended_messages` (RFC 8654), `extended_next_hop` (RFC 8950), `enhanced_refresh` (RFC 7313),
    `graceful_restart` (RFC 4724) and `long_lived` (RFC 9494, only beside graceful restart) are
    offered when set. `accept_as_sets` takes paths that RFC 9774 has withdrawn. A peer that has not
    read for `send_hold_time_s` is given up (RFC 9687); None is that RFC's default, 0 is never.

    Raises ValueError for numbers that no session could have.
    """

    local_asn: int
    local_router_id: IPv4Address
    peer_asn: int
    hold_time_s: int = 30
    keepalive_s: int | None = None
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)
    accept_loopback_next_hops: bool = False
    offer_capabilities: bool = True
    local_address: IPv4Address | None = None
    extended_messages: bool = False
    extended_next_hop: bool = False
    enhanced_refresh: bool = False
    graceful_restart: GracefulRestartOffer | None = None
    long_lived: LongLivedOffer | None = None
    accept_as_sets: bool = False
    send_hold_time_s: int | None = None

    def __post_init__(self) -> None:
        for asn in (self.local_asn, self.peer_asn):
            if not 0 < asn <= 0xFFFFFFFF:
                raise ValueError(f"{asn} is not an AS number")
        if int(self.local_router_id) == 0:
            raise ValueError("the router id must not be 0.0.0.0")
        if not (self.hold_time_s == 0 or 3 <= self.hold_time_s <= 0xFFFF):
            raise ValueError(f"a hold time is 0 or 3 to 65535 seconds, not {self.hold_time_s}")
        if self.keepalive_s is not None and self.keepalive_s < 1:
            raise ValueError(f"a keepalive time is at least 1 second, not {self.keepalive_s}")
        if not self.families:
            raise ValueError("a session needs at least one family")
        if self.long_lived is not None and self.graceful_restart is None:
            raise ValueError("long-lived graceful restart needs graceful restart beside it")
        if self.send_hold_time_s is not None and self.send_hold_time_s < 0:
            raise ValueError(f"a send hold time is not negative, as {self.send_hold_time_s} is")


@dataclass(frozen=True, slots=True)
class Negotiated:
    """`keepalive_s` is 0 when the hold time is; `send_hold_time_s` is 0 when it is off.
    `extended_next_hop` are the families whose routes may have an IPv6 next hop though they are
    IPv4.
    """

    peer_router_id: IPv4Address
    hold_time_s: int
    keepalive_s: float
    families: tuple[Family, ...]
    four_octet_asn: bool
    max_message_octets: int = MAX_MESSAGE_OCTETS
    extended_next_hop: tuple[Family, ...] = ()
    route_refresh: bool = False
    enhanced_refresh: bool = False
    graceful_restart: PeerRestart | None = None
    long_lived: PeerLongLived | None = None
    send_hold_time_s: float = 0


def local_open(config: SessionConfig) -> Open:
    return Open(
        asn=config.local_asn if config.local_asn <= 0xFFFF else AS_TRANS,
        hold_time_s=config.hold_time_s,
        router_id=config.local_router_id,
        capabilities=tuple(_offered(config)) if config.offer_capabilities else (),
    )


def _offered(config: SessionConfig) -> Iterator[Capability]:
    """In the order of their codes, as not every peer reads them in another."""
    yield from _multiprotocol(config)
    yield RouteRefreshCapability()
    if config.extended_next_hop and Family.IPV4 in config.families:
        yield ExtendedNextHop(((Family.IPV4.value, SAFI_UNICAST, Family.IPV6.value),))
    if config.extended_messages:
        yield ExtendedMessage()
    if config.graceful_restart is not None:
        yield config.graceful_restart.capability()
    yield FourOctetAsn(config.local_asn)
    if config.enhanced_refresh:
        yield EnhancedRouteRefresh()
    if config.long_lived is not None:
        yield config.long_lived.capability()


def negotiate(config: SessionConfig, peer: Open) -> Negotiated:
    """Raises ProtocolError (OPEN Message Error) when the peer's OPEN is not acceptable."""
    four_octet_asn = _check_asn(config, peer)
    if int(peer.router_id) == 0:
        raise open_error(OpenError.BAD_BGP_IDENTIFIER, "the peer's BGP identifier is 0.0.0.0")
    if config.local_asn == config.peer_asn and peer.router_id == config.local_router_id:
        raise open_error(
            OpenError.BAD_BGP_IDENTIFIER,
            f"the peer in our own AS has our BGP identifier {peer.router_id}",
        )
    if peer.hold_time_s in {1, 2}:
        raise open_error(
            OpenError.UNACCEPTABLE_HOLD_TIME,
            f"a hold time of {peer.hold_time_s} s is not allowed",
        )
    hold_time_s = min(config.hold_time_s, peer.hold_time_s)
    third = hold_time_s / 3
    families = _common_families(config, peer)
    theirs = peer.capabilities if config.offer_capabilities else ()
    restart = peer_restart(config.graceful_restart, theirs, families)
    extended = config.extended_messages and ExtendedMessage() in theirs
    return Negotiated(
        peer_router_id=peer.router_id,
        hold_time_s=hold_time_s,
        keepalive_s=third if config.keepalive_s is None else min(config.keepalive_s, third),
        families=families,
        four_octet_asn=four_octet_asn and config.offer_capabilities,
        max_message_octets=EXTENDED_MESSAGE_OCTETS if extended else MAX_MESSAGE_OCTETS,
        extended_next_hop=_extended_next_hop(config, theirs, families),
        route_refresh=RouteRefreshCapability() in theirs,
        enhanced_refresh=config.enhanced_refresh and EnhancedRouteRefresh() in theirs,
        graceful_restart=restart,
        long_lived=peer_long_lived(config.long_lived, restart, theirs, families),
        send_hold_time_s=_send_hold_time_s(config, hold_time_s),
    )


def _send_hold_time_s(config: SessionConfig, hold_time_s: int) -> float:
    if config.send_hold_time_s is not None:
        return config.send_hold_time_s
    return max(MIN_SEND_HOLD_TIME_S, 2 * hold_time_s)


def _check_asn(config: SessionConfig, peer: Open) -> bool:
    """Whether the peer speaks four-octet AS numbers."""
    offered = {c.asn for c in peer.capabilities if isinstance(c, FourOctetAsn)}
    if len(offered) > 1:
        raise open_error(OpenError.UNSPECIFIC, "the four-octet AS capability has several values")
    asn = offered.pop() if offered else peer.asn
    if asn == 0 or peer.asn == 0:
        raise open_error(OpenError.BAD_PEER_AS, "the peer says AS 0")
    if asn != config.peer_asn:
        raise open_error(
            OpenError.BAD_PEER_AS, f"the peer says AS {asn}, configured is AS {config.peer_asn}"
        )
    if peer.asn not in {asn, AS_TRANS}:
        raise open_error(
            OpenError.BAD_PEER_AS,
            f"the peer says AS {peer.asn} in its OPEN and AS {asn} in its capability",
        )
    return any(isinstance(c, FourOctetAsn) for c in peer.capabilities)


def _common_families(config: SessionConfig, peer: Open) -> tuple[Family, ...]:
    offered = [c for c in peer.capabilities if isinstance(c, Multiprotocol)]
    theirs = {c.family for c in offered} if offered else {Family.IPV4}
    ours = config.families if config.offer_capabilities else (Family.IPV4,)
    common = tuple(family for family in ours if family in theirs)
    if not common:
        # RFC 5492 §3: the data lists what we would have needed.
        raise open_error(
            OpenError.UNSUPPORTED_CAPABILITY,
            "the peer offers no address family that is configured here",
            encode_capabilities(_multiprotocol(config)),
        )
    return common


def _extended_next_hop(
    config: SessionConfig, theirs: Iterable[Capability], families: tuple[Family, ...]
) -> tuple[Family, ...]:
    wanted = (Family.IPV4.value, SAFI_UNICAST, Family.IPV6.value)
    offered = any(isinstance(c, ExtendedNextHop) and wanted in c.tuples for c in theirs)
    if config.extended_next_hop and offered and Family.IPV4 in families:
        return (Family.IPV4,)
    return ()


def _multiprotocol(config: SessionConfig) -> tuple[Multiprotocol, ...]:
    return tuple(Multiprotocol(family.value, SAFI_UNICAST) for family in config.families)
