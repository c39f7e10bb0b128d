"""The server on PostgreSQL: it continues where it was, says when its database is away, and goes on
by itself when that is back."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.interop.site import Site
from tests.running import COMMAND, Server, code_of, error_of, eventually

pytestmark = pytest.mark.skipif(
    not postgres.installed(), reason="PostgreSQL is not installed (apt-get install postgresql)"
)

PREFIX = "10.71.0.0/16"


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Cluster]:
    with postgres.cluster() as running:
        yield running


@pytest.fixture(scope="module")
def server(
    database: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("data")
    config = data_dir / "routeserver.toml"
    config.write_text(f'database_url = "{database.url}"\n')
    running = Server(data_dir, 20281, 23881, arguments=(f"--config={config}",))
    running.start()
    yield running
    if running.process is not None:
        running.stop()


@pytest.fixture(scope="module")
def site(server: Server) -> Site:
    return Site.build(server, "127.71")


def health(server: Server) -> tuple[int, dict[str, Any]]:
    url = json.loads((server.data_dir / "server.json").read_text())["endpoint_url"]
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def in_fib(site: Site, peer_id: str) -> bool:
    route = site.routes().get((PREFIX, peer_id))
    return route is not None and route["RouteStatus"] == "in-fib"


def test_it_routes_and_continues_after_a_restart(site: Site, server: Server) -> None:
    address = "127.71.1.20"
    peer_id = site.add_appliance(address, 65001)
    appliance = [
        COMMAND,
        "appliance",
        f"--local={address}",
        f"--peer={site.endpoint_address}:{server.bgp_port}",
        "--asn=65001",
        "--peer-asn=65000",
        f"--announce={PREFIX}",
    ]
    with subprocess.Popen(appliance, stderr=subprocess.DEVNULL) as process:
        try:
            eventually("the route", lambda: in_fib(site, peer_id), bool)
            assert PREFIX in site.table()
            assert not (Path(server.data_dir) / "routeserver.db").exists()
            server.stop()
            server.start()
            site.ec2 = server.client()
            eventually("the route again", lambda: in_fib(site, peer_id), bool, 30)
        finally:
            process.terminate()


def test_calls_meet_a_database_that_is_away_with_unavailable(
    server: Server, database: postgres.Cluster
) -> None:
    ec2 = server.client()
    before = {each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"]}
    database.stop()
    assert code_of(ec2.describe_vpcs) == "Unavailable"
    assert code_of(ec2.create_vpc, CidrBlock="10.0.0.0/16") == "Unavailable"
    status, report = health(server)
    assert (status, report["status"]) == (503, "failing")
    assert any("database" in reason for reason in report["reasons"])
    database.start()
    assert error_of(ec2.create_vpc, CidrBlock="10.0.0.0/16") is None
    after = {each["VpcId"] for each in ec2.describe_vpcs()["Vpcs"]}
    assert before < after
    assert len(after) == len(before) + 1
    eventually("healthy again", lambda: health(server)[0], lambda status: status == 200, 45)
