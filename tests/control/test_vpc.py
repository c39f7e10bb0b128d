"""VPCs, subnets and internet gateways: how they are born, shown, refused and ended."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.policy import Policy
from tests.control.cloud import ACCOUNT, Cloud


def tagged(kind: str, **tags: str) -> list[dict[str, Any]]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": pairs}]


async def test_a_vpc_is_born_pending_with_its_block_in_canonical_form(cloud: Cloud) -> None:
    answer = await cloud(
        "CreateVpc", CidrBlock="10.1.2.3/16", TagSpecifications=tagged("vpc", a="b")
    )
    vpc = answer["Vpc"]
    assert vpc["State"] == "pending"
    assert vpc["CidrBlock"] == "10.1.0.0/16"
    assert vpc["OwnerId"] == ACCOUNT
    assert vpc["Tags"] == [{"Key": "a", "Value": "b"}]
    assert vpc["Ipv6CidrBlockAssociationSet"] == []
    described = await cloud("DescribeVpcs", VpcIds=[vpc["VpcId"]])
    assert described["Vpcs"] == [vpc]


async def test_a_vpc_is_born_with_a_main_table_that_has_its_local_route(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc("10.0.0.0/16")
    table = await cloud.main_table(vpc_id)
    (association,) = table["Associations"]
    assert association["Main"] is True
    assert association["RouteTableId"] == table["RouteTableId"]
    assert association["RouteTableAssociationId"].startswith("rtbassoc-")
    assert "SubnetId" not in association
    assert table["Routes"] == [
        {
            "DestinationCidrBlock": "10.0.0.0/16",
            "GatewayId": "local",
            "Origin": "CreateRouteTable",
            "State": "active",
        }
    ]


async def test_an_ipv6_vpc_has_a_unique_local_block_and_a_local_route_for_it(cloud: Cloud) -> None:
    answer = await cloud("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)
    (block,) = answer["Vpc"]["Ipv6CidrBlockAssociationSet"]
    (ipv4,) = answer["Vpc"]["CidrBlockAssociationSet"]
    assert block["Ipv6CidrBlock"].startswith("fd")
    assert block["Ipv6CidrBlock"].endswith("/56")
    assert block["AssociationId"] != ipv4["AssociationId"]
    table = await cloud.main_table(answer["Vpc"]["VpcId"])
    assert [route["GatewayId"] for route in table["Routes"]] == ["local", "local"]
    assert table["Routes"][1]["DestinationIpv6CidrBlock"] == block["Ipv6CidrBlock"]


@pytest.mark.parametrize(
    ("cidr", "code"),
    [
        ("10.0.0.0/8", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
        ("0.0.0.0/16", "InvalidVpc.Range"),
        ("224.1.0.0/16", "InvalidVpc.Range"),
        ("250.1.0.0/16", "InvalidVpc.Range"),
        ("169.254.0.0/16", "InvalidVpc.Range"),
        ("10.0.0.0", "InvalidParameterValue"),
        ("10.0.0.0/33", "InvalidParameterValue"),
        ("10.0.0.0/255.255.0.0", "InvalidParameterValue"),
        ("2001:db8::/56", "InvalidParameterValue"),
        ("ten", "InvalidParameterValue"),
    ],
)
async def test_a_block_that_no_vpc_may_have_is_refused(cloud: Cloud, cidr: str, code: str) -> None:
    refusal = await cloud.refused("CreateVpc", CidrBlock=cidr)
    assert refusal.code == code
    assert cidr in refusal.message
    assert (await cloud("DescribeVpcs"))["Vpcs"] == []


async def test_a_loopback_vpc_is_the_policy_s_choice(cloud: Cloud) -> None:
    assert await cloud.vpc("127.10.0.0/16")
    strict = Cloud(cloud.store, Policy(accept_loopback_vpc=False))
    refusal = await strict.refused("CreateVpc", CidrBlock="127.11.0.0/16")
    assert refusal.code == "InvalidVpc.Range"


async def test_the_open_profile_accepts_a_larger_vpc(cloud: Cloud) -> None:
    assert await Cloud(cloud.store, Policy(profile="open")).vpc("10.0.0.0/8")


async def test_what_does_not_exist_here_is_refused_not_ignored(cloud: Cloud) -> None:
    refusal = await cloud.refused("CreateVpc", CidrBlock="10.0.0.0/16", Ipv6Pool="ipv6pool-1")
    assert refusal.code == "UnsupportedOperation"
    assert "Ipv6Pool" in refusal.message
    assert (await cloud.refused("CreateVpc")).code == "MissingParameter"
    refusal = await cloud.refused("CreateVpc", CidrBlock="10.0.0.0/16", InstanceTenancy="host")
    assert refusal.code == "InvalidParameterValue"


async def test_an_unknown_or_misspelt_vpc_is_told_apart(cloud: Cloud) -> None:
    refusal = await cloud.refused("DescribeVpcs", VpcIds=["vpc-0123456789abcdef0"])
    assert refusal.code == "InvalidVpcID.NotFound"
    assert refusal.message == "The vpc ID 'vpc-0123456789abcdef0' does not exist"
    assert (await cloud.refused("DeleteVpc", VpcId="vpc-x")).code == "InvalidVpcID.Malformed"


async def test_another_account_sees_nothing(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    other = Cloud(cloud.store, account="444455556666")
    assert (await other("DescribeVpcs"))["Vpcs"] == []
    assert (await other.refused("DeleteVpc", VpcId=vpc_id)).code == "InvalidVpcID.NotFound"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("cidr", "10.0.*", True),
        ("vpc-id", "vpc-*", True),
        ("state", "available", False),
        ("is-default", "false", True),
        ("ipv6-cidr-block-association.ipv6-cidr-block", "fd*", False),
        ("tag:Name", "blue", True),
        ("tag-key", "Name", True),
        ("tag:Name", "red", False),
    ],
)
async def test_vpcs_are_found_by_filter(cloud: Cloud, name: str, value: str, found: bool) -> None:
    await cloud.vpc(TagSpecifications=tagged("vpc", Name="blue"))
    answer = await cloud("DescribeVpcs", Filters=[{"Name": name, "Values": [value]}])
    assert bool(answer["Vpcs"]) is found


async def test_vpcs_are_paged_without_gaps(cloud: Cloud) -> None:
    made = [await cloud.vpc(f"10.{number}.0.0/16") for number in range(7)]
    first = await cloud("DescribeVpcs", MaxResults=5)
    second = await cloud("DescribeVpcs", MaxResults=5, NextToken=first["NextToken"])
    assert "NextToken" not in second
    assert [vpc["VpcId"] for vpc in first["Vpcs"] + second["Vpcs"]] == made


async def test_vpc_attributes_change_one_at_a_time(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    ask = {"VpcId": vpc_id, "Attribute": "enableDnsHostnames"}
    answer = await cloud("DescribeVpcAttribute", **ask)
    assert answer == {"VpcId": vpc_id, "EnableDnsHostnames": {"Value": False}}
    await cloud("ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    answer = await cloud("DescribeVpcAttribute", **ask)
    assert answer["EnableDnsHostnames"] == {"Value": True}
    refusal = await cloud.refused(
        "ModifyVpcAttribute",
        VpcId=vpc_id,
        EnableDnsHostnames={"Value": True},
        EnableDnsSupport={"Value": False},
    )
    assert refusal.code == "InvalidParameterCombination"
    assert (await cloud.refused("ModifyVpcAttribute", VpcId=vpc_id)).code == "MissingParameter"


async def test_a_vpc_goes_only_when_nothing_is_left_in_it(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    interface_id = await cloud.interface(subnet_id)
    table_id = await cloud.table(vpc_id)
    gateway_id = await cloud.attached_gateway(vpc_id)
    main_id = (await cloud.main_table(vpc_id))["RouteTableId"]
    await cloud(
        "CreateRoute", RouteTableId=main_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id
    )

    for blocker, action, params in [
        (interface_id, "DeleteNetworkInterface", {"NetworkInterfaceId": interface_id}),
        (subnet_id, "DeleteSubnet", {"SubnetId": subnet_id}),
        (gateway_id, "DetachInternetGateway", {"InternetGatewayId": gateway_id, "VpcId": vpc_id}),
        (table_id, "DeleteRouteTable", {"RouteTableId": table_id}),
    ]:
        refusal = await cloud.refused("DeleteVpc", VpcId=vpc_id)
        assert refusal.code == "DependencyViolation"
        assert blocker in refusal.message
        await cloud(action, **params)

    assert await cloud("DeleteVpc", VpcId=vpc_id) == {}
    assert (await cloud("DescribeVpcs"))["Vpcs"] == []
    assert (await cloud("DescribeRouteTables"))["RouteTables"] == []


async def test_a_vpc_that_a_route_server_serves_stays(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    server = (await cloud("CreateRouteServer", AmazonSideAsn=65000))["RouteServer"]
    await cloud.make_available(server["RouteServerId"])
    await cloud("AssociateRouteServer", RouteServerId=server["RouteServerId"], VpcId=vpc_id)
    refusal = await cloud.refused("DeleteVpc", VpcId=vpc_id)
    assert refusal.code == "DependencyViolation"
    assert server["RouteServerId"] in refusal.message


# --- subnets ------------------------------------------------------------------------------------


async def test_a_subnet_is_born_pending_with_five_addresses_kept(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    answer = await cloud("CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.1.0/24")
    subnet = answer["Subnet"]
    assert subnet["State"] == "pending"
    assert subnet["AvailableIpAddressCount"] == 251
    assert subnet["AvailabilityZone"] == "us-east-1a"
    assert subnet["AvailabilityZoneId"] == "use1-az1"
    assert subnet["SubnetArn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:subnet/{subnet['SubnetId']}"
    await cloud.interface(subnet["SubnetId"], SecondaryPrivateIpAddressCount=2)
    (described,) = (await cloud("DescribeSubnets"))["Subnets"]
    assert described == {**subnet, "AvailableIpAddressCount": 248}


@pytest.mark.parametrize(
    ("cidr", "code"),
    [
        ("10.0.1.128/25", "InvalidSubnet.Conflict"),
        ("10.0.0.0/16", "InvalidSubnet.Conflict"),
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.0.0/15", "InvalidSubnet.Range"),
        ("10.0.2.0/29", "InvalidSubnet.Range"),
        ("10.0.2.0", "InvalidParameterValue"),
    ],
)
async def test_a_subnet_lies_in_its_vpc_and_apart_from_others(
    cloud: Cloud, cidr: str, code: str
) -> None:
    vpc_id = await cloud.vpc("10.0.0.0/16")
    await cloud.subnet(vpc_id, "10.0.1.0/24")
    assert (await cloud.refused("CreateSubnet", VpcId=vpc_id, CidrBlock=cidr)).code == code


async def test_a_subnet_s_ipv6_block_is_a_64_of_the_vpc_s(cloud: Cloud) -> None:
    vpc = (await cloud("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True))[
        "Vpc"
    ]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    vpc_id = vpc["VpcId"]
    await cloud.subnet(vpc_id, "10.0.1.0/24", Ipv6CidrBlock=block)
    (subnet,) = (await cloud("DescribeSubnets"))["Subnets"]
    assert subnet["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == block
    for ipv6, code in [
        (block, "InvalidSubnet.Conflict"),
        ("2001:db8::/64", "InvalidSubnet.Range"),
        (block.replace("/64", "/72"), "InvalidSubnet.Range"),
        ("10.0.0.0/24", "InvalidParameterValue"),
    ]:
        refusal = await cloud.refused(
            "CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.2.0/24", Ipv6CidrBlock=ipv6
        )
        assert refusal.code == code


async def test_a_zone_is_chosen_by_name_or_id(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    await cloud.subnet(vpc_id, "10.0.1.0/24", AvailabilityZone="us-east-1b")
    await cloud.subnet(vpc_id, "10.0.2.0/24", AvailabilityZoneId="use1-az3")
    subnets = (await cloud("DescribeSubnets"))["Subnets"]
    assert [subnet["AvailabilityZone"] for subnet in subnets] == ["us-east-1b", "us-east-1c"]
    refusal = await cloud.refused(
        "CreateSubnet", VpcId=vpc_id, CidrBlock="10.0.3.0/24", AvailabilityZone="us-east-1z"
    )
    assert refusal.code == "InvalidParameterValue"
    assert "us-east-1a, us-east-1b, us-east-1c" in refusal.message


async def test_subnet_filters_know_their_other_names(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    for name, value in [
        ("vpc-id", vpc_id),
        ("availabilityZone", "us-east-1a"),
        ("availability-zone-id", "use1-az1"),
        ("cidr", "10.0.1.0/24"),
        ("available-ip-address-count", "251"),
        ("subnet-arn", f"*/{subnet_id}"),
    ]:
        answer = await cloud("DescribeSubnets", Filters=[{"Name": name, "Values": [value]}])
        assert [subnet["SubnetId"] for subnet in answer["Subnets"]] == [subnet_id], name


async def test_subnet_attributes(cloud: Cloud) -> None:
    subnet_id = await cloud.subnet(await cloud.vpc())
    await cloud("ModifySubnetAttribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    (subnet,) = (await cloud("DescribeSubnets"))["Subnets"]
    assert subnet["MapPublicIpOnLaunch"] is True
    refusal = await cloud.refused(
        "ModifySubnetAttribute", SubnetId=subnet_id, AssignIpv6AddressOnCreation={"Value": True}
    )
    assert refusal.code == "InvalidParameterValue"
    same: dict[str, Any] = {"EnableResourceNameDnsARecordOnLaunch": {"Value": False}}
    assert await cloud("ModifySubnetAttribute", SubnetId=subnet_id, **same) == {}
    other = {"EnableResourceNameDnsARecordOnLaunch": {"Value": True}}
    refusal = await cloud.refused("ModifySubnetAttribute", SubnetId=subnet_id, **other)
    assert refusal.code == "UnsupportedOperation"


async def test_a_subnet_with_an_interface_stays_and_then_takes_its_association_along(
    cloud: Cloud,
) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    table_id = await cloud.table(vpc_id)
    await cloud("AssociateRouteTable", RouteTableId=table_id, SubnetId=subnet_id)
    interface_id = await cloud.interface(subnet_id)
    refusal = await cloud.refused("DeleteSubnet", SubnetId=subnet_id)
    assert refusal.code == "DependencyViolation"
    assert interface_id in refusal.message
    await cloud("DeleteNetworkInterface", NetworkInterfaceId=interface_id)
    await cloud("DeleteSubnet", SubnetId=subnet_id)
    (table,) = (await cloud("DescribeRouteTables", RouteTableIds=[table_id]))["RouteTables"]
    assert table["Associations"] == []


# --- internet gateways --------------------------------------------------------------------------


async def test_an_internet_gateway_is_attached_once(cloud: Cloud) -> None:
    vpc_id, other_id = await cloud.vpc(), await cloud.vpc("10.1.0.0/16")
    gateway_id = await cloud.attached_gateway(vpc_id)
    (gateway,) = (await cloud("DescribeInternetGateways"))["InternetGateways"]
    assert gateway["Attachments"] == [{"VpcId": vpc_id, "State": "available"}]

    async def code(action: str, gateway: str, vpc: str) -> str:
        return (await cloud.refused(action, InternetGatewayId=gateway, VpcId=vpc)).code

    spare = (await cloud("CreateInternetGateway"))["InternetGateway"]["InternetGatewayId"]
    assert await code("AttachInternetGateway", gateway_id, other_id) == "Resource.AlreadyAssociated"
    assert await code("AttachInternetGateway", spare, vpc_id) == "InvalidParameterValue"
    assert await code("DetachInternetGateway", gateway_id, other_id) == "Gateway.NotAttached"
    refusal = await cloud.refused("DeleteInternetGateway", InternetGatewayId=gateway_id)
    assert refusal.code == "DependencyViolation"
    await cloud("DetachInternetGateway", InternetGatewayId=gateway_id, VpcId=vpc_id)
    await cloud("DeleteInternetGateway", InternetGatewayId=gateway_id)
    refusal = await cloud.refused("DescribeInternetGateways", InternetGatewayIds=[gateway_id])
    assert refusal.code == "InvalidInternetGatewayID.NotFound"
