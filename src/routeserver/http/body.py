"""A request's body, whole, within a limit of size and one of time."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope

from routeserver.ec2 import faults


class ClientGone(Exception):  # noqa: N818 - an event, not an error: nobody is left to answer
    """The client closed the connection before its request was complete."""


async def read_body(scope: Scope, receive: Receive, limit_bytes: int, limit_s: float) -> bytes:
    """The body's bytes.

    Raises Fault RequestEntityTooLarge or RequestTimeout, or ClientGone. A body that announces its
    length is refused before any of it is read.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value[:20]) > limit_bytes):
            raise faults.too_large(limit_bytes)
    try:
        async with asyncio.timeout(limit_s):
            return await _read(receive, limit_bytes)
    except TimeoutError:
        raise faults.too_slow(limit_s) from None


async def _read(receive: Receive, limit_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit_bytes:
            raise faults.too_large(limit_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
