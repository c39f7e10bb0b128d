"""What a customer does with the API: build the VPC and the route server, look, take it down again.

Every call is unmodified boto3. Every wait is what a client must do: describe until the state is
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final

from appliances import PREFIXES, Appliance
from expect import UnexpectedError, equal, eventually, refused

SERVER_ASN: Final = 65000

Route = dict[str, Any]


@dataclass(slots=True)
class Cloud:
    """The ids of everything made, as it is made; `ec2` is a boto3 client."""

    ec2: Any
    vpc_id: str = ""
    table_id: str = ""
    route_server_id: str = ""
    subnet_ids: list[str] = field(default_factory=list)

    # --- building ---------------------------------------------------------------------------------

    def make_vpc(self, block: str) -> list[tuple[IPv4Network, IPv6Network]]:
        """A VPC, two subnets of both families, a route table for them; the subnets' blocks."""
        made = self.ec2.create_vpc(CidrBlock=block, AmazonProvidedIpv6CidrBlock=True)["Vpc"]
        self.vpc_id = made["VpcId"]
        vpc = eventually(
            "VPC available",
            lambda: self.ec2.describe_vpcs(VpcIds=[self.vpc_id])["Vpcs"][0],
            lambda seen: seen["State"] == "available" and seen.get("Ipv6CidrBlockAssociationSet"),
        )
        block6 = IPv6Network(vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"])
        table = self.ec2.create_route_table(VpcId=self.vpc_id)["RouteTable"]
        self.table_id = table["RouteTableId"]
        blocks4 = list(IPv4Network(block).subnets(new_prefix=24))[1:3]
        blocks6 = list(block6.subnets(new_prefix=64))[1:3]
        for block4, subnet_block6 in zip(blocks4, blocks6, strict=True):
            subnet_id = self.ec2.create_subnet(
                VpcId=self.vpc_id, CidrBlock=str(block4), Ipv6CidrBlock=str(subnet_block6)
            )["Subnet"]["SubnetId"]
            self.subnet_ids.append(subnet_id)
            self.ec2.associate_route_table(RouteTableId=self.table_id, SubnetId=subnet_id)
        eventually(
            "subnets available",
            lambda: self.ec2.describe_subnets(SubnetIds=self.subnet_ids)["Subnets"],
            lambda seen: all(subnet["State"] == "available" for subnet in seen),
        )
        return list(zip(blocks4, blocks6, strict=True))

    def make_interface(self, subnet_id: str, address: str, address6: str) -> str:
        made = self.ec2.create_network_interface(
            SubnetId=subnet_id,
            PrivateIpAddress=address,
            Ipv6Addresses=[{"Ipv6Address": address6}],
        )["NetworkInterface"]
        return str(made["NetworkInterfaceId"])

    def make_route_server(self) -> None:
        made = self.ec2.create_route_server(AmazonSideAsn=SERVER_ASN)["RouteServer"]
        equal("state of the new route server", made["State"], "pending")
        self.route_server_id = made["RouteServerId"]
        self._until("describe_route_servers", "RouteServer", self.route_server_id, "available")
        self.ec2.associate_route_server(RouteServerId=self.route_server_id, VpcId=self.vpc_id)
        eventually(
            "the association associated",
            lambda: self.ec2.get_route_server_associations(RouteServerId=self.route_server_id)[
                "RouteServerAssociations"
            ],
            lambda seen: [link["State"] for link in seen] == ["associated"],
        )

    def make_endpoints(self, appliances: Sequence[Appliance]) -> None:
        """One in each subnet, for the appliance there."""
        for subnet_id, appliance in zip(self.subnet_ids, appliances, strict=True):
            made = self.ec2.create_route_server_endpoint(
                RouteServerId=self.route_server_id, SubnetId=subnet_id
            )["RouteServerEndpoint"]
            appliance.endpoint_id = made["RouteServerEndpointId"]
        for appliance in appliances:
            seen = self._until(
                "describe_route_server_endpoints",
                "RouteServerEndpoint",
                appliance.endpoint_id,
                "available",
            )
            appliance.endpoint = seen["EniAddress"]

    def enable_propagation(self) -> None:
        link = {"RouteServerId": self.route_server_id, "RouteTableId": self.table_id}
        self.ec2.enable_route_server_propagation(**link)
        eventually(
            "the propagation available",
            lambda: self.ec2.get_route_server_propagations(**link)["RouteServerPropagations"],
            lambda seen: [link["State"] for link in seen] == ["available"],
        )

    def make_peers(self, appliances: Sequence[Appliance]) -> None:
        for appliance in appliances:
            made = self.ec2.create_route_server_peer(
                RouteServerEndpointId=appliance.endpoint_id,
                PeerAddress=appliance.address,
                BgpOptions={"PeerAsn": appliance.asn, "PeerLivenessDetection": "bfd"},
            )["RouteServerPeer"]
            appliance.peer_id = made["RouteServerPeerId"]
        for appliance in appliances:
            self._until(
                "describe_route_server_peers", "RouteServerPeer", appliance.peer_id, "available"
            )

    def _until(self, describe: str, kind: str, resource_id: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any]:
            answer = getattr(self.ec2, describe)(**{f"{kind}Ids": [resource_id]})
            found: dict[str, Any] = answer[f"{kind}s"][0]
            return found

        return eventually(f"{resource_id} {state}", look, lambda seen: seen["State"] == state)

    # --- looking ----------------------------------------------------------------------------------

    def wait_for_sessions(self, appliance: Appliance) -> None:
        def look() -> dict[str, str]:
            if appliance.child is not None and appliance.child.has_ended():
                running = f"appliance {appliance.name} to run"
                raise UnexpectedError(running, appliance.child.last_words())
            answer = self.ec2.describe_route_server_peers(RouteServerPeerIds=[appliance.peer_id])
            peer = answer["RouteServerPeers"][0]
            return {"BGP": peer["BgpStatus"]["Status"], "BFD": peer["BfdStatus"]["Status"]}

        both_up = {"BGP": "up", "BFD": "up"}
        what = f"BGP and BFD up with appliance {appliance.name}"
        eventually(what, look, lambda seen: seen == both_up)

    def routing_database(self) -> list[Route]:
        answer = self.ec2.get_route_server_routing_database(RouteServerId=self.route_server_id)
        routes: list[Route] = answer["Routes"]
        return routes

    def route_table(self) -> list[Route]:
        answer = self.ec2.describe_route_tables(RouteTableIds=[self.table_id])
        routes: list[Route] = answer["RouteTables"][0]["Routes"]
        return routes

    def wait_for_best(
        self, best: Appliance, others: Sequence[Appliance]
    ) -> tuple[list[Route], list[Route]]:
        """Until every prefix is in-fib by `best`, installed at its ENI, and in-rib by `others`."""
        wanted_paths = {(prefix, best.peer_id): ("in-fib", "installed") for prefix in PREFIXES}
        for other in others:
            wanted_paths |= {(prefix, other.peer_id): ("in-rib", "") for prefix in PREFIXES}
        wanted_targets = dict.fromkeys(PREFIXES, (best.eni_id, "Advertisement", "active"))

        def look() -> tuple[list[Route], list[Route]]:
            return self.routing_database(), self.route_table()

        def as_wanted(seen: tuple[list[Route], list[Route]]) -> bool:
            return _paths(seen[0]) == wanted_paths and _targets(seen[1]) == wanted_targets

        return eventually(
            f"every prefix by appliance {best.name}",
            look,
            as_wanted,
            lambda seen: f"paths {_paths(seen[0])} and targets {_targets(seen[1])}",
        )

    # --- taking down, in Amazon's order -----------------------------------------------------------

    def disable_propagation(self) -> None:
        link = {"RouteServerId": self.route_server_id, "RouteTableId": self.table_id}
        self.ec2.disable_route_server_propagation(**link)
        self._until_gone(
            "InvalidRouteServerId.NotPropagated", self.ec2.get_route_server_propagations, link
        )
        equal("propagated routes left in the route table", _targets(self.route_table()), {})

    def delete_peers_and_endpoints(self, appliances: Sequence[Appliance]) -> None:
        for appliance in appliances:
            self.ec2.delete_route_server_peer(RouteServerPeerId=appliance.peer_id)
        for appliance in appliances:
            self._until(
                "describe_route_server_peers", "RouteServerPeer", appliance.peer_id, "deleted"
            )
            self.ec2.delete_route_server_endpoint(RouteServerEndpointId=appliance.endpoint_id)
        for appliance in appliances:
            self._until(
                "describe_route_server_endpoints",
                "RouteServerEndpoint",
                appliance.endpoint_id,
                "deleted",
            )

    def refuse_disassociation(self, code: str, **params: object) -> str:
        """Try to disassociate, which must be refused; the message."""
        return refused(code, self.ec2.disassociate_route_server, **self._association, **params)

    def disassociate(self) -> str:
        answer = self.ec2.disassociate_route_server(**self._association)
        state = str(answer["RouteServerAssociation"]["State"])
        equal("state of the association", state, "disassociating")
        return state

    def wait_until_disassociated(self) -> str:
        rs = {"RouteServerId": self.route_server_id}
        return self._until_gone(
            "InvalidRouteServerId.NotAssociated", self.ec2.get_route_server_associations, rs
        )

    @property
    def _association(self) -> dict[str, str]:
        return {"RouteServerId": self.route_server_id, "VpcId": self.vpc_id}

    def _until_gone(self, code: str, get: Any, params: dict[str, str]) -> str:
        """Until the call is answered with this error; its message."""

        def look() -> object:
            try:
                return get(**params)
            except self.ec2.exceptions.ClientError as error:
                equal("error code", error.response["Error"]["Code"], code)
                return str(error.response["Error"]["Message"])

        return str(eventually(code, look, lambda seen: isinstance(seen, str)))


def _paths(routes: Sequence[Route]) -> dict[tuple[str, str], tuple[str, str]]:
    """By prefix and peer: the status, and how it stands in the one route table."""
    return {
        (route["Prefix"], route["RouteServerPeerId"]): (
            route["RouteStatus"],
            ",".join(d["RouteInstallationStatus"] for d in route["RouteInstallationDetails"]),
        )
        for route in routes
    }


def destination(route: Mapping[str, Any]) -> str:
    return str(route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"])


def _targets(routes: Sequence[Route]) -> dict[str, tuple[str, str, str]]:
    """The routes of the route table that are not local: target, origin and state by destination."""
    return {
        destination(route): (
            str(route.get("NetworkInterfaceId")),
            route["Origin"],
            route["State"],
        )
        for route in routes
        if route.get("GatewayId") != "local"
    }
