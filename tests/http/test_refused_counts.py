"""Requests that reach no operation are counted by their code; those that do are somebody else's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from routeserver.domain.refusal import Refusal
from routeserver.ec2.response import LongAnswer, LongList
from routeserver.http.app import make_app
from tests.ec2.botocore_side import parsed
from tests.http.conftest import ORIGIN, signed_headers
from tests.http.fake_api import FakeApi


async def nothing() -> str:
    return ""


@pytest.fixture
def refused() -> Counter[str]:
    return Counter()


@pytest.fixture
def client(api: FakeApi, refused: Counter[str]) -> httpx.AsyncClient:
    async def health() -> dict[str, Any]:
        return {"status": "ok"}

    def count(code: str) -> None:
        refused[code] += 1

    app = make_app(api, health, nothing, count_refused=count)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)


async def send(client: httpx.AsyncClient, form: dict[str, str], **how: Any) -> httpx.Response:
    body = urlencode(form).encode()
    return await client.post("/", content=body, headers=signed_headers(body, **how))


async def test_each_is_counted_by_its_code(
    client: httpx.AsyncClient, api: FakeApi, refused: Counter[str]
) -> None:
    version = {"Version": "2016-11-15"}
    api.answers["DescribeVpcs"] = Refusal("Unavailable", "No.", 503)
    await client.post("/", content=b"Action=DescribeVpcs")
    await send(client, {"Action": "DescribeVpcs", **version}, secret="wrong")
    await send(client, {"Action": "DescribeVpcs", **version}, key_id="AKIANOBODY")
    await send(client, {"Action": "Invent", **version})
    await send(client, {"Action": "DescribeVpcs", "Invented": "1", **version})
    await client.get("/elsewhere")
    # Known to be a call: the Api counts it.
    assert (await send(client, {"Action": "DescribeVpcs", **version})).status_code == 503
    assert refused == {
        "AuthFailure": 3,
        "InvalidAction": 1,
        "UnknownParameter": 1,
        "InvalidURI": 1,
    }


async def test_a_long_answer_is_sent_while_it_is_made(
    client: httpx.AsyncClient, api: FakeApi
) -> None:
    def routes() -> Iterator[dict[str, str]]:
        for number in range(5000):
            yield {"DestinationCidrBlock": f"10.{number >> 8}.{number & 255}.0/24"}

    table = {"RouteTableId": "rtb-1", "Routes": LongList(routes()), "Tags": []}
    api.answers["DescribeRouteTables"] = LongAnswer({"RouteTables": [table], "NextToken": "more"})
    answer = await send(client, {"Action": "DescribeRouteTables", "Version": "2016-11-15"})
    assert "content-length" not in answer.headers
    assert answer.headers["x-amzn-requestid"]
    read = parsed("ec2", "DescribeRouteTables", answer.content)
    assert read["NextToken"] == "more"
    (shown,) = read["RouteTables"]
    assert [each["DestinationCidrBlock"] for each in shown["Routes"]] == [
        each["DestinationCidrBlock"] for each in routes()
    ]


async def test_no_more_of_a_long_answer_is_made_for_a_client_that_has_gone(api: FakeApi) -> None:
    made = 0
    left = asyncio.Event()

    def routes() -> Iterator[dict[str, str]]:
        nonlocal made
        for made in range(1, 100_001):
            yield {"DestinationCidrBlock": f"10.{made >> 16}.{made >> 8 & 255}.{made & 255}/32"}

    table = {"RouteTableId": "rtb-1", "Routes": LongList(routes()), "Tags": []}
    api.answers["DescribeRouteTables"] = LongAnswer({"RouteTables": [table]})
    body = urlencode({"Action": "DescribeRouteTables", "Version": "2016-11-15"}).encode()
    requests = iter([{"type": "http.request", "body": body}])

    async def receive() -> dict[str, Any]:
        for request in requests:
            return request
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            left.set()

    async def health() -> dict[str, Any]:
        return {"status": "ok"}

    headers = signed_headers(body).items()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8179")]
        + [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    await make_app(api, health, nothing)(scope, receive, send)
    assert left.is_set()
    assert made < 5000
