"""Graceful restart as the helper: what becomes of one peer's routes when its session is lost and it
may only be restarting. RFC 4724 §4.2, RFC 8538 and RFC 9494, as one table of transitions.

NORMAL: nothing is kept on account of a restart. RESTARTING: the session is gone and the routes stay
as stale for the peer's Restart Time. LONG_LIVED: that time is over and they stay as the least
preferred, family by family, for the long-lived stale time. RECOVERING: a session is up again; what
is stale waits for the End-of-RIB of its family, or for the stale timer.

Whether a loss is one that routes survive (a broken connection, or a NOTIFICATION where both sides
set flag N) is told by whoever saw the session end. What happens when a restart is given up is not
decided here but in `keeping`: to persistence that is an ordinary loss.

Pure: it holds no routes, and answers with imperatives for the owner of the RIB, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias, assert_never

from routeserver.net.prefix import Family
from routeserver.rib.retention import Hold, Sweep


class RestartState(Enum):
    NORMAL = auto()
    RESTARTING = auto()
    LONG_LIVED = auto()
    RECOVERING = auto()


class RestartEvent(Enum):
    """Facts about the peer."""

    LOST_KEEPING = auto()
    """The session is lost in a way that its routes survive for the Restart Time."""
    LOST_LONG_LIVED = auto()
    """The same with a Restart Time of 0 and a long-lived stale time."""
    LOST_FINAL = auto()
    RETURNED = auto()
    """A session is up, and of some kept family the peer has preserved the forwarding state (F)."""
    RETURNED_FRESH = auto()
    """A session is up, and of no kept family."""
    END_OF_RIB = auto()
    """Of one family; others are awaited."""
    LAST_END_OF_RIB = auto()
    TIME_OVER = auto()
    """The time of the state is over, and no long-lived one follows."""
    TIME_OVER_LONG_LIVED = auto()
    """The Restart Time is over, a long-lived stale time begins."""
    FAMILY_TIME_OVER = auto()
    """One family's long-lived stale time is over; others' are not."""
    FORWARDING_LOST = auto()
    """The peer does not forward: there is nothing to keep routes for (RFC 5882 §4.3.1)."""


@dataclass(frozen=True, slots=True)
class Demote:
    """The peer's stale routes lose against every other; those with NO_LLGR go (RFC 9494 §4.3)."""

    peer_id: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The peer is lost and nothing of it is kept for its restart any more."""

    peer_id: str


Action: TypeAlias = Hold | Sweep | Demote | GiveUp


class Verb(Enum):
    """What a transition asks for."""

    NOTHING = auto()
    KEEP = auto()
    """Hold the routes; those of families that are not kept go."""
    KEEP_ANEW = auto()
    """The same, but what is stale already goes first: a route survives one restart, not two in a
    row (RFC 4724 §4.2)."""
    KEEP_LONG_LIVED = auto()
    KEEP_LONG_LIVED_ANEW = auto()
    DEMOTE = auto()
    """Families without a long-lived stale time go, the others lose their preference."""
    AWAIT = auto()
    """Families whose forwarding state was not preserved go; the others wait for End-of-RIB."""
    SWEEP = auto()
    SWEEP_FAMILY = auto()
    GIVE_UP = auto()


_S: TypeAlias = RestartState
_E: TypeAlias = RestartEvent

TRANSITIONS: Final[Mapping[tuple[RestartState, RestartEvent], tuple[RestartState, Verb]]] = {
    (_S.NORMAL, _E.LOST_KEEPING): (_S.RESTARTING, Verb.KEEP),
    (_S.NORMAL, _E.LOST_LONG_LIVED): (_S.LONG_LIVED, Verb.KEEP_LONG_LIVED),
    (_S.NORMAL, _E.LOST_FINAL): (_S.NORMAL, Verb.GIVE_UP),
    # Routes that are held for another reason are not this table's to sweep.
    (_S.NORMAL, _E.RETURNED): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.RETURNED_FRESH): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.END_OF_RIB): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.LAST_END_OF_RIB): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.TIME_OVER): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.TIME_OVER_LONG_LIVED): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.FAMILY_TIME_OVER): (_S.NORMAL, Verb.NOTHING),
    # The session is up, and whoever lost BFD ends it.
    (_S.NORMAL, _E.FORWARDING_LOST): (_S.NORMAL, Verb.NOTHING),
    # A session that is not up cannot be lost; told twice, the first time counts.
    (_S.RESTARTING, _E.LOST_KEEPING): (_S.RESTARTING, Verb.NOTHING),
    (_S.RESTARTING, _E.LOST_LONG_LIVED): (_S.RESTARTING, Verb.NOTHING),
    (_S.RESTARTING, _E.LOST_FINAL): (_S.NORMAL, Verb.GIVE_UP),
    (_S.RESTARTING, _E.RETURNED): (_S.RECOVERING, Verb.AWAIT),
    (_S.RESTARTING, _E.RETURNED_FRESH): (_S.NORMAL, Verb.SWEEP),
    (_S.RESTARTING, _E.END_OF_RIB): (_S.RESTARTING, Verb.NOTHING),
    (_S.RESTARTING, _E.LAST_END_OF_RIB): (_S.RESTARTING, Verb.NOTHING),
    (_S.RESTARTING, _E.TIME_OVER): (_S.NORMAL, Verb.GIVE_UP),
    (_S.RESTARTING, _E.TIME_OVER_LONG_LIVED): (_S.LONG_LIVED, Verb.DEMOTE),
    (_S.RESTARTING, _E.FAMILY_TIME_OVER): (_S.RESTARTING, Verb.NOTHING),
    (_S.RESTARTING, _E.FORWARDING_LOST): (_S.NORMAL, Verb.GIVE_UP),
    (_S.LONG_LIVED, _E.LOST_KEEPING): (_S.LONG_LIVED, Verb.NOTHING),
    (_S.LONG_LIVED, _E.LOST_LONG_LIVED): (_S.LONG_LIVED, Verb.NOTHING),
    (_S.LONG_LIVED, _E.LOST_FINAL): (_S.NORMAL, Verb.GIVE_UP),
    (_S.LONG_LIVED, _E.RETURNED): (_S.RECOVERING, Verb.AWAIT),
    (_S.LONG_LIVED, _E.RETURNED_FRESH): (_S.NORMAL, Verb.SWEEP),
    (_S.LONG_LIVED, _E.END_OF_RIB): (_S.LONG_LIVED, Verb.NOTHING),
    (_S.LONG_LIVED, _E.LAST_END_OF_RIB): (_S.LONG_LIVED, Verb.NOTHING),
    (_S.LONG_LIVED, _E.TIME_OVER): (_S.NORMAL, Verb.GIVE_UP),
    (_S.LONG_LIVED, _E.TIME_OVER_LONG_LIVED): (_S.LONG_LIVED, Verb.NOTHING),
    (_S.LONG_LIVED, _E.FAMILY_TIME_OVER): (_S.LONG_LIVED, Verb.SWEEP_FAMILY),
    (_S.LONG_LIVED, _E.FORWARDING_LOST): (_S.NORMAL, Verb.GIVE_UP),
    (_S.RECOVERING, _E.LOST_KEEPING): (_S.RESTARTING, Verb.KEEP_ANEW),
    (_S.RECOVERING, _E.LOST_LONG_LIVED): (_S.LONG_LIVED, Verb.KEEP_LONG_LIVED_ANEW),
    (_S.RECOVERING, _E.LOST_FINAL): (_S.NORMAL, Verb.GIVE_UP),
    # One session is told as up once; a second time changes nothing.
    (_S.RECOVERING, _E.RETURNED): (_S.RECOVERING, Verb.NOTHING),
    (_S.RECOVERING, _E.RETURNED_FRESH): (_S.NORMAL, Verb.SWEEP),
    (_S.RECOVERING, _E.END_OF_RIB): (_S.RECOVERING, Verb.SWEEP_FAMILY),
    (_S.RECOVERING, _E.LAST_END_OF_RIB): (_S.NORMAL, Verb.SWEEP_FAMILY),
    (_S.RECOVERING, _E.TIME_OVER): (_S.NORMAL, Verb.SWEEP),
    (_S.RECOVERING, _E.TIME_OVER_LONG_LIVED): (_S.NORMAL, Verb.SWEEP),
    (_S.RECOVERING, _E.FAMILY_TIME_OVER): (_S.RECOVERING, Verb.SWEEP_FAMILY),
    (_S.RECOVERING, _E.FORWARDING_LOST): (_S.RECOVERING, Verb.NOTHING),
}


@dataclass(frozen=True, slots=True)
class RestartTerms:
    """What the OPENs of a session agreed on, within our own bounds.

    `families` are kept for `restart_time_s` from the loss on; `long_lived_s` says how much longer
    some are. Of `forwarding` the peer has preserved the forwarding state, if it comes back from a
    restart with this OPEN. `stale_time_s` bounds the wait for End-of-RIB after that.
    """

    restart_time_s: float
    stale_time_s: float
    families: tuple[Family, ...]
    forwarding: tuple[Family, ...] = ()
    long_lived_s: tuple[tuple[Family, float], ...] = ()

    @property
    def kept(self) -> frozenset[Family]:
        return frozenset(self.families) | {family for family, time_s in self.long_lived_s if time_s}


class PeerRestarting:
    """One peer's restarts. `terms` of None is a session without graceful restart."""

    def __init__(self, peer_id: str) -> None:
        self._peer_id = peer_id
        self._state = RestartState.NORMAL
        self._terms: RestartTerms | None = None
        self._kept: frozenset[Family] = frozenset()
        self._deadlines: dict[Family, float] = {}

    @property
    def state(self) -> RestartState:
        return self._state

    @property
    def is_keeping(self) -> bool:
        """Stale routes of the peer are here on account of its restart."""
        return self._state is not RestartState.NORMAL

    def next_deadline(self) -> float | None:
        return min(self._deadlines.values(), default=None)

    def session_up(self, terms: RestartTerms | None, now: float) -> list[Action]:
        self._terms = terms
        awaited = self._kept & frozenset(terms.forwarding if terms else ())
        event = RestartEvent.RETURNED if awaited else RestartEvent.RETURNED_FRESH
        return self._step(event, now)

    def agree(self, terms: RestartTerms | None) -> None:
        """Other terms for the session that is up; they count when it is lost."""
        self._terms = terms

    def session_lost(self, keeps: bool, now: float) -> list[Action]:
        """`keeps` says whether this kind of loss lets routes survive."""
        terms = self._terms
        if not keeps or terms is None or not terms.kept:
            event = RestartEvent.LOST_FINAL
        elif terms.families and terms.restart_time_s > 0:
            event = RestartEvent.LOST_KEEPING
        elif any(time_s for _, time_s in terms.long_lived_s):
            event = RestartEvent.LOST_LONG_LIVED
        else:
            event = RestartEvent.LOST_FINAL
        return self._step(event, now)

    def end_of_rib(self, family: Family, now: float) -> list[Action]:
        if family not in self._deadlines:
            return []
        last = len(self._deadlines) == 1
        event = RestartEvent.LAST_END_OF_RIB if last else RestartEvent.END_OF_RIB
        return self._step(event, now, family)

    def forwarding_lost(self, now: float) -> list[Action]:
        return self._step(RestartEvent.FORWARDING_LOST, now)

    def handle_timer(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            actions += self._time_over(deadline, now)
        return actions

    def _time_over(self, deadline: float, now: float) -> list[Action]:
        if self._state is RestartState.RESTARTING:
            long_lived = self._terms is not None and any(s for _, s in self._terms.long_lived_s)
            event = RestartEvent.TIME_OVER_LONG_LIVED if long_lived else RestartEvent.TIME_OVER
            return self._step(event, now)
        family = next(f for f, at in self._deadlines.items() if at == deadline)
        last = len(self._deadlines) == 1
        event = RestartEvent.TIME_OVER if last else RestartEvent.FAMILY_TIME_OVER
        return self._step(event, now, family)

    # --- carrying out the table -------------------------------------------------------------------

    def _step(self, event: RestartEvent, now: float, family: Family | None = None) -> list[Action]:
        self._state, verb = TRANSITIONS[self._state, event]
        actions = self._act(verb, now, family)
        if self._state is RestartState.NORMAL:
            self._kept = frozenset()
            self._deadlines = {}
        return actions

    def _act(  # noqa: C901 - one case for each verb
        self, verb: Verb, now: float, family: Family | None
    ) -> list[Action]:
        peer_id = self._peer_id
        match verb:
            case Verb.NOTHING:
                return []
            case Verb.KEEP:
                return self._keep(now)
            case Verb.KEEP_ANEW:
                return [Sweep(peer_id), *self._keep(now)]
            case Verb.KEEP_LONG_LIVED:
                return [*self._keep(now), *self._demote(now)]
            case Verb.KEEP_LONG_LIVED_ANEW:
                return [Sweep(peer_id), *self._keep(now), *self._demote(now)]
            case Verb.DEMOTE:
                return self._demote(now)
            case Verb.AWAIT:
                return self._await(now)
            case Verb.SWEEP:
                return [Sweep(peer_id)]
            case Verb.SWEEP_FAMILY:
                assert family is not None  # noqa: S101 - events of a family name it
                del self._deadlines[family]
                return [Sweep(peer_id, family)]
            case Verb.GIVE_UP:
                return [GiveUp(peer_id)]
            case _:
                assert_never(verb)

    def _keep(self, now: float) -> list[Action]:
        terms = self._agreed
        self._kept = terms.kept
        self._deadlines = dict.fromkeys(self._kept, now + terms.restart_time_s)
        return [Hold(self._peer_id), *self._sweep_all_but(self._kept)]

    def _demote(self, now: float) -> list[Action]:
        times = {family: time_s for family, time_s in self._agreed.long_lived_s if time_s}
        swept = self._sweep_all_but(frozenset(times), among=self._kept)
        self._kept = frozenset(times)
        self._deadlines = {family: now + time_s for family, time_s in times.items()}
        return [*swept, Demote(self._peer_id)]

    def _await(self, now: float) -> list[Action]:
        """From now on the stale timer runs, whichever time brought the routes here.

        Deviation: RFC 9494 §4.2 lets a long-lived stale time go on; with the session up again it
        has served its purpose.
        """
        terms = self._agreed
        awaited = self._kept & frozenset(terms.forwarding)
        swept = self._sweep_all_but(awaited, among=self._kept)
        self._deadlines = dict.fromkeys(sorted(awaited), now + terms.stale_time_s)
        self._kept = awaited
        return swept

    def _sweep_all_but(
        self, families: frozenset[Family], among: frozenset[Family] = frozenset(Family)
    ) -> list[Action]:
        return [Sweep(self._peer_id, family) for family in sorted(among - families)]

    @property
    def _agreed(self) -> RestartTerms:
        assert self._terms is not None  # noqa: S101 - only events with terms lead here
        return self._terms
