"""The endpoint, in memory: who may ask, what reaches the Api, what comes back."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.types import ASGIApp, Message

from routeserver.control.access.principal import root
from routeserver.control.api import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.ec2.faults import Fault
from routeserver.http.app import make_app
from routeserver.http.endpoint import Limits
from tests.ec2.botocore_side import parsed
from tests.http.conftest import ORIGIN, Ask, signed_headers
from tests.http.fake_api import ACCOUNT, KEY_ID, SECRET, FakeApi


def error(response: httpx.Response, service: str = "ec2") -> tuple[int, str, str]:
    assert response.headers["content-type"] == "text/xml;charset=UTF-8"
    action = {"ec2": "DescribeVpcs", "sts": "GetCallerIdentity"}[service]
    read = parsed(service, action, response.content, response.status_code)
    assert read["ResponseMetadata"]["RequestId"] == "req-1"
    return response.status_code, read["Error"]["Code"], read["Error"]["Message"]


async def test_a_signed_request_reaches_the_api_and_is_answered(api: FakeApi, ask: Ask) -> None:
    api.answers["DescribeRouteServers"] = {"RouteServers": [{"RouteServerId": "rs-1"}]}
    response = await ask("DescribeRouteServers", **{"RouteServerId.1": "rs-1"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/xml;charset=UTF-8"
    assert response.headers["x-amzn-requestid"] == "req-1"
    assert parsed("ec2", "DescribeRouteServers", response.content)["RouteServers"] == [
        {"RouteServerId": "rs-1"}
    ]
    assert api.asked == [
        ApiRequest(
            service="ec2",
            action="DescribeRouteServers",
            params={"RouteServerIds": ["rs-1"]},
            account_id=ACCOUNT,
            principal_arn=f"arn:aws:iam::{ACCOUNT}:root",
            user_id=ACCOUNT,
            region="us-east-1",
            request_id="req-1",
            principal=root(ACCOUNT, KEY_ID),
            source_ip="127.0.0.1",
            user_agent=response.request.headers["user-agent"],
        )
    ]


async def test_a_presigned_get_is_answered(api: FakeApi, client: httpx.AsyncClient) -> None:
    params = {"Action": "DescribeVpcs", "Version": "2016-11-15", "VpcId.1": "vpc-1 +"}
    request = AWSRequest("GET", f"{ORIGIN}/", params=params)
    SigV4QueryAuth(Credentials(KEY_ID, SECRET), "ec2", "us-east-1", 60).add_auth(request)
    response = await client.get(f"/?{urlsplit(request.url).query}")
    assert response.status_code == 200
    assert api.asked[0].params == {"VpcIds": ["vpc-1 +"]}


@pytest.mark.parametrize(
    ("how", "code", "status"),
    [({"secret": "wrong"}, "AuthFailure", 401), ({"key_id": "AKIDNOBODY"}, "AuthFailure", 401)],
)
async def test_a_signature_that_is_not_true_changes_nothing(
    api: FakeApi, ask: Ask, how: dict[str, str], code: str, status: int
) -> None:
    assert error(await ask("CreateVpc", how=how))[:2] == (status, code)
    assert api.asked == []


async def test_a_request_is_authenticated_before_it_is_read(client: httpx.AsyncClient) -> None:
    assert error(await client.post("/", content=b"%%%\xff"))[:2] == (401, "AuthFailure")
    assert error(await client.get("/"))[:2] == (401, "AuthFailure")


async def test_sts_has_its_own_form_of_error(client: httpx.AsyncClient, ask: Ask) -> None:
    refused = await ask("GetCallerIdentity", "sts", how={"key_id": "AKIDNOBODY"})
    assert error(refused, "sts")[:2] == (403, "InvalidClientTokenId")
    unsigned = await client.post("/", content=b"Action=GetCallerIdentity&Version=2011-06-15")
    assert b"<ErrorResponse>" in unsigned.content
    assert error(await ask("DescribeVpcs", "sts"), "sts")[:2] == (400, "InvalidAction")


async def test_each_service_has_its_own_version(client: httpx.AsyncClient) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    response = await client.post("/", content=body, headers=signed_headers(body))
    assert response.status_code == 400
    assert b"NoSuchVersion" in response.content


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (Refusal("IncorrectState", "rs-1 is <deleted> & gone"), 400, "IncorrectState"),
        (Refusal("UnauthorizedOperation", "no"), 403, "UnauthorizedOperation"),
        (Refusal("DryRunOperation", "yes"), 412, "DryRunOperation"),
        (Refusal("Odd", "odd", status=418), 418, "Odd"),
        (Fault("RequestLimitExceeded", "slow down"), 503, "RequestLimitExceeded"),
        (Fault("InvalidPaginationToken", "bad"), 400, "InvalidPaginationToken"),
    ],
)
async def test_a_refusal_has_its_codes_status(
    api: FakeApi, ask: Ask, raised: Fault | Refusal, status: int, code: str
) -> None:
    api.answers["DescribeVpcs"] = raised
    assert error(await ask("DescribeVpcs")) == (status, code, raised.message)


async def test_malformed_parameters_never_reach_the_api(api: FakeApi, ask: Ask) -> None:
    assert error(await ask("DescribeVpcs", Colour="red"))[:2] == (400, "UnknownParameter")
    assert error(await ask("CreateRouteServer"))[:2] == (400, "MissingParameter")
    assert error(await ask("MakeTea"))[:2] == (400, "InvalidAction")
    assert api.asked == []


@pytest.mark.parametrize("mistake", [RuntimeError("the secret plan"), {"Colour": "red"}])
async def test_an_unexpected_failure_is_an_internal_error_and_tells_nothing(
    api: FakeApi, ask: Ask, mistake: Any
) -> None:
    api.answers["DescribeVpcs"] = mistake
    response = await ask("DescribeVpcs")
    assert error(response)[:2] == (500, "InternalError")
    assert b"secret plan" not in response.content
    assert b"Traceback" not in response.content


@pytest.mark.parametrize("path", ["/latest/meta-data", "/healthz/", "//", "/%2e%2e/etc"])
async def test_any_other_path_is_refused_in_ec2s_form(client: httpx.AsyncClient, path: str) -> None:
    assert error(await client.get(f"{ORIGIN}{path}"))[:2] == (404, "InvalidURI")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/"), ("DELETE", "/"), ("OPTIONS", "/"), ("POST", "/healthz")]
)
async def test_any_other_method_is_refused_in_ec2s_form(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    assert error(await client.request(method, path))[:2] == (405, "UnsupportedHttpVerb")


async def test_a_body_too_large_is_refused_by_its_announcement(client: httpx.AsyncClient) -> None:
    response = await client.post("/", content=b"x", headers={"content-length": str(10**12)})
    assert error(response)[:2] == (413, "RequestEntityTooLarge")
    assert response.headers["connection"] == "close"


async def test_a_body_too_large_is_refused_while_it_arrives(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    response = await client.post("/", content=chunks())
    assert error(response)[:2] == (413, "RequestEntityTooLarge")


async def _no_metrics() -> str:
    return ""


async def _nothing() -> dict[str, Any]:
    return {}


async def test_a_query_too_large_is_refused(api: FakeApi) -> None:
    app = make_app(
        api, _nothing, _no_metrics, limits=Limits(body_bytes=50), new_request_id=lambda: "req-1"
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        assert error(await client.get("/?" + "x" * 51))[:2] == (413, "RequestEntityTooLarge")


async def run_asgi(app: ASGIApp, receive: Any) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return sent


async def test_a_body_that_does_not_arrive_is_given_up(api: FakeApi) -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    app = make_app(api, _nothing, _no_metrics, limits=Limits(body_s=0.0))
    start, _ = await run_asgi(app, never)
    assert start["status"] == 408


async def test_a_client_that_goes_away_is_answered_nothing(app: ASGIApp) -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert await run_asgi(app, gone) == []
