"""An appliance whose network interface has an IPv6 address too, in a subnet of its own."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Network

from tests.interop.site import Site
from tests.running import eventually


@dataclass(frozen=True, slots=True)
class DualStack:
    peer_id: str
    interface_id: str
    ipv6: str


def add_dual_stack_appliance(site: Site, address: str, asn: int) -> DualStack:
    """`address` lies outside the site's own subnet; its /24 becomes a subnet with IPv6."""
    vpc = site.ec2.describe_vpcs(VpcIds=[site.vpc_id])["Vpcs"][0]
    block = IPv6Network(vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
    subnet = site.ec2.create_subnet(
        VpcId=site.vpc_id,
        CidrBlock=f"{address.rpartition('.')[0]}.0/24",
        Ipv6CidrBlock=str(next(block.subnets(new_prefix=64))),
    )["Subnet"]
    interface = site.ec2.create_network_interface(
        SubnetId=subnet["SubnetId"], PrivateIpAddress=address, Ipv6AddressCount=1
    )["NetworkInterface"]
    peer = site.ec2.create_route_server_peer(
        RouteServerEndpointId=site.endpoint_id,
        PeerAddress=address,
        BgpOptions={"PeerAsn": asn},
    )["RouteServerPeer"]
    peer_id = str(peer["RouteServerPeerId"])
    eventually("peer", lambda: site.peer(peer_id)["State"], lambda state: state == "available")
    return DualStack(
        peer_id,
        interface["NetworkInterfaceId"],
        interface["Ipv6Addresses"][0]["Ipv6Address"],
    )
