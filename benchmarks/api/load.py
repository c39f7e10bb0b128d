"""Clients that ask the same thing again and again over connections kept open.

A request is signed once, before the clock starts: what is measured is the server, and its checking
of the signature, not the making of it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlencode, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

VERSION: Final = "2016-11-15"
END_OF_HEAD: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
LAST_ANSWER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """A server and a key that it knows."""

    name: str
    url: str
    access_key_id: str
    secret: str
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Measured:
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    refused: int

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds


def signed(target: Target, action: str, params: dict[str, str]) -> bytes:
    """The bytes of a request."""
    body = urlencode({"Action": action, "Version": VERSION, **params}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest("POST", f"{target.url}/", data=body, headers=headers)
    key = Credentials(target.access_key_id, target.secret)
    SigV4Auth(key, "ec2", target.region).add_auth(request)
    lines = [f"POST / HTTP/1.1\r\nHost: {urlsplit(target.url).netloc}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in request.headers.items()]
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    return "".join(lines).encode() + body


class _Client(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is whole. A server
    that closes its connections is connected to again, which counts for its answer."""

    def __init__(self, url: SplitResult, request: bytes, latencies: list[float]) -> None:
        self._url = url
        self._request = request
        self._latencies = latencies
        self._buffer = bytearray()
        self._missing = -1
        self._began = 0.0
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[object] | None = None
        self.stopping = False
        self.refused = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connect(self) -> None:
        self._began = time.perf_counter()
        loop = asyncio.get_running_loop()
        self._connecting = loop.create_task(
            loop.create_connection(lambda: self, self._url.hostname, self._url.port)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer.clear()
        self._missing = -1
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._missing < 0:
            end = self._buffer.find(END_OF_HEAD)
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            at = head.index(LENGTH) + len(LENGTH)
            self._missing = end + len(END_OF_HEAD) + int(head[at:].split(b"\r\n", 1)[0])
            self._is_last = b"connection: close" in head
            self.refused += head[9:12] != b"200"
        if len(self._buffer) >= self._missing:
            self._answered()

    def _answered(self) -> None:
        assert self._transport is not None
        self._latencies.append(time.perf_counter() - self._began)
        self._buffer.clear()
        self._missing = -1
        if self.stopping or self._is_last:
            self._transport.close()
        else:
            self._began = time.perf_counter()
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.refused += self._missing >= 0 or exc is not None
        if not self.stopping:
            self.connect()
        elif not self.ended.done():
            self.ended.set_result(None)


async def _load(target: Target, request: bytes, clients: int, seconds: float) -> Measured:
    latencies: list[float] = []
    asked = [_Client(urlsplit(target.url), request, latencies) for _ in range(clients)]
    began = time.perf_counter()
    for client in asked:
        client.connect()
    await asyncio.sleep(seconds)
    taken, count = time.perf_counter() - began, len(latencies)
    for client in asked:
        client.stopping = True
    await asyncio.wait({client.ended for client in asked}, timeout=LAST_ANSWER_S)
    ordered = sorted(latencies)
    return Measured(
        requests=count,
        seconds=taken,
        p50_ms=1000 * ordered[len(ordered) // 2],
        p99_ms=1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        longest_ms=1000 * ordered[-1],
        refused=sum(each.refused for each in asked),
    )


def load(
    target: Target, action: str, params: dict[str, str], *, clients: int, seconds: float
) -> Measured:
    """Ask for `seconds` with so many clients at once."""
    return asyncio.run(_load(target, signed(target, action, params), clients, seconds))
