"""Unmodified boto3 against the application under uvicorn, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.types import ASGIApp
from uvicorn import Server

from routeserver.domain.refusal import Refusal
from routeserver.http import bounded
from routeserver.http.bounded import MAX_HEAD_BYTES
from routeserver.http.server import server_config
from tests.http.fake_api import ACCOUNT, KEY_ID, SECRET, FakeApi


class QuietServer(Server):
    """The test's process keeps its own signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@pytest.fixture
async def port(app: ASGIApp) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = QuietServer(server_config(app))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield listener.getsockname()[1]
    server.should_exit = True
    await task
    listener.close()


@pytest.fixture
async def boto(port: int) -> AsyncIterator[Callable[..., Any]]:
    clients = []

    def make(service: str, secret: str = SECRET) -> Any:
        client = boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="eu-north-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


async def failing(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(call, **params)
    answer = refused.value.response
    return (
        answer["Error"]["Code"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Message"],
    )


async def test_an_answer_arrives_as_it_was_given(api: FakeApi, boto: Callable[..., Any]) -> None:
    server = {"RouteServerId": "rs-1", "AmazonSideAsn": 4294967295, "State": "pending", "Tags": []}
    api.answers["CreateRouteServer"] = {"RouteServer": server}
    answer = await asyncio.to_thread(
        boto("ec2").create_route_server,
        AmazonSideAsn=4294967295,
        TagSpecifications=[
            {"ResourceType": "route-server", "Tags": [{"Key": "Name", "Value": "ü & <b>"}]}
        ],
    )
    assert answer["RouteServer"] == server
    assert answer["ResponseMetadata"]["RequestId"] == "req-1"
    assert "server" not in answer["ResponseMetadata"]["HTTPHeaders"]
    (asked,) = api.asked
    assert asked.region == "eu-north-1"
    assert asked.params["TagSpecifications"][0]["Tags"] == [{"Key": "Name", "Value": "ü & <b>"}]
    assert asked.params["ClientToken"]


async def test_paginators_follow_the_tokens(api: FakeApi, boto: Callable[..., Any]) -> None:
    api.answers["DescribeRouteServers"] = {"RouteServers": [{"RouteServerId": "rs-1"}]}
    pages = boto("ec2").get_paginator("describe_route_servers").paginate(MaxResults=5)
    assert len(await asyncio.to_thread(list, pages)) == 1


async def test_get_caller_identity(api: FakeApi, boto: Callable[..., Any]) -> None:
    identity = {"UserId": ACCOUNT, "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
    api.answers["GetCallerIdentity"] = identity
    answer = await asyncio.to_thread(boto("sts").get_caller_identity)
    assert {name: answer[name] for name in identity} == identity


async def test_errors_are_client_errors_with_their_status(
    api: FakeApi, boto: Callable[..., Any]
) -> None:
    api.answers["DeleteVpc"] = Refusal("DependencyViolation", "vpc-1 has dependencies")
    api.answers["DescribeVpcs"] = RuntimeError("unexpected")
    ec2 = boto("ec2")
    assert await failing(ec2.delete_vpc, VpcId="vpc-1") == (
        "DependencyViolation",
        400,
        "vpc-1 has dependencies",
    )
    assert (await failing(ec2.delete_vpc, VpcId="vpc-1", DryRun=True))[:2] == (
        "DryRunOperation",
        412,
    )
    assert (await failing(ec2.describe_vpcs))[:2] == ("InternalError", 500)
    assert (await failing(ec2.create_vpc, InstanceTenancy="odd"))[:2] == (
        "InvalidParameterValue",
        400,
    )
    assert (await failing(boto("ec2", "wrong").describe_vpcs))[:2] == ("AuthFailure", 401)
    assert (await failing(boto("sts", "wrong").get_caller_identity))[:2] == (
        "SignatureDoesNotMatch",
        403,
    )


async def raw(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: ".ljust(MAX_HEAD_BYTES + 1, b"x"),
    ],
)
async def test_what_is_no_http_is_answered_400_and_closed(port: int, data: bytes) -> None:
    answer = await asyncio.wait_for(raw(port, data), 10)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_large_body_behind_a_small_head_is_not_taken_for_a_head(port: int) -> None:
    size = MAX_HEAD_BYTES * 3
    head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    answer = await asyncio.wait_for(raw(port, head.encode() + b"x" * size), 10)
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_head_that_does_not_arrive_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "MAX_HEAD_S", 0.0)
    answer = await asyncio.wait_for(raw(port, b""), 10)
    assert answer.endswith(b"The request head did not arrive within 0 seconds.")
