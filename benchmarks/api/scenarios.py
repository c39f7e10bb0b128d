"""What is asked: three calls as fast as they are answered, and a mix at a pace under a BGP load."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.api.load import Ask, Measured, Target, load
from benchmarks.api.servers import PORTS, client, gauge
from benchmarks.routing.process import BenchmarkError, Child

TABLES: Final = 200
ROUTES: Final = 100_000
PACE_S: Final = 0.25
"""How often each of the clients asks under the BGP load."""
WAIT_S: Final = 120.0
RIB_ROUTES: Final = "routeserver_rib_routes"


@dataclass(frozen=True, slots=True)
class Network:
    """Ours only: a route server with a peer that is ready to be dialled."""

    route_server_id: str
    endpoint: str
    appliance: str


def fill(target: Target) -> None:
    """200 route tables, a VPC's main one among them."""
    ec2 = client(target)
    vpc_id = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    missing = TABLES - len(ec2.describe_route_tables()["RouteTables"])
    for _ in range(missing):
        ec2.create_route_table(VpcId=vpc_id)


def build(target: Target) -> Network:
    ec2 = client(target)
    vpc_id = ec2.create_vpc(CidrBlock="127.77.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="127.77.1.0/24")["Subnet"]["SubnetId"]
    server = ec2.create_route_server(AmazonSideAsn=65000)["RouteServer"]["RouteServerId"]
    one = {"RouteServerId": server}
    _until(lambda: ec2.describe_route_servers()["RouteServers"][0]["State"], "available")
    ec2.associate_route_server(**one, VpcId=vpc_id)
    _until(
        lambda: ec2.get_route_server_associations(**one)["RouteServerAssociations"][0]["State"],
        "associated",
    )
    endpoint = ec2.create_route_server_endpoint(**one, SubnetId=subnet)["RouteServerEndpoint"]
    _until(
        lambda: ec2.describe_route_server_endpoints()["RouteServerEndpoints"][0]["State"],
        "available",
    )
    peer = ec2.create_route_server_peer(
        RouteServerEndpointId=endpoint["RouteServerEndpointId"],
        PeerAddress="127.77.1.200",
        BgpOptions={"PeerAsn": 65001},
    )["RouteServerPeer"]
    _until(lambda: ec2.describe_route_server_peers()["RouteServerPeers"][0]["State"], "available")
    return Network(server, peer["EndpointEniAddress"], peer["PeerAddress"])


def create_vpc(target: Target, clients: int, seconds: float) -> Measured:
    asks = [Ask("CreateVpc", {"CidrBlock": "10.2.0.0/16"})]
    return load(target, asks, clients=clients, seconds=seconds)


def describe_route_tables(target: Target, clients: int, seconds: float) -> Measured:
    return load(target, [Ask("DescribeRouteTables")], clients=clients, seconds=seconds)


def routing_database(target: Target, network: Network, clients: int, seconds: float) -> Measured:
    """Of a route server that knows all the routes already."""
    _until(lambda: gauge(target, RIB_ROUTES) >= ROUTES, True)
    asks = [_database(network)]
    return load(target, asks, clients=clients, seconds=seconds)


def under_load(
    target: Target, network: Network, folder: Path, clients: int, seconds: float
) -> Measured:
    """A mix of reads at a pace, from the moment the appliance dials."""
    asks = [
        Ask("DescribeRouteServers"),
        Ask("DescribeRouteServerEndpoints"),
        Ask("DescribeRouteServerPeers"),
        Ask("GetRouteServerAssociations", {"RouteServerId": network.route_server_id}),
        _database(network, "5"),
    ]
    with appliance(network, folder):
        measured = load(target, asks, clients=clients, seconds=seconds, every_s=PACE_S)
        _until(lambda: gauge(target, RIB_ROUTES) >= ROUTES, True)
    return measured


@contextmanager
def appliance(network: Network, folder: Path) -> Iterator[None]:
    command = [
        str(Path(sys.executable).with_name("routeserver")),
        "appliance",
        f"--local={network.appliance}",
        f"--peer={network.endpoint}:{PORTS['bgp']}",
        "--asn=65001",
        "--peer-asn=65000",
        f"--announce-count={ROUTES}",
    ]
    child = Child("appliance", command, folder / "appliance.log")
    child.start()
    try:
        yield
    finally:
        child.stop()


def _database(network: Network, most: str = "100") -> Ask:
    params = {"RouteServerId": network.route_server_id, "MaxResults": most}
    return Ask("GetRouteServerRoutingDatabase", params)


def _until(look: Any, wanted: object) -> None:
    deadline = time.monotonic() + WAIT_S
    while look() != wanted:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"still {look()!r}, not {wanted!r}")
        time.sleep(0.05)
