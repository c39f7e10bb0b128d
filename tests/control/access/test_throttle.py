"""Token buckets: a burst, then so many a second, for each principal by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from routeserver.control.access.throttle import AMAZONS, MAX_BUCKETS, Rate, Rates, Throttle
from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal

REQUEST = ApiRequest("ec2", "DescribeVpcs", {}, "1", "arn", "u", "us-east-1", "id")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(throttle: Throttle, request: ApiRequest = REQUEST, *, writes: bool = False) -> int:
    """How many requests pass at once."""
    count = 0
    with pytest.raises(Refusal) as caught:
        while True:
            throttle.take(request, writes=writes)
            count += 1
    assert (caught.value.code, caught.value.status) == ("RequestLimitExceeded", 503)
    return count


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    rate = Rate(5, 2.0)
    throttle = Throttle(Rates(rate, rate, rate), clock)
    assert taken(throttle) == 5
    clock.now += 1.0
    assert taken(throttle) == 2
    clock.now += 1000.0
    assert taken(throttle) == 5


def test_principals_and_regions_do_not_share() -> None:
    throttle = Throttle(AMAZONS, Clock())
    assert taken(throttle, writes=True) == 50
    assert taken(throttle, replace(REQUEST, principal_arn="other"), writes=True) == 50
    assert taken(throttle, replace(REQUEST, region="eu-west-1"), writes=True) == 50


@pytest.mark.parametrize(
    ("params", "burst"), [({}, 50), ({"VpcIds": ["vpc-1"]}, 100), ({"MaxResults": 5}, 100)]
)
def test_a_describe_of_everything_costs_more(params: dict[str, Any], burst: int) -> None:
    assert taken(Throttle(AMAZONS, Clock()), replace(REQUEST, params=params)) == burst


def test_buckets_are_bounded() -> None:
    throttle = Throttle(AMAZONS, Clock())
    for number in range(MAX_BUCKETS + 5):
        throttle.take(replace(REQUEST, principal_arn=str(number)), writes=False)
    assert len(throttle._buckets) == MAX_BUCKETS
