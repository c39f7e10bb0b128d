"""The timers of one connection as deadlines: hold, keepalive (RFC 4271 §10), send hold (RFC 9687).

They know the time only from who calls. Until the peer's OPEN is there, the hold timer is the long
one of RFC 4271 §8.2.2 and no other runs; a hold time of zero means neither hold nor keepalive timer
(§4.4).
"""

from __future__ import annotations

from typing import Final

from routeserver.bgp.fsm import FsmEvent
from routeserver.bgp.negotiation import Negotiated

OPEN_SENT_HOLD_TIME_S: Final = 240  # how long a peer may take to say who it is


class Timers:
    """After `stop` nothing starts any of them again."""

    __slots__ = ("_agreed", "_blocked_since", "_hold", "_is_over", "_keepalive")

    def __init__(self) -> None:
        self._agreed: Negotiated | None = None
        self._hold: float | None = None
        self._keepalive: float | None = None
        self._blocked_since: float | None = None
        self._is_over = False

    def wait_for_open(self, now: float) -> None:
        self._hold = now + OPEN_SENT_HOLD_TIME_S

    def agree(self, negotiated: Negotiated, now: float) -> None:
        self._agreed = negotiated
        self._hold = None
        self.restart_hold(now)

    def restart_hold(self, now: float) -> None:
        if self._agreed is not None and self._agreed.hold_time_s:
            self._hold = now + self._agreed.hold_time_s

    def restart_keepalive(self, now: float) -> None:
        if self._agreed is not None and self._agreed.hold_time_s:
            self._keepalive = now + self._agreed.keepalive_s

    def write_blocked(self, now: float) -> None:
        if self._blocked_since is None and not self._is_over:
            self._blocked_since = now

    def write_unblocked(self) -> None:
        self._blocked_since = None

    def stop(self) -> None:
        self._is_over = True
        self._agreed = None
        self._hold = self._keepalive = self._blocked_since = None

    def due(self, now: float) -> FsmEvent | None:
        """The most serious one that has gone off."""
        for deadline, event in (
            (self._hold, FsmEvent.HOLD_TIMER_EXPIRED),
            (self._send_hold, FsmEvent.SEND_HOLD_TIMER_EXPIRED),
            (self._keepalive, FsmEvent.KEEPALIVE_TIMER_EXPIRED),
        ):
            if deadline is not None and now >= deadline:
                return event
        return None

    def next_deadline(self) -> float | None:
        deadlines = (self._hold, self._keepalive, self._send_hold)
        return min((at for at in deadlines if at is not None), default=None)

    @property
    def heard_at(self) -> float:
        """When the hold timer of an agreed session was last started; 0 where there is none."""
        if self._hold is None or self._agreed is None:
            return 0.0
        return self._hold - self._agreed.hold_time_s

    @property
    def _send_hold(self) -> float | None:
        agreed = self._agreed
        if self._blocked_since is None or agreed is None or not agreed.send_hold_time_s:
            return None
        return self._blocked_since + agreed.send_hold_time_s
