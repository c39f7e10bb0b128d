"""How uvicorn runs the application: no access log of its own, nothing that names the software,
bounded.

The fastest event loop and HTTP parser installed are used. The caller owns the event loop, the
signals and the sockets: ``await Server(config).serve(sockets=[...])``.
"""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from starlette.types import ASGIApp
from uvicorn import Config

_HTTP: type[asyncio.Protocol] | Literal["h11"]
try:
    from routeserver.http.bounded import BoundedHttpProtocol
except ImportError:  # httptools is not there for every platform
    _HTTP = "h11"
else:
    _HTTP = BoundedHttpProtocol

KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 1024


def server_config(app: ASGIApp, *, shutdown_s: int = 5, connections: int | None = None) -> Config:
    """uvicorn's configuration for `app`.

    `shutdown_s` bounds how long requests under way are waited for at the end; `connections` bounds
    how many are open at once (None: no bound), more are answered 503.
    """
    return Config(
        app,
        http=_HTTP,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=shutdown_s,
        limit_concurrency=connections,
        h11_max_incomplete_event_size=64 * 1024,
    )
