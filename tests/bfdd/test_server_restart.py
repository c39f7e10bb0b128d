"""A whole server that is killed and started again: the appliance's BFD session does not notice."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routeserver.bfd.packet import ControlPacket, State, encode
from routeserver.bfd.session import BfdConfig
from routeserver.bfdd.engine import BfdEngine
from routeserver.bfdd.spec import BfdSpec
from routeserver.bgp.errors import Cease, ErrorCode
from tests.bfdd.support import Reports
from tests.running import Server, eventually

APPLIANCE = "127.38.1.200"
BFD_PORT, BGP_PORT = 23787, 20187
OPEN, NOTIFICATION = 1, 3


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Its profile is the parameter, if there is one."""
    running = Server(tmp_path, bgp_port=BGP_PORT, bfd_port=BFD_PORT, bfd_linger_s=30)
    running.environment["ROUTESERVER_PROFILE"] = getattr(request, "param", "aws")
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


def answer_of_bgp(endpoint: str) -> bytes:
    """The first message to an appliance that dials and says nothing: its type and what follows."""
    with socket.create_connection(
        (endpoint, BGP_PORT), 15, source_address=(APPLIANCE, 0)
    ) as dialled:
        said = b""
        while len(said) < 21 and (more := dialled.recv(100)):
            said += more
    return said[18:]


def times_heard(server: Server, *, is_down: bool) -> int:
    """How often the log says that the appliance's BFD is administratively down, or no more."""
    lines = map(json.loads, (server.data_dir / "stderr.jsonl").read_text().splitlines())
    return sum(line["event"] == "bfd_admin_down" and line["down"] is is_down for line in lines)


@pytest.mark.parametrize("server", ["open"], indirect=True)
def test_bgp_does_not_wait_for_an_appliance_whose_bfd_is_administratively_down(
    server: Server,
) -> None:
    endpoint = make_peer(server.client())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bfd:
        bfd.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
        bfd.bind((APPLIANCE, 0))

        def says(state: State) -> int:
            packet = ControlPacket(state, 7, 0, 255, 1_000_000, 1_000_000)
            bfd.sendto(encode(packet), (endpoint, BFD_PORT))
            return times_heard(server, is_down=state is State.ADMIN_DOWN)

        waits = bytes([NOTIFICATION, ErrorCode.CEASE, Cease.BFD_DOWN])
        # Until its peer is configured, an appliance is a stranger, and refused as one.
        eventually("BGP waits", lambda: answer_of_bgp(endpoint)[:3], lambda said: said == waits)
        eventually("AdminDown", lambda: says(State.ADMIN_DOWN), bool)
        assert answer_of_bgp(endpoint)[0] == OPEN
        server.stop(signal.SIGKILL)
        server.start()
        eventually("again", lambda: times_heard(server, is_down=True), lambda times: times == 2)
        assert answer_of_bgp(endpoint)[0] == OPEN
        eventually("no AdminDown", lambda: says(State.DOWN), bool)
        assert answer_of_bgp(endpoint)[:3] == waits
