"""A site to meet real daemons at: a server process, a loopback VPC, one endpoint, a propagated
table.

Each daemon takes an address of its own inside the VPC, so that nothing they bind collides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from typing import Any

from tests.running import Server, eventually


@dataclass
class Site:
    server: Server
    ec2: Any
    vpc_id: str
    subnet_id: str
    table_id: str
    route_server_id: str
    endpoint_id: str
    endpoint_address: str
    ipv6_network: IPv6Network
    """The subnet's IPv6 block."""
    interfaces: dict[str, str] = field(default_factory=dict)
    """The network interface made for each appliance address."""

    @classmethod
    def build(cls, server: Server, network: str = "127.60", asn: int = 65000) -> Site:
        """`network` is the first half of the VPC's CIDR, such as ``127.60``."""
        ec2 = server.client()
        vpc = ec2.create_vpc(CidrBlock=f"{network}.0.0/16", AmazonProvidedIpv6CidrBlock=True)
        vpc_id = vpc["Vpc"]["VpcId"]
        ipv6_block = vpc["Vpc"]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
        ipv6_network = next(IPv6Network(ipv6_block).subnets(new_prefix=64))
        subnet = ec2.create_subnet(
            VpcId=vpc_id, CidrBlock=f"{network}.1.0/24", Ipv6CidrBlock=str(ipv6_network)
        )["Subnet"]
        table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        made = ec2.create_route_server(AmazonSideAsn=asn)["RouteServer"]
        rs = {"RouteServerId": made["RouteServerId"]}
        eventually(
            "route server",
            lambda: ec2.describe_route_servers(RouteServerIds=[made["RouteServerId"]])[
                "RouteServers"
            ][0]["State"],
            lambda state: state == "available",
        )
        ec2.associate_route_server(**rs, VpcId=vpc_id)
        eventually(
            "association",
            lambda: ec2.get_route_server_associations(**rs)["RouteServerAssociations"][0]["State"],
            lambda state: state == "associated",
        )
        ec2.create_route_server_endpoint(**rs, SubnetId=subnet["SubnetId"])
        endpoint = eventually(
            "endpoint",
            lambda: next(
                each
                for each in ec2.describe_route_server_endpoints()["RouteServerEndpoints"]
                if each["RouteServerId"] == made["RouteServerId"]
            ),
            lambda each: each["State"] == "available",
        )
        ec2.enable_route_server_propagation(**rs, RouteTableId=table_id)
        return cls(
            server,
            ec2,
            vpc_id,
            subnet["SubnetId"],
            table_id,
            made["RouteServerId"],
            endpoint["RouteServerEndpointId"],
            endpoint["EniAddress"],
            ipv6_network,
        )

    def add_appliance(
        self, address: str, asn: int, *, bfd: bool = False, ipv6: str | None = None
    ) -> str:
        """Give `address` a network interface, with the address `ipv6` too, and a peer; the peer's
        id."""
        more = {} if ipv6 is None else {"Ipv6Addresses": [{"Ipv6Address": ipv6}]}
        interface = self.ec2.create_network_interface(
            SubnetId=self.subnet_id, PrivateIpAddress=address, **more
        )["NetworkInterface"]
        self.interfaces[address] = interface["NetworkInterfaceId"]
        peer = self.ec2.create_route_server_peer(
            RouteServerEndpointId=self.endpoint_id,
            PeerAddress=address,
            BgpOptions={
                "PeerAsn": asn,
                "PeerLivenessDetection": "bfd" if bfd else "bgp-keepalive",
            },
        )["RouteServerPeer"]
        peer_id = str(peer["RouteServerPeerId"])
        eventually("peer", lambda: self.peer(peer_id)["State"], lambda state: state == "available")
        return peer_id

    def peer(self, peer_id: str) -> Any:
        found = self.ec2.describe_route_server_peers(RouteServerPeerIds=[peer_id])
        return found["RouteServerPeers"][0]

    def routes(self) -> dict[tuple[str, str], Any]:
        """The routing database by (prefix, peer id)."""
        found = self.ec2.get_route_server_routing_database(RouteServerId=self.route_server_id)
        return {(each["Prefix"], each["RouteServerPeerId"]): each for each in found["Routes"]}

    def routes_of(self, peer_id: str) -> dict[str, Any]:
        """One peer's part of the routing database by prefix."""
        return {prefix: route for (prefix, peer), route in self.routes().items() if peer == peer_id}

    def table(self) -> Mapping[str, Any]:
        """The propagated entries of the route table by destination."""
        table = self.ec2.describe_route_tables(RouteTableIds=[self.table_id])["RouteTables"][0]
        return {
            route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]: route
            for route in table["Routes"]
            if route["Origin"] == "Advertisement"
        }

    def wait_installed(self, address: str, prefixes: Iterable[str]) -> None:
        """Until exactly these destinations are propagated, all to the interface of `address`.

        Naming the interface keeps what an earlier test's daemon left from being taken for it.
        """
        wanted = dict.fromkeys(prefixes, (self.interfaces[address], "active"))
        eventually(
            f"routes to {address}",
            lambda: {
                destination: (entry["NetworkInterfaceId"], entry["State"])
                for destination, entry in self.table().items()
            },
            lambda installed: installed == wanted,
        )

    def wait_up(self, peer_id: str, *, bfd: bool = False, seconds: float = 60.0) -> None:
        eventually(
            "session up",
            lambda: self.peer(peer_id),
            lambda peer: (
                peer["BgpStatus"]["Status"] == "up"
                and (not bfd or peer["BfdStatus"]["Status"] == "up")
            ),
            seconds,
        )

    def wait_down(self, peer_id: str, seconds: float = 60.0) -> None:
        eventually(
            "session down",
            lambda: self.peer(peer_id)["BgpStatus"]["Status"],
            lambda status: status == "down",
            seconds,
        )
