"""Clients that ask again and again over connections kept open, as fast as they are answered or at
a pace of their own.

A request is signed once, before the clock starts: what is measured is the server, and its checking
of the signature, not the making of it. At a pace, the time an answer takes counts from when its
request was due, so that a server that stops for a while is charged for everyone it made wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final, cast
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


@dataclass(frozen=True, slots=True)
class Ask:
    action: str
    params: Mapping[str, str] = field(default_factory=dict)


def signed(target: Target, action: str, params: Mapping[str, str]) -> bytes:
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

    def __init__(
        self, url: SplitResult, requests: Sequence[bytes], every_s: float, latencies: list[float]
    ) -> None:
        self._url = url
        self._requests = cycle(requests)
        self._every_s = every_s
        self._latencies = latencies
        self._buffer = bytearray()
        self._missing = -1
        self._began = 0.0
        self._is_last = False
        self._transport: asyncio.Transport
        self._connecting: asyncio.Task[object] | None = None
        self.stopping = False
        self.refused = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connect(self) -> None:
        self._began = time.perf_counter()
        loop = asyncio.get_running_loop()
        self._connecting = loop.create_task(
            loop.create_connection(lambda: self, self._url.hostname or "", self._url.port or 80)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._buffer.clear()
        self._missing = -1
        self._transport.write(next(self._requests))

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
        self._latencies.append(time.perf_counter() - self._began)
        self._buffer.clear()
        self._missing = -1
        if self.stopping or self._is_last:
            self._transport.close()
        elif self._every_s:
            self._began += self._every_s
            wait_s = self._began - time.perf_counter()
            asyncio.get_running_loop().call_later(max(0.0, wait_s), self._send)
        else:
            self._began = time.perf_counter()
            self._send()

    def _send(self) -> None:
        if self.stopping:
            self._transport.close()
        else:
            self._transport.write(next(self._requests))

    def connection_lost(self, exc: Exception | None) -> None:
        self.refused += self._missing >= 0 or exc is not None
        if not self.stopping:
            self.connect()
        elif not self.ended.done():
            self.ended.set_result(None)


async def _load(
    target: Target, requests: Sequence[bytes], clients: int, seconds: float, every_s: float
) -> Measured:
    latencies: list[float] = []
    url = urlsplit(target.url)
    asked = [_Client(url, requests, every_s, latencies) for _ in range(clients)]
    began = time.perf_counter()
    for number, client in enumerate(asked):
        client.connect()
        if every_s and number + 1 < clients:
            await asyncio.sleep(every_s / clients)  # not all at once
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
    target: Target, asks: Sequence[Ask], *, clients: int, seconds: float, every_s: float = 0.0
) -> Measured:
    """Ask for `seconds` with so many clients at once, each in turn for all of `asks`; `every_s` is
    a client's pace, 0 as fast as it is answered."""
    requests = [signed(target, each.action, each.params) for each in asks]
    return asyncio.run(_load(target, requests, clients, seconds, every_s))
