"""A token bucket for each address, so that nobody can fill the log from outside.

The first few lines about an address are written, then one in a while; each says how many were left
out before it. The number of addresses remembered is bounded: anyone can connect from many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

BURST: Final = 5
SECONDS_A_LINE: Final = 30.0
MAX_ADDRESSES: Final = 1024


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    left_out: int = 0


class LogLimit:
    """Pure: time is an argument."""

    def __init__(
        self,
        *,
        burst: int = BURST,
        seconds_a_line: float = SECONDS_A_LINE,
        max_addresses: int = MAX_ADDRESSES,
    ) -> None:
        self._burst = burst
        self._seconds_a_line = seconds_a_line
        self._max_addresses = max_addresses
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, address: Hashable, now: float) -> int | None:
        """How many lines were left out since the last one, when one may be written; else None."""
        bucket = self._buckets.get(address)
        if bucket is None:
            if len(self._buckets) >= self._max_addresses:
                self._buckets.popitem(last=False)
            bucket = self._buckets[address] = _Bucket(float(self._burst), now)
        self._buckets.move_to_end(address)
        earned = (now - bucket.at) / self._seconds_a_line
        bucket.tokens = min(float(self._burst), bucket.tokens + max(0.0, earned))
        bucket.at = now
        if bucket.tokens < 1:
            bucket.left_out += 1
            return None
        bucket.tokens -= 1
        left_out, bucket.left_out = bucket.left_out, 0
        return left_out
