"""The HTTP face: the API endpoint on ``/``, ``GET /healthz`` and ``GET /metrics``.

Health and metrics are asked of the callables given; both must be quick. They carry no secrets and
need no signature.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeAlias

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from routeserver.ec2 import faults
from routeserver.http.api import Api
from routeserver.http.endpoint import Endpoint, Limits, send_fault
from routeserver.net.ids import Draws, new_uuid
from routeserver.observe.audit import AuditedCall

Health: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
"""What ``/healthz`` says; anything but ``"status": "ok"`` makes it a 503."""

Metrics: TypeAlias = Callable[[], Awaitable[str | bytes]]
"""The Prometheus text format, version 0.0.4."""

_log = structlog.get_logger(__name__)


def make_app(
    api: Api,
    health: Health,
    metrics: Metrics,
    *,
    regions: Collection[str] | None = None,
    limits: Limits | None = None,
    audit: Callable[[AuditedCall], None] | None = None,
    count_refused: Callable[[str], None] | None = None,
    wall_clock: Callable[[], float] = time.time,
    new_request_id: Callable[[], str] | None = None,
) -> ASGIApp:
    """The ASGI application.

    With `regions`, EC2 requests signed for any other region are refused. `audit` is told of every
    signed call, and must not block; `count_refused` of the error code of each request that no
    operation was asked for.
    """
    if new_request_id is None:
        new_request_id = partial(new_uuid, Draws(os.urandom))
    endpoint = Endpoint(
        api,
        wall_clock=wall_clock,
        new_request_id=new_request_id,
        regions=regions,
        limits=limits or Limits(),
        audit=audit,
        count_refused=count_refused,
    )

    async def healthz(_request: Request) -> Response:
        try:
            report = await health()
        except Exception:
            _log.exception("health_failed")
            report = {"status": "unknown"}
        return JSONResponse(dict(report), 200 if report.get("status") == "ok" else 503)

    async def metricsz(_request: Request) -> Response:
        try:
            text = await metrics()
        except Exception:
            _log.exception("metrics_failed")
            return Response("metrics are not available; the log says why\n", 500)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def refuse_method(request: Request, _refused: Exception) -> Response:
        return _Refusal(faults.no_such_method(request.method), endpoint.new_request_id())

    app = Starlette(
        routes=[
            Route("/healthz", healthz, methods=["GET"]),
            Route("/metrics", metricsz, methods=["GET"]),
        ],
        exception_handlers={HTTPException: refuse_method},
    )
    nothing_there = app.router.default

    async def refuse_path(scope: Scope, receive: Receive, send: Send) -> None:
        await (endpoint if scope["type"] == "http" else nothing_there)(scope, receive, send)

    app.router.default = refuse_path
    app.router.redirect_slashes = False

    async def straight(scope: Scope, receive: Receive, send: Send) -> None:
        # Nearly every request is the endpoint's, which needs nothing of what a router does.
        is_api = scope["type"] == "http" and scope["path"] == "/"
        await (endpoint if is_api else app)(scope, receive, send)

    return straight


class _Refusal(Response):
    """A fault as Starlette's exception handlers give answers."""

    def __init__(self, fault: faults.Fault, request_id: str) -> None:
        super().__init__(status_code=fault.status)
        self._fault = fault
        self._request_id = request_id

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send_fault(send, self._fault, self._request_id)
