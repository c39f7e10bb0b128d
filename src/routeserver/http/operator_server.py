"""How the operator's socket is served: as the API is, but only to the server's own user and root.

The file's mode keeps others out; the credentials that the kernel vouches for (unix(7),
``SO_PEERCRED``) are asked again for each connection, because a file's mode can be changed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import Final

import structlog
from starlette.types import ASGIApp
from uvicorn import Config

from routeserver.http.server import server_config

try:
    from routeserver.http.bounded import BoundedHttpProtocol as _Base
except ImportError:  # httptools is not there for every platform
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Base  # type: ignore[assignment]

MAX_CONNECTIONS: Final = 64
SHUTDOWN_S: Final = 2

_CREDENTIALS: Final = struct.Struct("3i")
"""struct ucred: process, user, group."""

_log = structlog.get_logger()


class LocalHttpProtocol(_Base):
    """One connection. Inherits because uvicorn takes its protocol as a class."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        user = user_of(transport)
        if not may_operate(user):
            _log.warning("operator_refused", uid=user)
            transport.abort()


def user_of(transport: asyncio.BaseTransport) -> int | None:
    """The user id of the process at the other end; None when it cannot be known."""
    try:
        descriptor = os.dup(transport.get_extra_info("socket").fileno())
        with socket.socket(fileno=descriptor) as peer:
            found = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except (AttributeError, OSError):
        return None
    return int(_CREDENTIALS.unpack(found)[1])


def may_operate(user: int | None, own_user: Callable[[], int] = os.geteuid) -> bool:
    """Local rights are authority: root and whoever runs the server."""
    return user is not None and user in {0, own_user()}


def operator_server_config(app: ASGIApp) -> Config:
    config = server_config(app, shutdown_s=SHUTDOWN_S, connections=MAX_CONNECTIONS)
    config.http = LocalHttpProtocol
    return config
