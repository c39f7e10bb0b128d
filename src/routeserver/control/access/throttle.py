"""Request throttling as EC2 does it: token buckets, one for each principal and kind of call.

A bucket holds so many requests and fills at so many a second; a request that finds it empty is
answered RequestLimitExceeded, which SDKs repeat after a while (EC2 developer guide, "Request
throttling for the Amazon EC2 API").
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal

MAX_BUCKETS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    burst: int
    per_s: float


@dataclass(frozen=True, slots=True)
class Rates:
    """By kind of call. Describes that are neither filtered nor paged cost the service most."""

    reads: Rate
    unfiltered: Rate
    writes: Rate


AMAZONS: Final = Rates(Rate(100, 20.0), Rate(50, 10.0), Rate(50, 5.0))


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(slots=True)
class Throttle:
    """`clock` is monotonic seconds."""

    rates: Rates
    clock: Callable[[], float]
    _buckets: OrderedDict[tuple[str, str, Rate], _Bucket] = field(default_factory=OrderedDict)

    def take(self, request: ApiRequest, *, writes: bool) -> None:
        """Raises Refusal RequestLimitExceeded."""
        rate = self._rate(request.params, writes=writes)
        now = self.clock()
        name = (request.principal_arn, request.region, rate)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(float(rate.burst), now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.at) * rate.per_s)
        bucket.at = now
        if bucket.tokens < 1.0:
            raise Refusal("RequestLimitExceeded", "Request limit exceeded.", 503)
        bucket.tokens -= 1.0

    def _rate(self, params: Mapping[str, Any], *, writes: bool) -> Rate:
        if writes:
            return self.rates.writes
        is_narrowed = any(
            name in {"Filters", "MaxResults"} or name.endswith(("Id", "Ids")) for name in params
        )
        return self.rates.reads if is_narrowed else self.rates.unfiltered
