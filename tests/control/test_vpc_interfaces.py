"""Network interfaces: which addresses they get, and who may change them."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.interfaces import allocate_interface
from routeserver.domain.resources import NetworkInterface, Subnet
from tests.control.cloud import Cloud, counting_bytes


async def create(cloud: Cloud, subnet_id: str, **params: Any) -> dict[str, Any]:
    answer = await cloud("CreateNetworkInterface", SubnetId=subnet_id, **params)
    return dict(answer["NetworkInterface"])


async def managed_interface(cloud: Cloud, subnet_id: str) -> NetworkInterface:
    async with cloud.store.write() as tx:
        subnet = await tx.get(Subnet, subnet_id)
        assert subnet is not None
        return await allocate_interface(
            tx,
            subnet=subnet,
            description="Route Server Endpoint rse-0123456789abcdef0",
            requester_managed=True,
            new_id=lambda type_prefix: f"{type_prefix}-0123456789abcdef0",
            random_bytes=counting_bytes(),
            now=1.0,
        )


@pytest.fixture
async def subnet_id(cloud: Cloud) -> str:
    return await cloud.subnet(await cloud.vpc("127.10.0.0/16"), "127.10.1.0/24")


@pytest.fixture
async def ipv6_subnet(cloud: Cloud) -> tuple[str, str]:
    """The id of a subnet with an IPv6 block, and the block's text up to the double colon."""
    vpc = (await cloud("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True))[
        "Vpc"
    ]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet_id = await cloud.subnet(vpc["VpcId"], "10.0.1.0/24", Ipv6CidrBlock=block)
    return subnet_id, block.removesuffix("/64")


async def test_an_interface_gets_the_lowest_free_address(cloud: Cloud, subnet_id: str) -> None:
    first = await create(cloud, subnet_id, Description="appliance A")
    assert first["PrivateIpAddress"] == "127.10.1.4"
    assert first["PrivateIpAddresses"] == [{"PrivateIpAddress": "127.10.1.4", "Primary": True}]
    assert first["Status"] == "available"
    assert first["Description"] == "appliance A"
    assert first["RequesterManaged"] is False
    assert first["SourceDestCheck"] is True
    assert first["MacAddress"].startswith("02:")
    assert first["AvailabilityZone"] == "us-east-1a"
    second = await create(cloud, subnet_id)
    assert second["PrivateIpAddress"] == "127.10.1.5"
    assert second["MacAddress"] != first["MacAddress"]
    described = await cloud("DescribeNetworkInterfaces")
    assert described["NetworkInterfaces"] == [first, second]


async def test_an_interface_gets_the_addresses_asked_for(cloud: Cloud, subnet_id: str) -> None:
    one = await create(
        cloud, subnet_id, PrivateIpAddress="127.10.1.10", SecondaryPrivateIpAddressCount=2
    )
    assert [item["PrivateIpAddress"] for item in one["PrivateIpAddresses"]] == [
        "127.10.1.10",
        "127.10.1.4",
        "127.10.1.5",
    ]
    two = await create(
        cloud,
        subnet_id,
        PrivateIpAddresses=[
            {"PrivateIpAddress": "127.10.1.30", "Primary": False},
            {"PrivateIpAddress": "127.10.1.20", "Primary": True},
        ],
    )
    assert two["PrivateIpAddress"] == "127.10.1.20"
    three = await create(cloud, subnet_id, PrivateIpAddresses=[{"PrivateIpAddress": "127.10.1.6"}])
    assert [item["PrivateIpAddress"] for item in three["PrivateIpAddresses"]] == [
        "127.10.1.7",
        "127.10.1.6",
    ]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"PrivateIpAddress": "127.10.1.10"}, "InvalidIPAddress.InUse"),
        ({"PrivateIpAddress": "127.10.2.10"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "127.10.1.3"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "127.10.1.255"}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "ten"}, "InvalidParameterValue"),
        ({"Ipv6AddressCount": 1}, "InvalidParameterValue"),
        ({"Ipv6Addresses": [{"Ipv6Address": "2001:db8::9"}]}, "InvalidParameterValue"),
        ({"SecondaryPrivateIpAddressCount": 251}, "InsufficientFreeAddressesInSubnet"),
        ({"SecondaryPrivateIpAddressCount": -1}, "InvalidParameterValue"),
        ({"SecondaryPrivateIpAddressCount": 2**31 - 1}, "PrivateIpAddressLimitExceeded"),
        ({"Ipv6AddressCount": 2**31 - 1}, "PrivateIpAddressLimitExceeded"),
        ({"Groups": ["sg-0123456789abcdef0"]}, "InvalidSecurityGroupID.NotFound"),
        ({"InterfaceType": "efa"}, "UnsupportedOperation"),
        ({"Description": "x" * 256}, "InvalidParameterValue"),
        (
            {
                "PrivateIpAddress": "127.10.1.20",
                "PrivateIpAddresses": [{"PrivateIpAddress": "127.10.1.21", "Primary": True}],
            },
            "InvalidParameterCombination",
        ),
        (
            {
                "PrivateIpAddresses": [{"PrivateIpAddress": "127.10.1.21"}],
                "SecondaryPrivateIpAddressCount": 1,
            },
            "InvalidParameterCombination",
        ),
        (
            {
                "PrivateIpAddress": "127.10.1.21",
                "PrivateIpAddresses": [{"PrivateIpAddress": "127.10.1.21"}],
            },
            "InvalidParameterValue",
        ),
    ],
)
async def test_addresses_that_cannot_be_given_are_refused(
    cloud: Cloud, subnet_id: str, params: dict[str, Any], code: str
) -> None:
    await create(cloud, subnet_id, PrivateIpAddress="127.10.1.10")
    refusal = await cloud.refused("CreateNetworkInterface", SubnetId=subnet_id, **params)
    assert refusal.code == code
    assert len((await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]) == 1


async def test_a_full_subnet_says_so(cloud: Cloud) -> None:
    subnet_id = await cloud.subnet(await cloud.vpc("10.0.0.0/24"), "10.0.0.0/28")
    await create(cloud, subnet_id, SecondaryPrivateIpAddressCount=10)
    refusal = await cloud.refused("CreateNetworkInterface", SubnetId=subnet_id)
    assert refusal.code == "InsufficientFreeAddressesInSubnet"
    (subnet,) = (await cloud("DescribeSubnets"))["Subnets"]
    assert subnet["AvailableIpAddressCount"] == 0


async def test_ipv6_addresses_are_named_or_counted(
    cloud: Cloud, ipv6_subnet: tuple[str, str]
) -> None:
    subnet_id, network = ipv6_subnet
    named = await create(
        cloud,
        subnet_id,
        Ipv6Addresses=[{"Ipv6Address": f"{network}0004"}, {"Ipv6Address": f"{network}a"}],
    )
    assert [item["Ipv6Address"] for item in named["Ipv6Addresses"]] == [
        f"{network}4",
        f"{network}a",
    ]
    assert named["Ipv6Address"] == f"{network}4"
    counted = await create(cloud, subnet_id, Ipv6AddressCount=2)
    assert [item["Ipv6Address"] for item in counted["Ipv6Addresses"]] == [
        f"{network}5",
        f"{network}6",
    ]
    for address, code in [
        (f"{network}6", "InvalidIPAddress.InUse"),
        (f"{network}1", "InvalidParameterValue"),
        (f"{network}9%eth0", "InvalidParameterValue"),
        ("2001:db8::9", "InvalidParameterValue"),
    ]:
        refusal = await cloud.refused(
            "CreateNetworkInterface",
            SubnetId=subnet_id,
            Ipv6Addresses=[{"Ipv6Address": address}],
        )
        assert refusal.code == code


async def test_a_subnet_can_give_every_interface_an_ipv6_address(
    cloud: Cloud, ipv6_subnet: tuple[str, str]
) -> None:
    subnet_id, network = ipv6_subnet
    await cloud(
        "ModifySubnetAttribute", SubnetId=subnet_id, AssignIpv6AddressOnCreation={"Value": True}
    )
    interface = await create(cloud, subnet_id)
    assert [item["Ipv6Address"] for item in interface["Ipv6Addresses"]] == [f"{network}4"]


async def test_a_freed_address_is_given_again(cloud: Cloud, subnet_id: str) -> None:
    first = await create(cloud, subnet_id)
    await cloud("DeleteNetworkInterface", NetworkInterfaceId=first["NetworkInterfaceId"])
    assert (await create(cloud, subnet_id))["PrivateIpAddress"] == first["PrivateIpAddress"]
    refusal = await cloud.refused(
        "DeleteNetworkInterface", NetworkInterfaceId=first["NetworkInterfaceId"]
    )
    assert refusal.code == "InvalidNetworkInterfaceID.NotFound"


async def test_a_client_token_makes_one_interface(cloud: Cloud, subnet_id: str) -> None:
    first = await cloud("CreateNetworkInterface", SubnetId=subnet_id, ClientToken="t")
    assert await cloud("CreateNetworkInterface", SubnetId=subnet_id, ClientToken="t") == first


async def test_attributes_are_changed_and_shown_one_by_one(cloud: Cloud, subnet_id: str) -> None:
    this = {"NetworkInterfaceId": await cloud.interface(subnet_id)}
    await cloud("ModifyNetworkInterfaceAttribute", **this, SourceDestCheck={"Value": False})
    await cloud("ModifyNetworkInterfaceAttribute", **this, Description={"Value": "router"})

    async def shown(attribute: str) -> dict[str, Any]:
        return await cloud("DescribeNetworkInterfaceAttribute", **this, Attribute=attribute)

    assert await shown("sourceDestCheck") == {**this, "SourceDestCheck": {"Value": False}}
    assert await shown("description") == {**this, "Description": {"Value": "router"}}
    (default,) = (await cloud("DescribeSecurityGroups"))["SecurityGroups"]
    groups = [{"GroupId": default["GroupId"], "GroupName": "default"}]
    assert await shown("groupSet") == {**this, "Groups": groups}
    assert await shown("attachment") == this
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Groups": ["sg-0123456789abcdef0"]}, "InvalidSecurityGroupID.NotFound"),
        ({"AssociatePublicIpAddress": True}, "UnsupportedOperation"),
        ({}, "MissingParameter"),
    ]
    for params, code in cases:
        refusal = await cloud.refused("ModifyNetworkInterfaceAttribute", **this, **params)
        assert refusal.code == code


async def test_an_endpoint_s_interface_is_shown_but_not_the_client_s(
    cloud: Cloud, subnet_id: str
) -> None:
    row = await managed_interface(cloud, subnet_id)
    (shown,) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert shown["NetworkInterfaceId"] == row.id
    assert shown["RequesterManaged"] is True
    assert shown["Status"] == "in-use"
    this = {"NetworkInterfaceId": row.id}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("DeleteNetworkInterface", this),
        ("ModifyNetworkInterfaceAttribute", {**this, "SourceDestCheck": {"Value": False}}),
    ]
    for action, params in cases:
        refusal = await cloud.refused(action, **params)
        assert refusal.code == "OperationNotPermitted"
        assert "rse-0123456789abcdef0" in refusal.message
    refusal = await cloud.refused("DeleteSubnet", SubnetId=subnet_id)
    assert refusal.code == "DependencyViolation"


async def test_interfaces_are_found_by_their_facts(cloud: Cloud, subnet_id: str) -> None:
    row = await managed_interface(cloud, subnet_id)
    own = await create(cloud, subnet_id, SecondaryPrivateIpAddressCount=1)
    for name, value, expected in [
        ("requester-managed", "true", [row.id]),
        ("private-ip-address", "127.10.1.5", [own["NetworkInterfaceId"]]),
        ("addresses.private-ip-address", "127.10.1.6", [own["NetworkInterfaceId"]]),
        ("description", "Route Server Endpoint *", [row.id]),
        ("subnet-id", subnet_id, [row.id, own["NetworkInterfaceId"]]),
        ("availability-zone", "us-east-1b", []),
        ("attachment.instance-id", "*", []),
    ]:
        filters = [{"Name": name, "Values": [value]}]
        answer = await cloud("DescribeNetworkInterfaces", Filters=filters)
        found = [item["NetworkInterfaceId"] for item in answer["NetworkInterfaces"]]
        assert found == expected, name
