"""Route tables: routes from three sources, associations, and what static routes may be."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.policy import Policy, Quotas
from tests.control.cloud import Cloud

INTERFACE = "eni-0123456789abcdef0"


class Net:
    """A VPC with two subnets, a table, an interface and an attached internet gateway."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    async def build(self) -> Net:
        self.vpc_id = await self.cloud.vpc("10.0.0.0/16")
        self.subnet_id = await self.cloud.subnet(self.vpc_id, "10.0.1.0/24")
        self.other_subnet_id = await self.cloud.subnet(self.vpc_id, "10.0.2.0/24")
        self.table_id = await self.cloud.table(self.vpc_id)
        self.interface_id = await self.cloud.interface(self.subnet_id)
        self.gateway_id = await self.cloud.attached_gateway(self.vpc_id)
        return self

    async def route(self, destination: str, **target: Any) -> dict[str, Any]:
        member = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
        return await self.cloud(
            "CreateRoute", RouteTableId=self.table_id, **{member: destination}, **target
        )


@pytest.fixture
async def net(cloud: Cloud) -> Net:
    return await Net(cloud).build()


async def test_a_table_shows_local_static_and_propagated_routes(cloud: Cloud, net: Net) -> None:
    assert await net.route("0.0.0.0/0", GatewayId=net.gateway_id) == {"Return": True}
    await net.route("2001:db8:1::/48", NetworkInterfaceId=net.interface_id)
    cloud.world.propagate(net.table_id, "192.0.2.0/24", net.interface_id, "10.0.1.4")
    cloud.world.propagate(net.table_id, "2001:db8:2::/48", INTERFACE, "fd00::4")
    routes = await cloud.routes(net.table_id)
    assert list(routes) == [
        "10.0.0.0/16",
        "0.0.0.0/0",
        "2001:db8:1::/48",
        "192.0.2.0/24",
        "2001:db8:2::/48",
    ]
    assert routes["0.0.0.0/0"] == {
        "DestinationCidrBlock": "0.0.0.0/0",
        "GatewayId": net.gateway_id,
        "Origin": "CreateRoute",
        "State": "active",
    }
    assert routes["192.0.2.0/24"] == {
        "DestinationCidrBlock": "192.0.2.0/24",
        "NetworkInterfaceId": net.interface_id,
        "IpAddress": "10.0.1.4",
        "Origin": "Advertisement",
        "State": "active",
    }
    # The interface of the last one is gone.
    assert routes["2001:db8:2::/48"]["State"] == "blackhole"


async def test_an_occupied_destination_is_shown_once(cloud: Cloud, net: Net) -> None:
    for prefix in ("192.0.2.0/24", "10.0.0.0/16"):
        cloud.world.propagate(net.table_id, prefix, net.interface_id, "10.0.1.4")
    await net.route("192.0.2.0/24", GatewayId=net.gateway_id)
    (table,) = (await cloud("DescribeRouteTables", RouteTableIds=[net.table_id]))["RouteTables"]
    origins = [(route["DestinationCidrBlock"], route["Origin"]) for route in table["Routes"]]
    assert origins == [("10.0.0.0/16", "CreateRouteTable"), ("192.0.2.0/24", "CreateRoute")]


async def test_a_static_route_without_its_target_is_a_blackhole(cloud: Cloud, net: Net) -> None:
    await net.route("0.0.0.0/0", GatewayId=net.gateway_id)
    await net.route("192.0.2.0/24", NetworkInterfaceId=net.interface_id)
    await cloud("DeleteNetworkInterface", NetworkInterfaceId=net.interface_id)
    await cloud("DetachInternetGateway", InternetGatewayId=net.gateway_id, VpcId=net.vpc_id)
    routes = await cloud.routes(net.table_id)
    assert routes["0.0.0.0/0"]["State"] == "blackhole"
    assert routes["192.0.2.0/24"]["State"] == "blackhole"
    assert routes["192.0.2.0/24"]["NetworkInterfaceId"] == net.interface_id


async def test_a_destination_is_taken_once_in_canonical_form(cloud: Cloud, net: Net) -> None:
    await net.route("192.0.2.77/24", NetworkInterfaceId=net.interface_id)
    for destination in ("192.0.2.0/24", "10.0.0.0/16"):
        refusal = await cloud.refused(
            "CreateRoute",
            RouteTableId=net.table_id,
            DestinationCidrBlock=destination,
            NetworkInterfaceId=net.interface_id,
        )
        assert refusal.code == "RouteAlreadyExists"
        assert refusal.message == f"The route identified by {destination} already exists."


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"GatewayId": "igw-0123456789abcdef0"}, "InvalidGatewayID.NotFound"),
        ({"GatewayId": "vgw-0123456789abcdef0"}, "InvalidGatewayID.NotFound"),
        ({"NetworkInterfaceId": INTERFACE}, "InvalidNetworkInterfaceID.NotFound"),
        ({"NatGatewayId": "nat-0123456789abcdef0"}, "InvalidNatGatewayID.NotFound"),
        ({"TransitGatewayId": "tgw-0123456789abcdef0"}, "InvalidTransitGatewayID.NotFound"),
        ({"InstanceId": "i-0123456789abcdef0"}, "InvalidInstanceID.NotFound"),
        ({}, "MissingParameter"),
        ({"GatewayId": "igw-1", "InstanceId": "i-1"}, "InvalidParameterCombination"),
        ({"DestinationIpv6CidrBlock": "::/0", "GatewayId": "x"}, "InvalidParameterCombination"),
    ],
)
async def test_a_route_has_one_target_that_exists(
    cloud: Cloud, net: Net, params: dict[str, Any], code: str
) -> None:
    refusal = await cloud.refused(
        "CreateRoute", RouteTableId=net.table_id, DestinationCidrBlock="192.0.2.0/24", **params
    )
    assert refusal.code == code


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        ({}, "MissingParameter"),
        ({"DestinationCidrBlock": "192.0.2.0"}, "InvalidParameterValue"),
        ({"DestinationCidrBlock": "2001:db8::/32"}, "InvalidParameterValue"),
        ({"DestinationIpv6CidrBlock": "10.0.0.0/8"}, "InvalidParameterValue"),
        ({"DestinationPrefixListId": "pl-0123456789abcdef0"}, "InvalidPrefixListID.NotFound"),
    ],
)
async def test_a_destination_is_a_block_of_its_family(
    cloud: Cloud, net: Net, destination: dict[str, str], code: str
) -> None:
    refusal = await cloud.refused(
        "CreateRoute",
        RouteTableId=net.table_id,
        NetworkInterfaceId=net.interface_id,
        **destination,
    )
    assert refusal.code == code


async def test_a_target_of_another_vpc_is_refused(cloud: Cloud, net: Net) -> None:
    foreign = await Net(cloud).build()
    for target in (
        {"NetworkInterfaceId": foreign.interface_id},
        {"GatewayId": foreign.gateway_id},
    ):
        refusal = await cloud.refused(
            "CreateRoute", RouteTableId=net.table_id, DestinationCidrBlock="0.0.0.0/0", **target
        )
        assert refusal.code == "InvalidParameterValue"
        assert "belong to different networks" in refusal.message


async def test_inside_the_vpc_a_route_covers_a_subnet_and_leads_to_an_interface(
    cloud: Cloud, net: Net
) -> None:
    for destination, target in [
        ("10.0.2.0/24", {"GatewayId": net.gateway_id}),
        ("10.0.3.0/24", {"NetworkInterfaceId": net.interface_id}),
    ]:
        refusal = await cloud.refused(
            "CreateRoute", RouteTableId=net.table_id, DestinationCidrBlock=destination, **target
        )
        assert refusal.code == "InvalidParameterValue"
        assert destination in refusal.message
    await net.route("10.0.2.0/24", NetworkInterfaceId=net.interface_id)


async def test_static_routes_have_a_quota(cloud: Cloud, net: Net) -> None:
    small = Cloud(cloud.store, Policy(quotas=Quotas(static_routes_per_table=1)))
    await net.route("192.0.2.0/24", NetworkInterfaceId=net.interface_id)
    refusal = await small.refused(
        "CreateRoute",
        RouteTableId=net.table_id,
        DestinationCidrBlock="198.51.100.0/24",
        NetworkInterfaceId=net.interface_id,
    )
    assert refusal.code == "RouteLimitExceeded"


async def test_a_route_is_replaced_only_where_there_is_one(cloud: Cloud, net: Net) -> None:
    there = {"RouteTableId": net.table_id, "DestinationCidrBlock": "192.0.2.0/24"}
    refusal = await cloud.refused("ReplaceRoute", **there, GatewayId=net.gateway_id)
    assert refusal.code == "InvalidParameterValue"
    assert "Use CreateRoute instead" in refusal.message
    await net.route("192.0.2.0/24", NetworkInterfaceId=net.interface_id)
    assert await cloud("ReplaceRoute", **there, GatewayId=net.gateway_id) == {}
    route = (await cloud.routes(net.table_id))["192.0.2.0/24"]
    assert route["GatewayId"] == net.gateway_id
    assert "NetworkInterfaceId" not in route


async def test_a_local_route_can_lead_to_an_interface_and_be_reset(cloud: Cloud, net: Net) -> None:
    there = {"RouteTableId": net.table_id, "DestinationCidrBlock": "10.0.0.0/16"}
    await cloud("ReplaceRoute", **there, NetworkInterfaceId=net.interface_id)
    route = (await cloud.routes(net.table_id))["10.0.0.0/16"]
    assert route["NetworkInterfaceId"] == net.interface_id
    assert route["Origin"] == "CreateRouteTable"
    refusal = await cloud.refused("ReplaceRoute", **there, GatewayId=net.gateway_id)
    assert refusal.code == "InvalidParameterValue"
    assert (await cloud.refused("DeleteRoute", **there)).code == "InvalidParameterValue"
    await cloud("ReplaceRoute", **there, LocalTarget=True)
    assert (await cloud.routes(net.table_id))["10.0.0.0/16"]["GatewayId"] == "local"


async def test_a_route_is_deleted_once(cloud: Cloud, net: Net) -> None:
    await net.route("192.0.2.0/24", NetworkInterfaceId=net.interface_id)
    there = {"RouteTableId": net.table_id, "DestinationCidrBlock": "192.0.2.0/24"}
    assert await cloud("DeleteRoute", **there) == {}
    refusal = await cloud.refused("DeleteRoute", **there)
    assert refusal.code == "InvalidRoute.NotFound"
    assert refusal.message == (
        f"no route with destination-cidr-block 192.0.2.0/24 in route table {net.table_id}"
    )


async def test_a_propagated_route_is_not_the_client_s_to_delete(cloud: Cloud, net: Net) -> None:
    cloud.world.propagate(net.table_id, "192.0.2.0/24", net.interface_id, "10.0.1.4")
    refusal = await cloud.refused(
        "DeleteRoute", RouteTableId=net.table_id, DestinationCidrBlock="192.0.2.0/24"
    )
    assert refusal.code == "InvalidRoute.NotFound"
    assert "rs-0123456789abcdef0" in refusal.message


# --- tables and associations --------------------------------------------------------------------


async def test_a_client_token_makes_one_table(cloud: Cloud, net: Net) -> None:
    first = await cloud("CreateRouteTable", VpcId=net.vpc_id, ClientToken="again")
    assert await cloud("CreateRouteTable", VpcId=net.vpc_id, ClientToken="again") == first
    assert first["ClientToken"] == "again"
    other_id = await cloud.vpc("10.1.0.0/16")
    refusal = await cloud.refused("CreateRouteTable", VpcId=other_id, ClientToken="again")
    assert refusal.code == "IdempotentParameterMismatch"
    await cloud("DeleteRouteTable", RouteTableId=first["RouteTable"]["RouteTableId"])
    refusal = await cloud.refused("CreateRouteTable", VpcId=net.vpc_id, ClientToken="again")
    assert refusal.code == "IdempotentParameterMismatch"
    assert "deleted since" in refusal.message


async def test_a_subnet_has_one_explicit_table(cloud: Cloud, net: Net) -> None:
    made = await cloud("AssociateRouteTable", RouteTableId=net.table_id, SubnetId=net.subnet_id)
    assert made["AssociationState"] == {"State": "associated"}
    again = await cloud("AssociateRouteTable", RouteTableId=net.table_id, SubnetId=net.subnet_id)
    assert again == made
    spare = await cloud.table(net.vpc_id)
    refusal = await cloud.refused("AssociateRouteTable", RouteTableId=spare, SubnetId=net.subnet_id)
    assert refusal.code == "Resource.AlreadyAssociated"
    refusal = await cloud.refused("DeleteRouteTable", RouteTableId=net.table_id)
    assert refusal.code == "DependencyViolation"
    assert net.subnet_id in refusal.message

    moved = await cloud(
        "ReplaceRouteTableAssociation", AssociationId=made["AssociationId"], RouteTableId=spare
    )
    assert moved["NewAssociationId"] != made["AssociationId"]
    await cloud("DeleteRouteTable", RouteTableId=net.table_id)
    refusal = await cloud.refused("DisassociateRouteTable", AssociationId=made["AssociationId"])
    assert refusal.code == "InvalidAssociationID.NotFound"
    await cloud("DisassociateRouteTable", AssociationId=moved["NewAssociationId"])
    await cloud("DeleteRouteTable", RouteTableId=spare)


async def test_another_table_can_become_the_main_one(cloud: Cloud, net: Net) -> None:
    main = await cloud.main_table(net.vpc_id)
    association_id = main["Associations"][0]["RouteTableAssociationId"]
    refusal = await cloud.refused("DisassociateRouteTable", AssociationId=association_id)
    assert refusal.code == "InvalidParameterValue"
    refusal = await cloud.refused("DeleteRouteTable", RouteTableId=main["RouteTableId"])
    assert refusal.code == "DependencyViolation"
    await cloud(
        "ReplaceRouteTableAssociation", AssociationId=association_id, RouteTableId=net.table_id
    )
    assert (await cloud.main_table(net.vpc_id))["RouteTableId"] == net.table_id
    await cloud("DeleteRouteTable", RouteTableId=main["RouteTableId"])


async def test_a_gateway_has_a_table_that_leads_to_no_gateway(cloud: Cloud, net: Net) -> None:
    gateway = {"GatewayId": net.gateway_id}
    await net.route("0.0.0.0/0", **gateway)
    refusal = await cloud.refused("AssociateRouteTable", RouteTableId=net.table_id, **gateway)
    assert refusal.code == "InvalidParameterValue"
    await cloud("DeleteRoute", RouteTableId=net.table_id, DestinationCidrBlock="0.0.0.0/0")
    made = await cloud("AssociateRouteTable", RouteTableId=net.table_id, **gateway)
    refusal = await cloud.refused(
        "CreateRoute", RouteTableId=net.table_id, DestinationCidrBlock="0.0.0.0/0", **gateway
    )
    assert refusal.code == "InvalidParameterValue"
    leave = {"InternetGatewayId": net.gateway_id, "VpcId": net.vpc_id}
    refusal = await cloud.refused("DetachInternetGateway", **leave)
    assert refusal.code == "DependencyViolation"
    await cloud("DisassociateRouteTable", AssociationId=made["AssociationId"])
    await cloud("DetachInternetGateway", **leave)


async def test_an_association_stays_in_its_vpc(cloud: Cloud, net: Net) -> None:
    foreign = await Net(cloud).build()
    for target in ({"SubnetId": foreign.subnet_id}, {"GatewayId": foreign.gateway_id}):
        refusal = await cloud.refused("AssociateRouteTable", RouteTableId=net.table_id, **target)
        assert refusal.code == "InvalidParameterValue"
    made = await cloud("AssociateRouteTable", RouteTableId=net.table_id, SubnetId=net.subnet_id)
    refusal = await cloud.refused(
        "ReplaceRouteTableAssociation",
        AssociationId=made["AssociationId"],
        RouteTableId=foreign.table_id,
    )
    assert refusal.code == "InvalidParameterValue"
    refusal = await cloud.refused("AssociateRouteTable", RouteTableId=net.table_id)
    assert refusal.code == "MissingParameter"


async def test_tables_are_found_by_their_associations_and_routes(cloud: Cloud, net: Net) -> None:
    await cloud("AssociateRouteTable", RouteTableId=net.table_id, SubnetId=net.subnet_id)
    await net.route("192.0.2.0/24", NetworkInterfaceId=net.interface_id)
    cloud.world.propagate(net.table_id, "198.51.100.0/24", INTERFACE, "10.0.1.4")
    for name, value in [
        ("association.subnet-id", net.subnet_id),
        ("association.main", "false"),
        ("association.route-table-id", net.table_id),
        ("route.origin", "Advertisement"),
        ("route.state", "blackhole"),
        ("route.destination-cidr-block", "192.0.2.0/24"),
    ]:
        answer = await cloud("DescribeRouteTables", Filters=[{"Name": name, "Values": [value]}])
        assert [table["RouteTableId"] for table in answer["RouteTables"]] == [net.table_id], name
    by_nat = [{"Name": "route.nat-gateway-id", "Values": ["*"]}]
    assert (await cloud("DescribeRouteTables", Filters=by_nat))["RouteTables"] == []
