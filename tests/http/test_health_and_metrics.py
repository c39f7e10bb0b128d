"""``GET /healthz`` and ``GET /metrics``."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from routeserver.http.app import make_app
from tests.http.conftest import ORIGIN
from tests.http.fake_api import FakeApi


def broken() -> Any:
    raise RuntimeError("the secret plan")


async def test_a_healthy_server_says_ok(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("report", [{"status": "starting"}, {}])
async def test_any_other_state_is_service_unavailable(
    client: httpx.AsyncClient, health: dict[str, Any], report: dict[str, Any]
) -> None:
    health.clear()
    health.update(report)
    response = await client.get("/healthz")
    assert (response.status_code, response.json()) == (503, report)


async def test_metrics_are_prometheus_text(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.text == "routeserver_rib_routes 3\n"


async def test_what_fails_behind_them_is_not_told(api: FakeApi) -> None:
    async def broken_health() -> Any:
        broken()

    app = make_app(api, broken_health, broken_health)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        health, metrics = await client.get("/healthz"), await client.get("/metrics")
    assert (health.status_code, metrics.status_code) == (503, 500)
    assert "secret" not in health.text + metrics.text
