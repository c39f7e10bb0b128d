"""The addresses and groups of network interfaces: assigned, taken over, taken away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.cloud import Cloud


@pytest.fixture
async def subnet_id(cloud: Cloud) -> str:
    return await cloud.subnet(await cloud.vpc())


async def test_secondary_addresses_come_and_go(cloud: Cloud, subnet_id: str) -> None:
    interface_id = await cloud.interface(subnet_id)
    this = {"NetworkInterfaceId": interface_id}
    answer = await cloud("AssignPrivateIpAddresses", **this, SecondaryPrivateIpAddressCount=2)
    assert answer["AssignedPrivateIpAddresses"] == [
        {"PrivateIpAddress": "10.0.1.5"},
        {"PrivateIpAddress": "10.0.1.6"},
    ]
    named: dict[str, Any] = {"PrivateIpAddresses": ["10.0.1.20"]}
    await cloud("AssignPrivateIpAddresses", **this, **named)
    await cloud("AssignPrivateIpAddresses", **this, **named)
    other = {"NetworkInterfaceId": await cloud.interface(subnet_id)}
    refusal = await cloud.refused("AssignPrivateIpAddresses", **other, **named)
    assert refusal.code == "InvalidIPAddress.InUse"
    await cloud("AssignPrivateIpAddresses", **other, **named, AllowReassignment=True)
    (mine, theirs) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert [each["PrivateIpAddress"] for each in mine["PrivateIpAddresses"]] == [
        "10.0.1.4",
        "10.0.1.5",
        "10.0.1.6",
    ]
    assert theirs["PrivateIpAddresses"][1]["PrivateIpAddress"] == "10.0.1.20"
    await cloud("UnassignPrivateIpAddresses", **this, PrivateIpAddresses=["10.0.1.5"])
    cases: list[tuple[str, dict[str, Any], str]] = [
        (
            "UnassignPrivateIpAddresses",
            {"PrivateIpAddresses": ["10.0.1.5"]},
            "InvalidParameterValue",
        ),
        (
            "UnassignPrivateIpAddresses",
            {"PrivateIpAddresses": ["10.0.1.4"]},
            "InvalidParameterValue",
        ),
        ("UnassignPrivateIpAddresses", {}, "MissingParameter"),
        ("AssignPrivateIpAddresses", {}, "MissingParameter"),
        ("AssignPrivateIpAddresses", {"PrivateIpAddresses": ["10.9.1.5"]}, "InvalidParameterValue"),
        ("AssignPrivateIpAddresses", {"PrivateIpAddresses": ["x"]}, "InvalidParameterValue"),
        (
            "AssignPrivateIpAddresses",
            {"SecondaryPrivateIpAddressCount": 0},
            "InvalidParameterValue",
        ),
        (
            "AssignPrivateIpAddresses",
            {"SecondaryPrivateIpAddressCount": 2**31 - 1},
            "PrivateIpAddressLimitExceeded",
        ),
        (
            "AssignPrivateIpAddresses",
            {"SecondaryPrivateIpAddressCount": 1, **named},
            "InvalidParameterCombination",
        ),
        ("AssignPrivateIpAddresses", {"Ipv4PrefixCount": 1}, "UnsupportedOperation"),
        ("AssignIpv6Addresses", {"Ipv6AddressCount": 1}, "InvalidParameterValue"),
    ]
    for action, params, code in cases:
        assert (await cloud.refused(action, **this, **params)).code == code, (action, params)
    await cloud("ModifyNetworkInterfaceAttribute", **this, SourceDestCheck={"Value": False})
    await cloud("ResetNetworkInterfaceAttribute", **this, SourceDestCheck="")
    (mine, _) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert mine["SourceDestCheck"] is True


async def test_ipv6_addresses_come_and_go(cloud: Cloud) -> None:
    vpc = (await cloud("CreateVpc", CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True))[
        "Vpc"
    ]
    block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet_id = await cloud.subnet(vpc["VpcId"], "10.0.1.0/24", Ipv6CidrBlock=block)
    network = block.removesuffix("/64")
    this = {"NetworkInterfaceId": await cloud.interface(subnet_id)}
    answer = await cloud("AssignIpv6Addresses", **this, Ipv6AddressCount=1)
    assert answer["AssignedIpv6Addresses"] == [f"{network}4"]
    await cloud("AssignIpv6Addresses", **this, Ipv6Addresses=[f"{network}00a"])
    gone = await cloud("UnassignIpv6Addresses", **this, Ipv6Addresses=[f"{network}4"])
    assert gone["UnassignedIpv6Addresses"] == [f"{network}4"]
    (eni,) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert [each["Ipv6Address"] for each in eni["Ipv6Addresses"]] == [f"{network}a"]
    refusal = await cloud.refused("UnassignIpv6Addresses", **this, Ipv6Addresses=[f"{network}4"])
    assert refusal.code == "InvalidParameterValue"


async def test_the_groups_of_an_interface_change(cloud: Cloud, subnet_id: str) -> None:
    (vpc,) = (await cloud("DescribeVpcs"))["Vpcs"]
    ids = []
    for number in range(6):
        answer = await cloud(
            "CreateSecurityGroup", GroupName=f"g{number}", Description="x", VpcId=vpc["VpcId"]
        )
        ids.append(answer["GroupId"])
    this = {"NetworkInterfaceId": await cloud.interface(subnet_id)}
    await cloud("ModifyNetworkInterfaceAttribute", **this, Groups=ids[:2])
    (eni,) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    assert [group["GroupName"] for group in eni["Groups"]] == ["g0", "g1"]
    by_name = [{"Name": "group-name", "Values": ["g1"]}]
    assert (
        len((await cloud("DescribeNetworkInterfaces", Filters=by_name))["NetworkInterfaces"]) == 1
    )
    refusal = await cloud.refused("ModifyNetworkInterfaceAttribute", **this, Groups=ids)
    assert refusal.code == "SecurityGroupsPerInterfaceLimitExceeded"
    other = await cloud.vpc("10.1.0.0/16")
    answer = await cloud("CreateSecurityGroup", GroupName="o", Description="x", VpcId=other)
    foreign = [answer["GroupId"]]
    refusal = await cloud.refused("ModifyNetworkInterfaceAttribute", **this, Groups=foreign)
    assert refusal.code == "InvalidParameterValue"
