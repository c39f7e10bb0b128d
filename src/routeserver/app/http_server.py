"""uvicorn inside an event loop that somebody else owns, on a socket that somebody else bound."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

from routeserver.app.errors import StartError
from routeserver.http.server import BACKLOG
from routeserver.settings.model import Address

_REMEDIES: Final[dict[int, str]] = {
    errno.EADDRINUSE: "stop what listens there, or choose another address with --listen",
    errno.EACCES: "ports below 1024 need privilege; choose a higher one with --listen",
    errno.EADDRNOTAVAIL: "it is not an address of this machine; choose another with --listen",
}
_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def bind(address: Address) -> socket.socket:
    """A listening socket. Raises StartError with the remedy."""
    try:
        family, _, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise StartError(
            f"cannot listen on {address}; {address.host} is no known host, correct --listen"
        ) from error
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        reason = (error.strerror or str(error)).lower()
        remedy = _REMEDIES.get(error.errno or 0, "choose another address with --listen")
        raise StartError(f"cannot listen on {address}: {reason}; {remedy}") from error
    return listening


def url_of(listening: socket.socket) -> str:
    """The address that a client on this machine uses."""
    host, port, *_ = listening.getsockname()
    return f"http://{Address(_WILDCARDS.get(host, host), port)}"


class _Server(uvicorn.Server):
    """Signals belong to the process, not to one of its faces; `up` once requests are taken."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(config: uvicorn.Config, listening: socket.socket) -> AsyncIterator[None]:
    """Serve inside the block; requests under way are answered before the end."""
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    up = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({task, up}, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        yield
    finally:
        server.should_exit = True
        await task
