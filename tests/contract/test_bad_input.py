"""Requests that are wrong from the first byte on, against a live server: each has its defined
answer in EC2's form, and nothing is written.

What only needs the application, without sockets, is in `tests/http`; parameters that do not fit the
model are in `tests/ec2/test_request_refusals.py`.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from routeserver.control.registry import EC2
from tests.contract.test_dry_run import dump
from tests.running import Server

FORM = "application/x-www-form-urlencoded; charset=utf-8"
VERSION = "Version=2016-11-15"
LOOK = f"Action=DescribeVpcs&{VERSION}".encode()
MAKE = f"Action=CreateVpc&{VERSION}&CidrBlock=10.0.0.0%2F16".encode()


class Wire:
    """Raw requests to the server, signed as any client would."""

    def __init__(self, server: Server) -> None:
        key = json.loads((server.data_dir / "root-key.json").read_text())
        self.url = json.loads((server.data_dir / "server.json").read_text())["endpoint_url"]
        self.credentials = Credentials(key["access_key_id"], key["secret_access_key"])

    def signed(
        self, body: bytes, service: str = "ec2", method: str = "POST", query: str = "", **extra: str
    ) -> dict[str, str]:
        headers = {"Content-Type": FORM, "Host": urlsplit(self.url).netloc, **extra}
        request = AWSRequest(method, f"{self.url}/{query}", headers=headers, data=body)
        SigV4Auth(self.credentials, service, "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def say(self, raw: bytes, *, to_the_end: bool = False) -> bytes:
        """What the server says until an answer is complete, or until it closes."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        with socket.create_connection((parts.hostname, parts.port or 80), 20) as connection:
            # Refused before it was all said, the answer is there to be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(raw)
            said = b""
            while to_the_end or not _is_complete(said):
                more = connection.recv(65536)
                if not more:
                    break
                said += more
        return said

    def ask(
        self,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        target: str = "/",
        sent: bytes | None = None,
    ) -> tuple[int, str]:
        """The status and the code of the answer; "" is a success."""
        given = self.signed(body) if headers is None else headers
        sent = body if sent is None else sent
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in given.items())]
        if not {name.lower() for name in given} & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(sent)}")
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        return read(self.say(head + sent))


GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def _is_complete(said: bytes) -> bool:
    head, end, body = said.removeprefix(GO_ON).partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])


def read(said: bytes) -> tuple[int, str]:
    head, _, body = said.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    if status == 200:
        ET.fromstring(body)  # noqa: S314 - our own answer
        return status, ""
    root = ET.fromstring(body)  # noqa: S314
    (error,) = [each for each in root.iter() if each.tag.rpartition("}")[2] in ("Error",)]
    found = {each.tag.rpartition("}")[2]: each.text or "" for each in error}
    ids = [each.text for each in root.iter() if each.tag.rpartition("}")[2].lower() == "requestid"]
    assert ids, body
    assert found["Message"]
    return status, found["Code"]


@pytest.fixture(scope="module")
def wire(server: Server) -> Wire:
    return Wire(server)


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def without_length(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "Transfer-Encoding": "chunked"}


def many(count: int, name: str = "VpcId") -> bytes:
    return LOOK + b"".join(f"&{name}.{n}=vpc-{n:017x}".encode() for n in range(1, count + 1))


ROWS: dict[str, tuple[Callable[[Wire], tuple[int, str]], tuple[int, str]]] = {
    "nothing at all": (lambda w: w.ask(b""), (400, "MissingAction")),
    "no signature": (lambda w: w.ask(LOOK, {"Content-Type": FORM}), (401, "AuthFailure")),
    "no action": (lambda w: w.ask(VERSION.encode()), (400, "MissingAction")),
    "no version": (lambda w: w.ask(b"Action=DescribeVpcs"), (400, "MissingParameter")),
    "another version": (
        lambda w: w.ask(b"Action=DescribeVpcs&Version=1999-01-01"),
        (400, "NoSuchVersion"),
    ),
    "an action that does not exist": (
        lambda w: w.ask(f"Action=Nonsense&{VERSION}".encode()),
        (400, "InvalidAction"),
    ),
    "an action that is not here": (
        lambda w: w.ask(f"Action=DescribeCustomerGateways&{VERSION}".encode()),
        (400, "InvalidAction"),
    ),
    "an unknown parameter": (lambda w: w.ask(LOOK + b"&Colour=red"), (400, "UnknownParameter")),
    "a parameter twice": (
        lambda w: w.ask(MAKE + b"&CidrBlock=10.1.0.0%2F16"),
        (400, "MalformedQueryString"),
    ),
    "the action twice": (
        lambda w: w.ask(MAKE + b"&Action=DeleteVpc"),
        (400, "MalformedQueryString"),
    ),
    "a list and a value": (
        lambda w: w.ask(LOOK + b"&VpcId=x&VpcId.1=y"),
        (400, "MalformedQueryString"),
    ),
    "a broken percent": (lambda w: w.ask(LOOK + b"&VpcId.1=%zz"), (400, "MalformedQueryString")),
    "no UTF-8": (lambda w: w.ask(LOOK + b"&VpcId.1=\xff\xfe"), (400, "MalformedQueryString")),
    "no UTF-8 behind a percent": (
        lambda w: w.ask(LOOK + b"&VpcId.1=%ff"),
        (400, "MalformedQueryString"),
    ),
    "a null character": (lambda w: w.ask(LOOK + b"&VpcId.1=%00"), (400, "InvalidCharacter")),
    "thousands of list members that name nothing": (
        lambda w: w.ask(many(5000)),
        (400, "InvalidVpcID.NotFound"),
    ),
    "more parameters than are read": (lambda w: w.ask(many(10_001)), (400, "MalformedQueryString")),
    "a list index beyond all": (
        lambda w: w.ask(LOOK + b"&VpcId.99999999999=x"),
        (400, "UnknownParameter"),
    ),
    "a list index of zero": (lambda w: w.ask(LOOK + b"&VpcId.0=x"), (400, "UnknownParameter")),
    "a very long value": (
        lambda w: w.ask(LOOK + b"&VpcId.1=" + b"x" * 500_000),
        (400, "InvalidVpcID.Malformed"),
    ),
    "too large a body": (lambda w: w.ask(b"x" * (1 << 20) + LOOK), (413, "RequestEntityTooLarge")),
    "too large a body in chunks": (
        lambda w: w.ask(LOOK, without_length(w.signed(LOOK)), sent=chunked(b"x" * ((1 << 20) + 1))),
        (413, "RequestEntityTooLarge"),
    ),
    "a body in chunks": (
        lambda w: w.ask(LOOK, without_length(w.signed(LOOK)), sent=chunked(LOOK)),
        (200, ""),
    ),
    "a chunk more than was signed": (
        lambda w: w.ask(LOOK, without_length(w.signed(LOOK)), sent=chunked(LOOK + b"&A=b")),
        (401, "AuthFailure"),
    ),
    "compressed": (
        lambda w: w.ask(
            gzip.compress(LOOK), w.signed(gzip.compress(LOOK), **{"Content-Encoding": "gzip"})
        ),
        (400, "MalformedQueryString"),
    ),
    "JSON": (
        lambda w: w.ask(b'{"Action": "DescribeVpcs"}', w.signed(b'{"Action": "DescribeVpcs"}')),
        (400, "MissingAction"),
    ),
    "a form that says it is JSON": (
        lambda w: w.ask(LOOK, w.signed(LOOK, **{"Content-Type": "application/json"})),
        (200, ""),
    ),
    "XML": (lambda w: w.ask(b"<DescribeVpcs/>"), (400, "MissingAction")),
    "GET": (
        lambda w: w.ask(
            b"",
            w.signed(b"", method="GET", query=f"?{LOOK.decode()}"),
            method="GET",
            target=f"/?{LOOK.decode()}",
        ),
        (200, ""),
    ),
    "PUT": (lambda w: w.ask(LOOK, method="PUT"), (405, "UnsupportedHttpVerb")),
    "DELETE": (lambda w: w.ask(LOOK, method="DELETE"), (405, "UnsupportedHttpVerb")),
    "OPTIONS": (lambda w: w.ask(LOOK, method="OPTIONS"), (405, "UnsupportedHttpVerb")),
    "another path": (lambda w: w.ask(LOOK, target="/ec2"), (404, "InvalidURI")),
    "an unknown service": (
        lambda w: w.ask(LOOK, w.signed(LOOK, "s3")),
        (401, "AuthFailure"),
    ),
    "a service of another name": (
        lambda w: w.ask(LOOK, w.signed(LOOK, "sts")),
        (400, "NoSuchVersion"),
    ),
    "one action, signed, and another sent": (
        lambda w: w.ask(MAKE, w.signed(LOOK)),
        (401, "AuthFailure"),
    ),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_bad_request_has_its_answer_and_changes_nothing(
    server: Server, wire: Wire, what: str
) -> None:
    ask, wanted = ROWS[what]
    before = dump(server)
    assert ask(wire) == wanted
    assert dump(server) == before


def test_head_is_answered_without_a_body(wire: Wire) -> None:
    said = wire.say(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    "lengths",
    [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length: x",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: nonsense",
    ],
)
def test_a_body_of_two_lengths_is_no_request(wire: Wire, lengths: str) -> None:
    said = wire.say(f"POST / HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\nhello".encode())
    assert said.startswith(b"HTTP/1.1 4"), said


def test_requests_in_one_go_are_answered_in_turn(wire: Wire) -> None:
    headers = "\r\n".join(f"{name}: {value}" for name, value in wire.signed(LOOK).items())
    one = f"POST / HTTP/1.1\r\n{headers}\r\nContent-Length: {len(LOOK)}\r\n".encode()
    last = one + b"Connection: close\r\n\r\n" + LOOK
    said = wire.say(one + b"\r\n" + LOOK + last, to_the_end=True)
    assert said.count(b"HTTP/1.1 200 OK") == 2, said


def test_a_client_that_asks_first_is_told_to_go_on(wire: Wire) -> None:
    headers = wire.signed(LOOK)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["POST / HTTP/1.1", *lines, "Expect: 100-continue"])
    raw = f"{head}\r\nContent-Length: {len(LOOK)}\r\n\r\n".encode() + LOOK
    said = wire.say(raw)
    assert said.startswith(GO_ON)
    assert read(said.removeprefix(GO_ON)) == (200, "")


@given(
    action=st.sampled_from(sorted(EC2)),
    tail=st.one_of(
        st.binary(max_size=60),
        st.dictionaries(
            st.sampled_from(
                [
                    "VpcId",
                    "VpcId.1",
                    "Filter.1.Name",
                    "Filter.1.Value.1",
                    "MaxResults",
                    "DryRun",
                    "CidrBlock",
                    "Tag.1.Key",
                    "ResourceId.1",
                    "NextToken",
                    "ClientToken",
                    "X.Y.Z",
                    "",
                ]
            ),
            st.text(max_size=20),
            max_size=5,
        ).map(lambda params: urlencode(params, errors="surrogatepass").encode()),
    ),
)
@settings(max_examples=150)
def test_any_signed_bytes_are_answered(wire: Wire, action: str, tail: bytes) -> None:
    status, code = wire.ask(f"Action={action}&{VERSION}&".encode() + tail)
    assert status < 500, (status, code)


def test_the_server_is_none_the_worse(server: Server, ec2: Any) -> None:
    assert "Vpcs" in ec2.describe_vpcs()
    log = (server.data_dir / "stderr.jsonl").read_text()
    assert "request_failed" not in log
    assert "Traceback" not in log
