"""A whole server that is killed and started again: the appliance's BFD session does not notice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdSpec
from tests.bfdd.support import Reports
from tests.running import Server, eventually

APPLIANCE = "127.38.1.200"
BFD_PORT = 23787


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path, bgp_port=20187, bfd_port=BFD_PORT, bfd_linger_s=30)
    running.start()
    yield running
    if running.process is None:
        running.start()
    running.stop()  # in good order, which also ends the BFD daemon


def make_peer(ec2: Any) -> str:
    """A peer with BFD; the endpoint's address."""
    vpc = ec2.create_vpc(CidrBlock="127.38.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="127.38.1.0/24")["Subnet"]["SubnetId"]
    server_id = ec2.create_route_server(AmazonSideAsn=65000)["RouteServer"]["RouteServerId"]
    rs = {"RouteServerId": server_id}
    eventually(
        "available",
        lambda: ec2.describe_route_servers()["RouteServers"][0]["State"],
        lambda state: state == "available",
    )
    ec2.associate_route_server(**rs, VpcId=vpc)
    eventually(
        "associated",
        lambda: ec2.get_route_server_associations(**rs)["RouteServerAssociations"][0]["State"],
        lambda state: state == "associated",
    )
    ec2.create_route_server_endpoint(**rs, SubnetId=subnet)
    endpoint = eventually(
        "endpoint",
        lambda: ec2.describe_route_server_endpoints()["RouteServerEndpoints"][0],
        lambda found: found["State"] == "available",
    )
    ec2.create_route_server_peer(
        RouteServerEndpointId=endpoint["RouteServerEndpointId"],
        PeerAddress=APPLIANCE,
        BgpOptions={"PeerAsn": 65001, "PeerLivenessDetection": "bfd"},
    )
    return str(endpoint["EniAddress"])


def wait_for_bfd(server: Server, status: str) -> None:
    ec2 = server.client()
    eventually(
        f"BFD {status}",
        lambda: ec2.describe_route_server_peers()["RouteServerPeers"][0]["BfdStatus"]["Status"],
        lambda found: found == status,
    )


async def test_the_appliance_does_not_notice_that_the_server_was_killed(server: Server) -> None:
    endpoint = await asyncio.to_thread(lambda: make_peer(server.client()))
    appliance = Reports()
    engine = BfdEngine(appliance, port=BFD_PORT)
    engine.converge({"a": BfdSpec("a", APPLIANCE, endpoint, BfdConfig())})
    await appliance.up("a")
    await asyncio.to_thread(wait_for_bfd, server, "up")
    for _ in range(2):
        await asyncio.to_thread(server.stop, signal.SIGKILL)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(wait_for_bfd, server, "up")
    assert [change.up for change in appliance.changes] == [True]
    await asyncio.to_thread(server.stop)
    assert not (await appliance.down("a")).failure
    engine.close()
