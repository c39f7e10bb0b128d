"""A whole server with the fabric `netns`: what its peers announce is in the kernel, stays there
while the server is away, and is not written again when it comes back."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dataplane.test_real_kernel import ROUTES, ear
from tests.namespaces import Namespace, namespace, need_root
from tests.running import COMMAND, Server, eventually

PREFIXES = ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/25")


@dataclass
class Cloud:
    server: Server
    vpc: Namespace
    table: str
    endpoint: str

    def routes(self) -> set[str]:
        """The destinations in the kernel that were propagated."""
        said = self.vpc.run("ip", "-4", "route", "show", "table", "all", "proto", "179")
        return {line.split()[0] for line in said.splitlines() if "metric 179" in line}

    def goes(self, destination: str) -> Any:
        said = self.vpc.ip("route", "get", destination, "from", "10.90.1.50", "iif", self.bridge())
        return said[0].get("gateway")

    def bridge(self) -> str:
        return str(self.vpc.ip("link", "show", "type", "bridge")[0]["ifname"])

    def shown(self) -> set[str]:
        tables = self.server.client().describe_route_tables(RouteTableIds=[self.table])
        return {
            route["DestinationCidrBlock"]
            for route in tables["RouteTables"][0]["Routes"]
            if route["Origin"] == "Advertisement"
        }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    need_root()
    arguments = ("--fabric=netns", "--profile=open")
    server = Server(tmp_path, bgp_port=179, bfd_port=3784, arguments=arguments)
    server.start()
    yield server
    if server.process is not None:
        server.stop()


@pytest.fixture
def fw() -> Iterator[Namespace]:
    need_root()
    with namespace("fw") as made:
        yield made


def available(look: Any, name: str) -> None:
    eventually(
        name, lambda: look()[name], lambda all_: all(o["State"] == "available" for o in all_)
    )


@pytest.fixture
def vpc(server: Server) -> Iterator[str]:
    """Its namespace outlives the server, so it is the test's to remove."""
    made = str(server.client().create_vpc(CidrBlock="10.90.0.0/16")["Vpc"]["VpcId"])
    yield made
    if server.process is not None:
        server.stop()
    subprocess.run(["ip", "netns", "delete", made], check=False)


@pytest.fixture
def cloud(server: Server, vpc: str, fw: Namespace) -> Cloud:
    ec2 = server.client()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.90.1.0/24")["Subnet"]["SubnetId"]
    own = [{"Name": "vpc-id", "Values": [vpc]}]
    [table] = ec2.describe_route_tables(Filters=own)["RouteTables"]
    rs = ec2.create_route_server(AmazonSideAsn=65000)["RouteServer"]["RouteServerId"]
    available(ec2.describe_route_servers, "RouteServers")
    ec2.associate_route_server(RouteServerId=rs, VpcId=vpc)
    eventually(
        "the association",
        lambda: ec2.get_route_server_associations(RouteServerId=rs)["RouteServerAssociations"],
        lambda found: all(one["State"] == "associated" for one in found),
    )
    made = ec2.create_route_server_endpoint(RouteServerId=rs, SubnetId=subnet)
    available(ec2.describe_route_server_endpoints, "RouteServerEndpoints")
    ec2.enable_route_server_propagation(RouteServerId=rs, RouteTableId=table["RouteTableId"])
    eni = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.90.1.10")
    eni_id = eni["NetworkInterface"]["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=eni_id, SourceDestCheck={"Value": False}
    )
    ec2.create_route_server_peer(
        RouteServerEndpointId=made["RouteServerEndpoint"]["RouteServerEndpointId"],
        PeerAddress="10.90.1.10",
        BgpOptions={"PeerAsn": 65001},
    )
    available(ec2.describe_route_server_peers, "RouteServerPeers")
    [endpoint] = ec2.describe_route_server_endpoints()["RouteServerEndpoints"]
    subprocess.run(
        [COMMAND, "attach", eni_id, "--netns", fw.name, f"--data-dir={server.data_dir}"], check=True
    )
    return Cloud(server, Namespace(vpc), table["RouteTableId"], endpoint["EniAddress"])


@pytest.fixture
def appliance(cloud: Cloud, fw: Namespace) -> Iterator[subprocess.Popen[bytes]]:
    announced = [word for prefix in PREFIXES for word in ("--announce", prefix)]
    process = subprocess.Popen(
        [
            *("ip", "netns", "exec", fw.name, COMMAND, "appliance", "--peer", cloud.endpoint),
            *("--asn", "65001", "--peer-asn", "65000", "--local", "10.90.1.10", *announced),
        ],
        stderr=subprocess.DEVNULL,
    )
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(15)


def test_routes_are_in_the_kernel_for_as_long_as_they_are_announced(
    cloud: Cloud, appliance: subprocess.Popen[bytes]
) -> None:
    eventually("routes in the kernel", cloud.routes, lambda found: found == set(PREFIXES))
    assert cloud.shown() == set(PREFIXES)
    assert cloud.goes("198.51.100.9") == "10.90.1.10"
    appliance.terminate()
    appliance.wait(15)
    eventually("no routes in the kernel", cloud.routes, lambda found: not found)
    assert not cloud.shown()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_was_away_finds_its_routes_and_writes_none(
    cloud: Cloud, appliance: subprocess.Popen[bytes], how: signal.Signals
) -> None:
    eventually("routes in the kernel", cloud.routes, lambda found: found == set(PREFIXES))
    with ear(cloud.vpc, *ROUTES) as told:
        cloud.server.stop(how)
        assert cloud.routes() == set(PREFIXES)
        cloud.server.start()
        assert cloud.routes() == set(PREFIXES)
        eventually("routes are known again", cloud.shown, lambda seen: seen == set(PREFIXES), 60)
        assert cloud.routes() == set(PREFIXES)
        assert told.heard() == 0
    assert appliance.poll() is None
