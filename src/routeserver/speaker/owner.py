"""The one owner of a route server's RIB: everything that changes it or decides on it passes through
here.

Routes are applied as they come; the decision is made later, in slices of bounded size with a turn
of the event loop between them, so that a full table costs no other peer its keepalives. A peer that
brings routes faster than they are decided waits: its connection is paused until the backlog is
gone. A lost session, a retention timer and an UPDATE all join at the same place, the changed
prefixes. After a restart of the process the first decision can be deferred until the peers are back
(`rib.deferral`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol, assert_never

import structlog

from routeserver.net.prefix import Family
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.counts import Applied
from routeserver.rib.deferral import SelectionDeferral
from routeserver.rib.fib import FibDelta
from routeserver.rib.import_policy import ImportPolicy
from routeserver.rib.keeping import Action, Keeping
from routeserver.rib.path import Source
from routeserver.rib.prefix_index import IS_COMPILED
from routeserver.rib.restart import Demote, RestartTerms
from routeserver.rib.retention import Drop, Hold, Retention, Sweep
from routeserver.rib.returning import Returning
from routeserver.rib.rib import Rib
from routeserver.speaker.spec import Follower, Sink

SLICE_SIZE: Final = 4_000
"""Prefixes decided in one turn of the event loop: a millisecond or two (interpreted: some more)."""

REIMPORT_SLICE: Final = 4_000 if IS_COMPILED else 1_000
"""Prefixes whose routes pass new import rules in one turn."""

BACKLOG_SLICES: Final = 20
"""A peer is paused when more slices than this are undecided."""

_DONE: Final = object()

_log: Final = structlog.get_logger()


class Pausable(Protocol):
    """Where routes come from, and can be made to wait."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class RibOwner:
    """A RIB, its retention, and the turns of the event loop in which it is decided."""

    def __init__(
        self,
        route_server_id: str,
        *,
        rib: Rib,
        retention: Retention,
        sink: Sink,
        clock: Callable[[], float],
        slice_size: int = SLICE_SIZE,
        deferral: SelectionDeferral | None = None,
        follower: Follower | None = None,
        returning: Returning | None = None,
    ) -> None:
        self.route_server_id = route_server_id
        self.rib = rib
        self._keeping = Keeping(retention)
        self._deferral = deferral
        self._sink = sink
        self._follower = follower
        self._returning = returning
        self._clock = clock
        self._slice_size = slice_size
        self._loop = asyncio.get_running_loop()
        self._live: set[str] = set()
        self._waiting: set[Pausable] = set()
        self._reimports: dict[str, Iterator[None]] = {}
        self._reimport_turn: asyncio.Handle | None = None
        self._turn: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._arm_timer()

    @property
    def persisting(self) -> bool:
        return self._keeping.persisting

    @property
    def is_deferring(self) -> bool:
        """Nothing is decided yet, because peers that were there before a restart are not back."""
        return self._deferral is not None

    @property
    def is_settling(self) -> bool:
        """The FIB does not show yet what the peers of before a restart, and those of now, say."""
        if self._returning is not None and self._returning.is_over(self._clock()):
            self._returning = None
        return self._returning is not None or self.is_deferring or self.rib.pending() > 0

    # --- facts from the sessions --------------------------------------------------------------

    def session_up(
        self,
        source: Source,
        terms: RestartTerms | None = None,
        families: Iterable[Family] = (),
        *,
        is_restarting: bool = False,
    ) -> None:
        """`terms` are those of graceful restart, None without; `is_restarting` is the peer's flag
        R."""
        self._catch_up()
        self._live.add(source.peer_id)
        if self._returning is not None:
            self._returning.heard(source.peer_id, self._clock())
        if self._follower is not None:
            self._follower.peer_back(source.peer_id)
        self.rib.peer_up(source)
        if self._deferral is not None:
            takes_part = terms is not None and not is_restarting
            self._deferral.session_up(source.peer_id, families, takes_part=takes_part)
        self._carry_out(self._keeping.session_up(source.peer_id, terms, self._clock()))

    def apply(self, peer_id: str, batch: RouteBatch, origin: Pausable) -> Applied:
        """Take routes in; `origin` is paused when decisions are too far behind."""
        applied = self.rib.apply(peer_id, batch)
        if self._returning is not None:
            self._returning.heard(peer_id, self._clock())
        self._schedule()
        if self._follower is not None and self.rib.is_contested:
            self._follower.routes_touched(self.route_server_id, batch)
        is_behind = self.rib.undecided() > BACKLOG_SLICES * self._slice_size
        if is_behind and self._deferral is None and origin not in self._waiting:
            self._waiting.add(origin)
            origin.pause()
        return applied

    def reimport(self, peer_id: str, policy: ImportPolicy) -> None:
        """Other import rules for the routes of the peer that are there, live and held."""
        self._reimports[peer_id] = self.rib.reimport(peer_id, policy, REIMPORT_SLICE)
        self._schedule_reimport()

    def is_reimporting(self, peer_id: str) -> bool:
        """Some routes of the peer are still as older import rules made them."""
        return peer_id in self._reimports

    def session_down(self, peer_id: str, *, keeps: bool = False) -> None:
        """`keeps`: the session ended in a way that graceful restart lets routes survive."""
        self._catch_up()
        self._live.discard(peer_id)
        if self._returning is not None:
            self._returning.gone(peer_id)
        live = len(self._live)
        self._carry_out(self._keeping.session_down(peer_id, keeps, live, self._clock()))

    def agree(self, peer_id: str, terms: RestartTerms | None) -> None:
        """Other terms of graceful restart for the session that is up."""
        self._keeping.agree(peer_id, terms)

    def forwarding_lost(self, peer_id: str) -> None:
        """A peer that restarts does not forward any more: its routes are not kept for that."""
        self._catch_up()
        live = len(self._live)
        self._carry_out(self._keeping.forwarding_lost(peer_id, live, self._clock()))

    def end_of_rib(self, peer_id: str, family: Family) -> None:
        self._catch_up()
        if self._returning is not None:
            self._returning.heard(peer_id, self._clock())
        if self._deferral is not None:
            self._deferral.end_of_rib(peer_id, family)
        self._carry_out(self._keeping.end_of_rib(peer_id, family, self._clock()))

    def begin_refresh(self, peer_id: str, family: Family) -> None:
        self.rib.begin_refresh(peer_id, family)

    def end_refresh(self, peer_id: str, family: Family) -> None:
        self.rib.end_refresh(peer_id, family)
        self._touch_all()
        self._schedule()

    def peer_removed(self, peer_id: str) -> None:
        """The peer is no longer configured: its routes go, those held of it as well."""
        self._catch_up()
        self._live.discard(peer_id)
        self._reimports.pop(peer_id, None)
        live = len(self._live)
        if self._returning is not None:
            self._returning.excuse(peer_id)
        if self._deferral is not None:
            self._deferral.peer_removed(peer_id)
        self._carry_out(self._keeping.peer_removed(peer_id, live, self._clock()))

    def stop_waiting(self, origin: Pausable) -> None:
        self._waiting.discard(origin)

    # --- intent -------------------------------------------------------------------------------

    def configure(self, *, persist: bool, duration_s: int) -> None:
        self._catch_up()
        self._carry_out(self._keeping.configure(persist, duration_s, self._clock()))

    def reset(self) -> None:
        self._catch_up()
        self._carry_out(self._keeping.reset(self._clock()))

    def close(self) -> None:
        """Decide nothing more and tell nobody: the process ends, the routes stay where they are."""
        self._closed = True
        self._follower = None
        for handle in (self._turn, self._timer, self._reimport_turn):
            if handle is not None:
                handle.cancel()
        self._turn = self._timer = self._reimport_turn = None
        self._reimports.clear()

    def remove(self) -> None:
        """The route server is no longer configured: what its FIB held is told as gone."""
        self.close()
        gone = self.rib.all_gone()
        if gone:
            self._tell(gone)

    # --- decisions ----------------------------------------------------------------------------

    def _carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case Hold(peer_id):
                    self.rib.hold(peer_id)
                case Drop(peer_id):
                    # Packets first: the routes may be many.
                    if self._follower is not None:
                        self._follower.peer_lost(self.route_server_id, peer_id)
                    self.rib.peer_down(peer_id)
                    self._touch_all()
                case Sweep(peer_id, family):
                    self.rib.sweep(peer_id, family)
                    self._touch_all()
                case Demote(peer_id):
                    self.rib.demote(peer_id)
                    self._touch_all()
                case _:
                    assert_never(action)
        if self._deferral is not None and self._deferral.is_over:
            self._deferral = None
            _log.info("selection_deferral_over", route_server_id=self.route_server_id)
        self._schedule()
        self._arm_timer()

    def _touch_all(self) -> None:
        if self._follower is not None and self.rib.is_contested:
            self._follower.routes_touched(self.route_server_id, None)

    def _schedule(self) -> None:
        if self._turn is not None or self._closed or self._deferral is not None:
            return
        if self.rib.pending():
            self._turn = self._loop.call_soon(self._decide_slice)

    def _decide_slice(self) -> None:
        self._turn = None
        delta = self.rib.decide(self._slice_size, self._clock())
        if delta:
            self._tell(delta)
        if self.rib.pending():
            self._schedule()
        # What is left to look at because somebody's routes went keeps nobody waiting.
        if self._waiting and self.rib.undecided() <= self._slice_size:
            waiting, self._waiting = self._waiting, set()
            for origin in waiting:
                origin.resume()

    def _schedule_reimport(self) -> None:
        if self._reimports and self._reimport_turn is None and not self._closed:
            self._reimport_turn = self._loop.call_soon(self._reimport_slice)

    def _reimport_slice(self) -> None:
        self._reimport_turn = None
        for peer_id in list(self._reimports)[:1]:
            if next(self._reimports[peer_id], _DONE) is _DONE:
                del self._reimports[peer_id]
                _log.info("import_rules_applied", peer_id=peer_id)
        self._schedule()
        self._schedule_reimport()

    def _tell(self, delta: FibDelta) -> None:
        try:
            self._sink.fib_changed(self.route_server_id, delta)
        except Exception:
            # The FIB is right and can be read again; losing this turn would stop every peer.
            _log.exception("sink_failed", route_server_id=self.route_server_id)

    # --- retention's clock --------------------------------------------------------------------

    def _arm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadlines = [self._keeping.next_deadline()]
        if self._deferral is not None:
            deadlines.append(self._deferral.next_deadline())
        deadline = min((at for at in deadlines if at is not None), default=None)
        if deadline is not None and not self._closed:
            delay = max(0.0, deadline - self._clock())
            self._timer = self._loop.call_later(delay, self._on_timer)

    def _catch_up(self) -> None:
        """A time that is over counts as over before what comes after it, though the event loop has
        not come round to it yet."""
        at = self._keeping.next_deadline()
        if at is not None and at <= self._clock():
            self._time_over()

    def _on_timer(self) -> None:
        self._timer = None
        self._time_over()

    def _time_over(self) -> None:
        now = self._clock()
        if self._deferral is not None:
            self._deferral.handle_timer(now)
        self._carry_out(self._keeping.handle_timer(len(self._live), now))
