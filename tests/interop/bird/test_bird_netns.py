"""BIRD as an appliance in a namespace of the fabric `netns`: BGP on 179 and BFD on 3784, single
hop, in two VPCs with the same addresses at once, and over a restart of the server."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fabric.site import Site as FabricSite
from tests.fabric.site import eventually_passes, is_gone, left_behind, passes
from tests.interop.bird.daemon import Announcement, Bird, Neighbour
from tests.interop.daemons import require
from tests.interop.site import Site
from tests.namespaces import Namespace, namespace
from tests.running import error_of, eventually

APPLIANCE, CLIENT = "10.40.1.10", "10.40.2.10"
ASN = 65040
TARGET, PREFIX = "198.51.100.7", "198.51.100.0/24"


@dataclass
class Half:
    """One VPC: an appliance in a namespace, with a client in another subnet behind the table."""

    site: Site
    peer_id: str
    bird: Bird
    appliance: Namespace
    client: Namespace

    def is_up(self) -> bool:
        [peer] = self.site.ec2.describe_route_server_peers(RouteServerPeerIds=[self.peer_id])[
            "RouteServerPeers"
        ]
        return (peer["BgpStatus"]["Status"], peer["BfdStatus"]["Status"]) == ("up", "up")


def half(fabric: FabricSite, folder: Path, stack: ExitStack) -> Half:
    site = Site.build(fabric.server, "10.40")
    eni = site.ec2.create_network_interface(SubnetId=site.subnet_id, PrivateIpAddress=APPLIANCE)[
        "NetworkInterface"
    ]["NetworkInterfaceId"]
    site.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=eni, SourceDestCheck={"Value": False}
    )
    peer_id = site.ec2.create_route_server_peer(
        RouteServerEndpointId=site.endpoint_id,
        PeerAddress=APPLIANCE,
        BgpOptions={"PeerAsn": ASN, "PeerLivenessDetection": "bfd"},
    )["RouteServerPeer"]["RouteServerPeerId"]
    subnet = fabric.subnet(site.vpc_id, "10.40.2.0/24")
    site.ec2.associate_route_table(RouteTableId=site.table_id, SubnetId=subnet)
    appliance, client = (stack.enter_context(namespace(name)) for name in ("fw", "client"))
    fabric.attach(eni, appliance)
    fabric.attach(fabric.eni(subnet, CLIENT), client)
    appliance.ip("address", "add", f"{TARGET}/32", "dev", "lo")
    folder.mkdir()
    neighbour = Neighbour(APPLIANCE, ASN, site.endpoint_address, 179, is_direct=True, bfd=True)
    bird = Bird.make(folder, neighbour, Announcement([PREFIX]))
    appliance.inside(bird.daemon.start)
    stack.callback(bird.daemon.kill)
    return Half(site, peer_id, bird, appliance, client)


@pytest.fixture
def fabric(tmp_path: Path) -> Iterator[FabricSite]:
    require("bird", "bird2")
    with FabricSite.opened(tmp_path, bfd_linger_s="30") as opened:
        yield opened


def test_two_vpcs_with_the_same_addresses_each_have_their_sessions_and_routes(
    fabric: FabricSite, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        one, two = (half(fabric, tmp_path / name, stack) for name in ("1", "2"))
        assert one.site.endpoint_address == two.site.endpoint_address
        for each in (one, two):
            eventually("both sessions are up", each.is_up, bool, seconds=30)
            eventually_passes(each.client, each.appliance, TARGET)
        one.bird.daemon.kill()
        eventually("the loss is seen", one.is_up, lambda up: not up)
        assert two.is_up()
        assert passes(two.client, two.appliance, TARGET)
        eventually_passes(one.client, one.appliance, TARGET, is_passing=False)


def test_a_killed_server_leaves_packets_bfd_and_namespaces_and_finds_them_again(
    fabric: FabricSite, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        only = half(fabric, tmp_path / "1", stack)
        eventually("both sessions are up", only.is_up, bool, seconds=30)
        eventually_passes(only.client, only.appliance, TARGET)
        links = Namespace(only.site.vpc_id).ip("link", "show")
        fabric.server.stop(signal.SIGKILL)
        assert passes(only.client, only.appliance, TARGET)
        fabric.start()
        only.site.ec2 = fabric.ec2
        eventually("both sessions are up again", only.is_up, bool, seconds=30)
        assert passes(only.client, only.appliance, TARGET)
        assert _same(Namespace(only.site.vpc_id).ip("link", "show"), links)
        adopted = [line for line in fabric.log() if line["event"] == "bfd_daemon_adopted"]
        # BIRD ends its BFD session with the BGP session; the daemon, its sockets in the VPC's
        # namespace and the session are there for the next one all the same.
        assert [line["sessions"] for line in adopted] == [1]


def test_when_everything_is_deleted_nothing_is_left(fabric: FabricSite, tmp_path: Path) -> None:
    with ExitStack() as stack:
        only = half(fabric, tmp_path / "1", stack)
        eventually("both sessions are up", only.is_up, bool, seconds=30)
        only.bird.daemon.kill()
        _delete_everything(only)
        eventually("the VPC is gone", lambda: is_gone(only.site.vpc_id), bool)
        for left in (only.appliance, only.client):
            assert [link["ifname"] for link in left.ip("link", "show")] == ["lo"]
        assert left_behind(fabric.server.data_dir) == []


def _delete_everything(half: Half) -> None:
    site, ec2 = half.site, half.site.ec2
    ec2.delete_route_server_peer(RouteServerPeerId=half.peer_id)
    eventually("the peer is deleted", lambda: _states(ec2, "peer"), lambda s: s <= {"deleted"})
    ec2.delete_route_server_endpoint(RouteServerEndpointId=site.endpoint_id)
    eventually("the endpoint, too", lambda: _states(ec2, "endpoint"), lambda s: s <= {"deleted"})
    rs = {"RouteServerId": site.route_server_id}
    ec2.disable_route_server_propagation(**rs, RouteTableId=site.table_id)
    eventually(
        "no propagation",
        lambda: error_of(ec2.get_route_server_propagations, **rs),
        bool,
    )
    ec2.disassociate_route_server(**rs, VpcId=site.vpc_id)
    eventually(
        "no association",
        lambda: error_of(ec2.get_route_server_associations, **rs),
        bool,
    )
    of_vpc = {"Filters": [{"Name": "vpc-id", "Values": [site.vpc_id]}]}
    for eni in ec2.describe_network_interfaces(**of_vpc)["NetworkInterfaces"]:
        ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    for table in ec2.describe_route_tables(**of_vpc)["RouteTables"]:
        for link in table["Associations"]:
            if not link["Main"]:
                ec2.disassociate_route_table(AssociationId=link["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=site.table_id)
    for subnet in ec2.describe_subnets(**of_vpc)["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=site.vpc_id)


def _states(ec2: object, what: str) -> set[str]:
    found = getattr(ec2, f"describe_route_server_{what}s")()
    return {each["State"] for each in found[f"RouteServer{what.title()}s"]}


def _same(one: list[dict[str, object]], other: list[dict[str, object]]) -> bool:
    """The very same interfaces, not others of their names."""
    return [(link["ifindex"], link["ifname"]) for link in one] == [
        (link["ifindex"], link["ifname"]) for link in other
    ]
