"""How uvicorn runs the application: no access log of its own, nothing that names the software,
bounded.

The fastest event loop and HTTP parser installed are used. The caller owns the event loop, the
signals and the sockets: ``await Server(config).serve(sockets=[...])``.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp
from uvicorn import Config

KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 1024


def server_config(app: ASGIApp, *, shutdown_s: int = 5, connections: int | None = None) -> Config:
    """uvicorn's configuration for `app`.

    `shutdown_s` bounds how long requests under way are waited for at the end; `connections` bounds
    how many are open at once (None: no bound), more are answered 503.
    """
    return Config(
        app,
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
        # Request heads are bounded where the pure-Python parser is used; bodies by the endpoint.
        h11_max_incomplete_event_size=64 * 1024,
    )
