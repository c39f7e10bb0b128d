"""Temporary credentials, IAM's vocabulary, what the audit trail is told, and any bytes at all."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from routeserver.domain.refusal import Refusal
from routeserver.http.app import make_app
from routeserver.observe.audit import AuditedCall
from tests.ec2.botocore_side import parsed
from tests.http.conftest import ORIGIN, Ask, signed_headers
from tests.http.fake_api import (
    ACCOUNT,
    EXPIRED_TOKEN,
    KEY_ID,
    SECRET,
    TEMPORARY_KEY_ID,
    TOKEN,
    FakeApi,
)

ACTIONS = {"ec2": "DescribeVpcs", "iam": "ListUsers", "sts": "GetCallerIdentity"}
TEMPORARY = {"key_id": TEMPORARY_KEY_ID, "token": TOKEN}


def refused(response: httpx.Response, service: str) -> tuple[int, str]:
    read = parsed(service, ACTIONS[service], response.content, response.status_code)
    return response.status_code, read["Error"]["Code"]


@pytest.mark.parametrize("service", ["ec2", "iam", "sts"])
@pytest.mark.parametrize(
    ("how", "of_ec2", "of_others"),
    [
        (TEMPORARY, None, None),
        ({**TEMPORARY, "secret": "wrong"}, (401, "AuthFailure"), (403, "SignatureDoesNotMatch")),
        (
            {**TEMPORARY, "token": EXPIRED_TOKEN},
            (400, "RequestExpired"),
            (403, "ExpiredToken"),
        ),
        ({**TEMPORARY, "token": "x"}, (401, "AuthFailure"), (403, "InvalidClientTokenId")),
        ({"key_id": TEMPORARY_KEY_ID}, (401, "AuthFailure"), (403, "InvalidClientTokenId")),
        ({"token": TOKEN}, (401, "AuthFailure"), (403, "InvalidClientTokenId")),
        ({"key_id": "AKIANOBODY"}, (401, "AuthFailure"), (403, "InvalidClientTokenId")),
        ({"secret": "wrong"}, (401, "AuthFailure"), (403, "SignatureDoesNotMatch")),
    ],
)
async def test_every_wrong_credential_has_the_code_of_its_service(
    ask: Ask, service: str, how: dict[str, str], of_ec2: Any, of_others: Any
) -> None:
    response = await ask(ACTIONS[service], service, how=how)
    wanted = of_ec2 if service == "ec2" else of_others
    if wanted is None:
        assert response.status_code == 200, response.text
    else:
        assert refused(response, service) == wanted


async def test_a_presigned_request_carries_its_token(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    params = {"Action": "DescribeVpcs", "Version": "2016-11-15"}
    request = AWSRequest("GET", f"{ORIGIN}/", params=params)
    credentials = Credentials(TEMPORARY_KEY_ID, SECRET, TOKEN)
    SigV4QueryAuth(credentials, "ec2", "us-east-1", 60).add_auth(request)
    query = urlsplit(request.url).query
    assert (await client.get(f"/?{query}")).status_code == 200
    assert api.asked[0].params == {}
    without = query.replace("X-Amz-Security-Token", "X-Amz-Other")
    assert (await client.get(f"/?{without}")).status_code == 401


async def test_iam_answers_in_every_region_and_in_its_own_form(api: FakeApi, ask: Ask) -> None:
    api.answers["ListUsers"] = {"Users": [], "IsTruncated": False}
    response = await ask("ListUsers", "iam")
    assert parsed("iam", "ListUsers", response.content)["Users"] == []
    assert refused(await ask("ListUsers", "iam", MaxItems="x"), "iam") == (400, "ValidationError")
    assert refused(await ask("ListUsers", "iam", Foo="x"), "iam") == (400, "ValidationError")
    assert refused(await ask("NoSuchThing", "iam"), "iam") == (400, "InvalidAction")
    api.answers["GetUser"] = Refusal("NoSuchEntity", "no", 404)
    assert refused(await ask("GetUser", "iam"), "iam") == (404, "NoSuchEntity")


async def test_the_audit_trail_is_told_of_every_signed_call(api: FakeApi) -> None:
    told: list[AuditedCall] = []
    app = make_app(api, dict, str, audit=told.append, new_request_id=lambda: "req-1")  # type: ignore[arg-type]
    api.answers["CreateVpc"] = Refusal("VpcLimitExceeded", "too many")
    body = b"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        await client.post("/", content=body, headers=signed_headers(body))
        await client.post("/", content=body, headers=signed_headers(body, secret="wrong"))
        await client.post("/", content=body)
    done, forged = told
    assert done.action == "CreateVpc"
    assert done.params == {"CidrBlock": "10.0.0.0/16"}
    assert done.identity["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert (done.error_code, done.status) == ("VpcLimitExceeded", 400)
    assert done.source_ip == "127.0.0.1"
    assert SECRET not in repr(done)
    assert (forged.identity, forged.action) == ({"type": "Unknown", "accessKeyId": KEY_ID}, "")
    assert forged.error_code == "AuthFailure"


# --- any bytes ------------------------------------------------------------------------------------

HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"authorization",
                b"host",
                b"x-amz-date",
                b"x-amz-security-token",
                b"x-amz-content-sha256",
                b"date",
                b"content-length",
                b"user-agent",
            ]
        ),
        st.one_of(
            st.binary(max_size=80),
            st.just(
                b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/ec2/aws4_request, "
                b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
            ),
            st.just(b"20260101T000000Z"),
        ),
    ),
    max_size=8,
)
BODIES = st.one_of(
    st.binary(max_size=300),
    st.text("Action=&.123%Filter+Name;x", max_size=200).map(str.encode),
)


def answered(
    api: FakeApi, method: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": query,
        "headers": headers,
    }

    async def run() -> None:
        app = make_app(api, dict, str)  # type: ignore[arg-type]
        await asyncio.wait_for(app(scope, receive, send), 5)

    asyncio.run(run())
    return int(sent[0]["status"])


@given(st.sampled_from(["GET", "POST", "PUT"]), st.binary(max_size=200), HEADERS, BODIES)
def test_any_bytes_get_a_defined_answer(
    method: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    assert 400 <= answered(FakeApi(), method, query, headers, body) < 500


@given(BODIES, st.sampled_from(["ec2", "iam", "sts"]), st.sampled_from(["", "DescribeVpcs"]))
def test_any_signed_body_gets_a_defined_answer(body: bytes, service: str, action: str) -> None:
    if action:
        body = f"Action={action}&Version=2016-11-15&".encode() + body
    headers = [
        (name.lower().encode(), value.encode())
        for name, value in signed_headers(body, service=service).items()
    ]
    headers.append((b"host", urlsplit(ORIGIN).netloc.encode()))
    assert answered(FakeApi(), "POST", b"", headers, body) < 500
