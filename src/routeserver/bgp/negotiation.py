"""What we say in our OPEN, and what two OPENs together make of a session.

RFC 4271 §4.2 and §6.2, RFC 4760 §8, RFC 5492, RFC 6286 (any non-zero identifier), RFC 6793
(four-octet AS numbers), RFC 7607 (AS 0). A peer that offers no capabilities speaks IPv4 unicast
with two-octet AS numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from routeserver.bgp.capabilities import (
    SAFI_UNICAST,
    Capability,
    FourOctetAsn,
    Multiprotocol,
    RouteRefreshCapability,
    encode_capabilities,
)
from routeserver.bgp.errors import OpenError, open_error
from routeserver.bgp.messages import AS_TRANS, Open
from routeserver.net.prefix import Family


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Both ends of one session as configured.

    `keepalive_s` is at most a third of the negotiated hold time and that third when None.
    `offer_capabilities` False is for a peer that answers them with Unsupported Optional Parameter
    (RFC 5492 §3). Routes whose next hop is `local_address` are refused (RFC 4271 §6.3); None
    leaves that to others.

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


@dataclass(frozen=True, slots=True)
class Negotiated:
    """`keepalive_s` is 0 when the hold time is."""

    peer_router_id: IPv4Address
    hold_time_s: int
    keepalive_s: float
    families: tuple[Family, ...]
    four_octet_asn: bool


def local_open(config: SessionConfig) -> Open:
    capabilities: tuple[Capability, ...] = ()
    if config.offer_capabilities:
        capabilities = (
            *_multiprotocol(config),
            RouteRefreshCapability(),
            FourOctetAsn(config.local_asn),
        )
    return Open(
        asn=config.local_asn if config.local_asn <= 0xFFFF else AS_TRANS,
        hold_time_s=config.hold_time_s,
        router_id=config.local_router_id,
        capabilities=capabilities,
    )


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
    return Negotiated(
        peer_router_id=peer.router_id,
        hold_time_s=hold_time_s,
        keepalive_s=third if config.keepalive_s is None else min(config.keepalive_s, third),
        families=_common_families(config, peer),
        four_octet_asn=four_octet_asn and config.offer_capabilities,
    )


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


def _multiprotocol(config: SessionConfig) -> tuple[Multiprotocol, ...]:
    return tuple(Multiprotocol(family.value, SAFI_UNICAST) for family in config.families)
