"""From a peer's settings to its session: what goes into the OPEN, what a restart may keep, and
which changes a live session survives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum, auto
from typing import Final

from routeserver.bgp.events import Established
from routeserver.bgp.graceful_restart import GracefulRestartOffer, LongLivedOffer
from routeserver.bgp.session import SessionConfig
from routeserver.net.peering import PeerSettings
from routeserver.net.prefix import Family
from routeserver.rib.restart import RestartTerms
from routeserver.speaker.spec import PeerSpec, Timers

_FAMILIES: Final = tuple(Family)


class Effect(Enum):
    """What a changed setting does to a session that is up."""

    RESTART = auto()
    """It is the session's from its OPEN on: Cease / Other Configuration Change, then a new one."""
    LIVE = auto()
    """It applies at once."""
    REIMPORT = auto()
    """The routes that are there pass the new rules, here and at once."""
    LIMIT = auto()
    """It holds at once; routes that the limit had kept out are asked for again."""
    ELSEWHERE = auto()
    """It is no business of the speaker's."""


EFFECTS: Final[Mapping[str, Effect]] = {
    "hold_time_s": Effect.RESTART,
    "keepalive_s": Effect.RESTART,
    "idle_hold_s": Effect.LIVE,
    "idle_hold_max_s": Effect.LIVE,
    "send_hold_s": Effect.RESTART,
    # Both sides change their key within the hold time, or TCP ends the session for them.
    "md5_password": Effect.LIVE,
    "ttl_security_hops": Effect.LIVE,
    "max_prefixes": Effect.LIMIT,
    "max_prefixes_warn_percent": Effect.LIVE,
    "max_prefixes_action": Effect.LIMIT,
    "max_prefixes_restart_s": Effect.LIVE,
    "max_attribute_octets": Effect.LIVE,
    "refresh_wait_s": Effect.LIVE,
    "import_rules": Effect.REIMPORT,
    "import_default": Effect.REIMPORT,
    "graceful_shutdown": Effect.REIMPORT,
    "graceful_restart": Effect.RESTART,
    "restart_time_s": Effect.RESTART,
    "stale_time_s": Effect.LIVE,
    "long_lived_stale_time_s": Effect.RESTART,
    "extended_messages": Effect.RESTART,
    "extended_next_hop": Effect.RESTART,
    "enhanced_refresh": Effect.RESTART,
    # Not in the OPEN, but what a session makes of an attribute is decided once for all of it.
    "accept_as_sets": Effect.RESTART,
    "bgp_waits_for_bfd": Effect.LIVE,
    "bfd_interval_ms": Effect.ELSEWHERE,
    "bfd_multiplier": Effect.ELSEWHERE,
    "bfd_authentication": Effect.ELSEWHERE,
}
"""One for each field of `PeerSettings`."""


def effects(before: PeerSettings, after: PeerSettings) -> frozenset[Effect]:
    """What changing one into the other does to a session that is up."""
    return frozenset(
        EFFECTS[field.name]
        for field in fields(PeerSettings)
        if getattr(before, field.name) != getattr(after, field.name)
    )


def session_config(
    peer: PeerSpec, timers: Timers, base: SessionConfig, *, restarting: bool = False
) -> SessionConfig:
    """`base` is what the route server and the endpoint say; `restarting`: this process has come up
    after another one (flag R; flag F as `timers` says)."""
    settings = peer.settings
    hold = timers.hold_time_s if settings.hold_time_s is None else settings.hold_time_s
    keepalive = timers.keepalive_s
    if settings.keepalive_s is not None:
        keepalive = settings.keepalive_s
    restart = long_lived = None
    if settings.graceful_restart:
        kept = _FAMILIES if restarting and timers.forwarding_kept else ()
        restart = GracefulRestartOffer(
            restart_time_s=settings.restart_time_s,
            restarting=restarting,
            notification=True,
            # An endpoint announces nothing, so a peer has nothing to keep for it. Asked to, FRR
            # would wait the Restart Time for a call from us, and an endpoint does not dial.
            families=kept,
            forwarding=kept,
        )
        if settings.long_lived_stale_time_s:
            times = tuple((family, settings.long_lived_stale_time_s) for family in _FAMILIES)
            long_lived = LongLivedOffer(times, forwarding=kept)
    return SessionConfig(
        local_asn=base.local_asn,
        local_router_id=base.local_router_id,
        peer_asn=peer.asn,
        hold_time_s=hold,
        keepalive_s=keepalive,
        accept_loopback_next_hops=base.accept_loopback_next_hops,
        local_address=base.local_address,
        extended_messages=settings.extended_messages,
        extended_next_hop=settings.extended_next_hop,
        enhanced_refresh=settings.enhanced_refresh,
        graceful_restart=restart,
        long_lived=long_lived,
        accept_as_sets=settings.accept_as_sets,
        send_hold_time_s=settings.send_hold_s,
    )


def restart_terms(agreed: Established, settings: PeerSettings) -> RestartTerms | None:
    """What this session lets us keep when it is lost; None without graceful restart."""
    restart, long_lived = agreed.graceful_restart, agreed.long_lived
    if restart is None:
        return None
    longest = settings.long_lived_stale_time_s
    forwarding = frozenset(restart.forwarding)
    times: tuple[tuple[Family, float], ...] = ()
    if long_lived is not None:
        forwarding |= frozenset(long_lived.forwarding)
        times = tuple((family, float(min(s, longest))) for family, s in long_lived.stale_times_s)
    return RestartTerms(
        restart_time_s=min(restart.restart_time_s, settings.stale_time_s),
        stale_time_s=settings.stale_time_s,
        families=restart.families,
        forwarding=tuple(sorted(forwarding)),
        long_lived_s=times,
    )
