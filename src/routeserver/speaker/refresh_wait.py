"""Whether a peer that was asked for its routes again (RFC 2918) sends them: some negotiate route
refresh and ignore it.

Pure: time is an argument. With enhanced refresh only a beginning counts (RFC 7313 BoRR), without it
any routes do, as nothing tells them from others. One family is enough: a peer may have none of the
other.
"""

from __future__ import annotations


class RefreshWait:
    """`asked_at` is None while nothing is waited for."""

    __slots__ = ("_enhanced", "asked_at")

    def __init__(self) -> None:
        self.asked_at: float | None = None
        self._enhanced = False

    def asked(self, now: float, *, enhanced: bool) -> None:
        self.asked_at, self._enhanced = now, enhanced

    def heard_routes(self) -> None:
        if not self._enhanced:
            self.asked_at = None

    def heard_beginning(self) -> None:
        self.asked_at = None

    def forget(self) -> None:
        """The session is over: the next one brings all routes by itself."""
        self.asked_at = None

    def deadline(self, wait_s: float | None) -> float | None:
        if self.asked_at is None or wait_s is None:
            return None
        return self.asked_at + wait_s
