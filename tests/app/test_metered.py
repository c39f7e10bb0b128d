"""The meter: every call counted once, under what it was answered with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from routeserver.app.metered import MeteredApi
from routeserver.control.access.principal import Credential
from routeserver.control.api import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.observe.metrics import Metrics
from routeserver.observe.snapshot import Snapshot

REQUEST = ApiRequest("ec2", "DescribeVpcs", {}, "1", "arn", "u", "us-east-1", "id")


class OneAnswer:
    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.answer = answer

    async def credential(
        self,
        access_key_id: str,  # noqa: ARG002
        session_token: str | None,  # noqa: ARG002
    ) -> Credential | None:
        return None

    async def call(self, request: ApiRequest) -> Mapping[str, Any]:  # noqa: ARG002
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"Vpcs": []}, "OK"),
        (Refusal("InvalidVpcID.NotFound", "no"), "InvalidVpcID.NotFound"),
        (ZeroDivisionError(), "InternalError"),
    ],
)
async def test_a_call_is_counted_under_its_code(
    answer: Mapping[str, Any] | Exception, code: str
) -> None:
    metrics = Metrics(Snapshot, version="1", actions={"DescribeVpcs"})
    ticks = iter([10.0, 10.004])
    api = MeteredApi(OneAnswer(answer), metrics, lambda: next(ticks), log_requests=True)
    if isinstance(answer, Exception):
        with pytest.raises(type(answer)):
            await api.call(REQUEST)
    else:
        assert await api.call(REQUEST) == answer
    text = metrics.render().decode()
    total = re.findall(r'api_requests_total\{action="DescribeVpcs",code="(.+)"\} (.+)', text)
    assert total == [(code, "1.0")]
    assert 'duration_seconds_bucket{action="DescribeVpcs",le="0.005"} 1.0' in text
    assert 'duration_seconds_bucket{action="DescribeVpcs",le="0.0025"} 0.0' in text


async def test_who_asks_is_not_its_business() -> None:
    metrics = Metrics(Snapshot, version="1", actions=())
    api = MeteredApi(OneAnswer({}), metrics, lambda: 0.0, log_requests=False)
    assert await api.credential("AKIA", None) is None
