"""The application in memory, asked by a client that signs as botocore does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import urlencode

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.types import ASGIApp

from routeserver.http.app import make_app
from tests.http.fake_api import KEY_ID, SECRET, FakeApi

ORIGIN = "http://127.0.0.1:8179"
VERSIONS = {"ec2": "2016-11-15", "iam": "2010-05-08", "sts": "2011-06-15"}

Ask: TypeAlias = Callable[..., Awaitable[httpx.Response]]


def signed_headers(
    body: bytes,
    *,
    service: str = "ec2",
    key_id: str = KEY_ID,
    secret: str = SECRET,
    token: str | None = None,
) -> dict[str, str]:
    request = AWSRequest("POST", f"{ORIGIN}/", data=body)
    SigV4Auth(Credentials(key_id, secret, token), service, "us-east-1").add_auth(request)
    return dict(request.headers.items())


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def health() -> dict[str, Any]:
    return {"status": "ok"}


@pytest.fixture
def app(api: FakeApi, health: dict[str, Any]) -> ASGIApp:
    async def report() -> dict[str, Any]:
        return health

    async def metrics() -> str:
        return "routeserver_rib_routes 3\n"

    return make_app(api, report, metrics, new_request_id=lambda: "req-1")


@pytest.fixture
async def client(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as connection:
        yield connection


@pytest.fixture
def ask(client: httpx.AsyncClient) -> Ask:
    """Sends one action, signed; ``how`` goes to `signed_headers`."""

    async def ask_action(
        action: str, service: str = "ec2", how: Any = None, **params: str
    ) -> httpx.Response:
        form = {"Action": action, "Version": VERSIONS[service], **params}
        body = urlencode(form).encode()
        headers = signed_headers(body, service=service, **(how or {}))
        return await client.post("/", content=body, headers=headers)

    return ask_action
