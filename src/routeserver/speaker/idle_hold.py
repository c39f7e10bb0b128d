"""How long a peer is refused after it has failed: the IdleHoldTimer of RFC 4271 §8.1.1 with
DampPeerOscillations, for a side that does not dial.

Pure: time is an argument. A peer may fail a few times in a row, as every restart of an appliance
does; then each failure doubles the pause. Failures are forgotten with time, half of them in a
minute. A peer over its prefix limit waits from the first time on, and its pauses are counted apart,
because the next session will most likely end the same way.
"""

from __future__ import annotations

from typing import Final

FREE_FAILURES: Final = 3
HALF_LIFE_S: Final = 60.0
LONGEST_RESTART_S: Final = 3600.0
_MAX_DOUBLINGS: Final = 32


class IdleHold:
    """`first_s` 0 holds nobody for failures."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self.first_s = first_s
        self.longest_s = longest_s
        self._failures = 0.0
        self._failed_at = 0.0
        self._restarts = 0
        self._restart_pause_s = 0.0
        self._until: float | None = None

    def failed(self, now: float) -> float:
        """A session or an attempt at one has ended in failure; answers the pause in seconds."""
        elapsed = max(0.0, now - self._failed_at)
        self._failures = self._failures * 0.5 ** (elapsed / HALF_LIFE_S) + 1
        self._failed_at = now
        # Rounded, so that the seconds between failures in quick succession take none of them back.
        beyond = round(self._failures) - FREE_FAILURES
        if not self.first_s or beyond <= 0:
            return 0.0
        return self._hold(
            min(self.first_s * 2.0 ** min(beyond - 1, _MAX_DOUBLINGS), self.longest_s), now
        )

    def over_limit(self, first_s: float, now: float) -> float:
        """The peer sent more than it may and its session was ended for that."""
        idle_for = now - self._until if self._until is not None else 0.0
        if idle_for > 2 * self._restart_pause_s + first_s:
            self._restarts = 0
        doubled = first_s * 2.0 ** min(self._restarts, _MAX_DOUBLINGS)
        self._restart_pause_s = min(doubled, LONGEST_RESTART_S)
        self._restarts += 1
        return self._hold(self._restart_pause_s, now)

    def remaining_s(self, now: float) -> float:
        """How much longer the peer is refused; 0 when it is not."""
        return 0.0 if self._until is None else max(0.0, self._until - now)

    def forgive(self) -> None:
        """Somebody has changed the peer's settings: it gets another chance."""
        self._failures = 0.0
        self._restarts = 0
        self._until = None

    def _hold(self, pause_s: float, now: float) -> float:
        self._until = max(self._until or 0.0, now + pause_s)
        return pause_s
