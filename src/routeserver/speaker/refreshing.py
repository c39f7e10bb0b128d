"""Asking a peer for its routes again (RFC 2918), and noticing that it does not send them: some
negotiate route refresh and ignore it.

With enhanced refresh only a beginning is an answer (RFC 7313 BoRR), without it any routes are, as
nothing tells them from others. One family is enough: a peer may have none of the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from routeserver.bgp.events import Established
from routeserver.speaker.connection import Connection


class Refreshing:
    """`asked_at` is None while no answer is awaited; `unanswered` is called when the peer has had
    its time."""

    def __init__(
        self, wait_s: float | None, *, clock: Callable[[], float], unanswered: Callable[[], None]
    ) -> None:
        self.asked_at: float | None = None
        self._wait_s = wait_s
        self._clock = clock
        self._unanswered = unanswered
        self._needs_mark = False
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, connection: Connection, agreed: Established, *, has_routes: bool) -> None:
        """`has_routes`: the peer has sent some before, so it has some to send again."""
        for family in agreed.families:
            connection.session.request_refresh(family)
        connection.send()
        self._needs_mark = agreed.enhanced_refresh
        if has_routes or agreed.enhanced_refresh:
            self.asked_at = self._clock()
            self._arm()

    def heard_routes(self) -> None:
        if self.asked_at is not None and not self._needs_mark:
            self.stop()

    def heard_beginning(self) -> None:
        self.stop()

    def stop(self) -> None:
        """Answered, or the session is over: the next one brings all routes by itself."""
        self.asked_at = None
        self._disarm()

    def configure(self, wait_s: float | None) -> None:
        self._wait_s = wait_s
        self._arm()

    def _arm(self) -> None:
        self._disarm()
        if self.asked_at is not None and self._wait_s is not None:
            delay_s = max(0.0, self.asked_at + self._wait_s - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._give_up)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self.stop()
        self._unanswered()
