"""Graceful restart in the two OPENs: what we offer, and what a peer's offer means.

RFC 4724 (flag R, the restart time, flag F per family), RFC 8538 (flag N: a NOTIFICATION is survived
too) and RFC 9494 (how long stale routes live on after the restart time). What is done with routes
while a peer is away is no business of a session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from routeserver.bgp.capabilities import (
    SAFI_UNICAST,
    Capability,
    GracefulRestart,
    LongLivedGracefulRestart,
    family_from,
)
from routeserver.net.prefix import Family

MAX_RESTART_TIME_S: Final = 0xFFF
MAX_STALE_TIME_S: Final = 0xFFFFFF

_RESTARTING: Final = 0x8  # R, of the four flag bits
_NOTIFICATION: Final = 0x4  # N
_FORWARDING: Final = 0x80  # F, of a family's flags


@dataclass(frozen=True, slots=True)
class GracefulRestartOffer:
    """What our capability says.

    `restarting` (R) is for the first OPEN after a restart; `notification` (N) lets the routes
    survive NOTIFICATIONs as well. `families` are those whose routes the peer is asked to keep while
    we restart, of them `forwarding` (F) those whose forwarding state outlived our restart. Without
    families we only help: the peer's routes are kept, ours are not asked for.

    Raises ValueError for a restart time that has no encoding.
    """

    restart_time_s: int = 120
    restarting: bool = False
    notification: bool = False
    families: tuple[Family, ...] = ()
    forwarding: tuple[Family, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.restart_time_s <= MAX_RESTART_TIME_S:
            raise ValueError(
                f"a restart time is 0 to {MAX_RESTART_TIME_S} seconds, not {self.restart_time_s}"
            )

    def capability(self) -> GracefulRestart:
        flags = _RESTARTING * self.restarting | _NOTIFICATION * self.notification
        families = [*self.families, *(f for f in self.forwarding if f not in self.families)]
        return GracefulRestart(
            flags,
            self.restart_time_s,
            tuple((f.value, SAFI_UNICAST, _FORWARDING * (f in self.forwarding)) for f in families),
        )


@dataclass(frozen=True, slots=True)
class LongLivedOffer:
    """RFC 9494: (family, how long its stale routes are to be kept), F as in `GracefulRestartOffer`.

    Raises ValueError for a time that has no encoding.
    """

    stale_times_s: tuple[tuple[Family, int], ...]
    forwarding: tuple[Family, ...] = ()

    def __post_init__(self) -> None:
        for _family, time_s in self.stale_times_s:
            if not 0 <= time_s <= MAX_STALE_TIME_S:
                raise ValueError(
                    f"a long-lived stale time is 0 to {MAX_STALE_TIME_S} seconds, not {time_s}"
                )

    def capability(self) -> LongLivedGracefulRestart:
        return LongLivedGracefulRestart(
            tuple(
                (family.value, SAFI_UNICAST, _FORWARDING * (family in self.forwarding), time_s)
                for family, time_s in self.stale_times_s
            )
        )


@dataclass(frozen=True, slots=True)
class PeerRestart:
    """What the peer's capability says of its restarts, as far as the session's families go.

    `notification` is True when both sides set N. `families` are those whose routes it wants kept;
    of them `forwarding` those whose forwarding state it says it has preserved.
    """

    restart_time_s: int
    restarting: bool
    notification: bool
    families: tuple[Family, ...]
    forwarding: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class PeerLongLived:
    """How long the peer wants its stale routes kept; `forwarding` as in `PeerRestart`."""

    stale_times_s: tuple[tuple[Family, int], ...]
    forwarding: tuple[Family, ...]

    def stale_time_s(self, family: Family) -> int:
        """0 for a family that the peer did not name."""
        return dict(self.stale_times_s).get(family, 0)


def peer_restart(
    offer: GracefulRestartOffer | None,
    capabilities: Iterable[Capability],
    families: tuple[Family, ...],
) -> PeerRestart | None:
    """None unless both sides offer it."""
    # RFC 4724 §3: of several instances the last one counts.
    theirs = [c for c in capabilities if isinstance(c, GracefulRestart)]
    if offer is None or not theirs:
        return None
    named = {family_from(afi, safi): flags for afi, safi, flags in theirs[-1].families}
    kept = tuple(family for family in families if family in named)
    return PeerRestart(
        restart_time_s=theirs[-1].restart_time_s,
        restarting=bool(theirs[-1].flags & _RESTARTING),
        notification=offer.notification and bool(theirs[-1].flags & _NOTIFICATION),
        families=kept,
        forwarding=tuple(family for family in kept if named[family] & _FORWARDING),
    )


def peer_long_lived(
    offer: LongLivedOffer | None,
    restart: PeerRestart | None,
    capabilities: Iterable[Capability],
    families: tuple[Family, ...],
) -> PeerLongLived | None:
    """None unless both sides offer it beside graceful restart (RFC 9494 §4.2)."""
    theirs = [c for c in capabilities if isinstance(c, LongLivedGracefulRestart)]
    if offer is None or restart is None or not theirs:
        return None
    named = {family_from(afi, safi): (flags, s) for afi, safi, flags, s in theirs[-1].families}
    kept = [family for family in families if family in named]
    return PeerLongLived(
        stale_times_s=tuple((family, named[family][1]) for family in kept),
        forwarding=tuple(family for family in kept if named[family][0] & _FORWARDING),
    )
