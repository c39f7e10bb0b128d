"""Connections that are not a session yet, counted: anyone can open TCP, so there is only so much of
it.

A connection is pending from accept until it is Established or gone, whoever it comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable


class PendingConnections:
    """Counts by what the caller takes for one address, with a limit for each and one for all.

    Endpoints take the remote address together with their own and the network that both are in: an
    appliance dials all its endpoints at once when it starts.
    """

    def __init__(self, *, limit: int, limit_per_address: int) -> None:
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._counts: Counter[Hashable] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def enter(self, address: Hashable) -> str | None:
        """Count one more; or the reason why there is no room for it."""
        if self._counts[address] >= self._limit_per_address:
            return f"{self._limit_per_address} connections of this address are pending already"
        if self._total >= self._limit:
            return f"{self._limit} connections are pending already"
        self._counts[address] += 1
        self._total += 1
        return None

    def leave(self, address: Hashable) -> None:
        self._total -= 1
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]
