"""Secondary blocks of VPCs and the IPv6 blocks of subnets: what may come, and what may go."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.policy import Policy, Quotas
from tests.control.cloud import Cloud


async def associate(cloud: Cloud, vpc_id: str, cidr: str) -> str:
    answer = await cloud("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock=cidr)
    return str(answer["CidrBlockAssociation"]["AssociationId"])


async def shown(cloud: Cloud, vpc_id: str) -> dict[str, Any]:
    (vpc,) = (await cloud("DescribeVpcs", VpcIds=[vpc_id]))["Vpcs"]
    return dict(vpc)


async def test_a_vpc_gets_another_block_and_a_local_route_to_it(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc("10.0.0.0/16")
    answer = await cloud("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock="10.2.3.4/24")
    association = answer["CidrBlockAssociation"]
    assert association["CidrBlock"] == "10.2.3.0/24"
    assert association["CidrBlockState"] == {"State": "associating"}
    vpc = await shown(cloud, vpc_id)
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    primary, secondary = vpc["CidrBlockAssociationSet"]
    assert primary["CidrBlock"] == "10.0.0.0/16"
    assert secondary == {**association, "CidrBlockState": {"State": "associated"}}
    table = await cloud.main_table(vpc_id)
    assert [route["DestinationCidrBlock"] for route in table["Routes"]] == [
        "10.0.0.0/16",
        "10.2.3.0/24",
    ]
    subnet_id = await cloud.subnet(vpc_id, "10.2.3.0/26")
    await cloud.interface(subnet_id, PrivateIpAddress="10.2.3.10")
    by_block = [{"Name": "cidr-block-association.cidr-block", "Values": ["10.2.3.0/24"]}]
    assert len((await cloud("DescribeVpcs", Filters=by_block))["Vpcs"]) == 1


async def test_a_block_goes_when_nothing_lies_in_it(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc("10.0.0.0/16")
    first = await associate(cloud, vpc_id, "10.2.0.0/24")
    second = await associate(cloud, vpc_id, "10.3.0.0/24")
    assert first != second
    subnet_id = await cloud.subnet(vpc_id, "10.2.0.0/26")
    refusal = await cloud.refused("DisassociateVpcCidrBlock", AssociationId=first)
    assert refusal.code == "DependencyViolation"
    assert subnet_id in refusal.message
    await cloud("DeleteSubnet", SubnetId=subnet_id)
    answer = await cloud("DisassociateVpcCidrBlock", AssociationId=first)
    assert answer["CidrBlockAssociation"]["CidrBlockState"] == {"State": "disassociating"}
    blocks = (await shown(cloud, vpc_id))["CidrBlockAssociationSet"]
    assert [block["CidrBlock"] for block in blocks] == ["10.0.0.0/16", "10.3.0.0/24"]
    assert blocks[1]["AssociationId"] == second
    primary = {"AssociationId": blocks[0]["AssociationId"]}
    refusal = await cloud.refused("DisassociateVpcCidrBlock", **primary)
    assert refusal.code == "OperationNotPermitted"
    refusal = await cloud.refused("DisassociateVpcCidrBlock", AssociationId=first)
    assert refusal.code == "InvalidVpcCidrBlockAssociationID.NotFound"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"CidrBlock": "10.0.128.0/17"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.1.0.0/15"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.1.0.0/29"}, "InvalidVpc.Range"),
        ({"CidrBlock": "172.16.0.0/16"}, "InvalidVpc.Range"),
        ({"CidrBlock": "192.168.0.0/24"}, "InvalidVpc.Range"),
        ({"CidrBlock": "198.19.0.0/24"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.99.0.0/16"}, "InvalidVpc.Range"),
        ({"CidrBlock": "10.1.0.0"}, "InvalidParameterValue"),
        ({}, "MissingParameter"),
        (
            {"CidrBlock": "10.1.0.0/16", "AmazonProvidedIpv6CidrBlock": True},
            "InvalidParameterCombination",
        ),
        ({"Ipv6Pool": "ipv6pool-1"}, "UnsupportedOperation"),
    ],
)
async def test_a_block_that_does_not_fit_is_refused(
    cloud: Cloud, params: dict[str, Any], code: str
) -> None:
    vpc_id = await cloud.vpc("10.0.0.0/16")
    interface_id = await cloud.interface(await cloud.subnet(vpc_id))
    await cloud(
        "CreateRoute",
        RouteTableId=(await cloud.main_table(vpc_id))["RouteTableId"],
        DestinationCidrBlock="10.99.1.0/24",
        NetworkInterfaceId=interface_id,
    )
    assert (await cloud.refused("AssociateVpcCidrBlock", VpcId=vpc_id, **params)).code == code


async def test_the_number_of_blocks_is_limited(cloud: Cloud) -> None:
    small = Cloud(cloud.store, Policy(quotas=Quotas(cidr_blocks_per_vpc=2)))
    vpc_id = await small.vpc("10.0.0.0/16")
    await associate(small, vpc_id, "100.64.0.0/16")
    refusal = await small.refused("AssociateVpcCidrBlock", VpcId=vpc_id, CidrBlock="10.3.0.0/16")
    assert refusal.code == "CidrLimitExceeded"


async def test_a_vpc_gets_and_loses_its_ipv6_block(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    ask: dict[str, Any] = {"VpcId": vpc_id, "AmazonProvidedIpv6CidrBlock": True}
    answer = await cloud("AssociateVpcCidrBlock", **ask)
    association = answer["Ipv6CidrBlockAssociation"]
    assert association["Ipv6CidrBlockState"] == {"State": "associating"}
    assert (await cloud.refused("AssociateVpcCidrBlock", **ask)).code == "CidrLimitExceeded"
    (acl,) = (await cloud("DescribeNetworkAcls"))["NetworkAcls"]
    assert [entry["RuleNumber"] for entry in acl["Entries"]] == [100, 101, 32767, 32768] * 2
    (group,) = (await cloud("DescribeSecurityGroups"))["SecurityGroups"]
    assert group["IpPermissionsEgress"][0]["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]

    subnet_id = await cloud.subnet(vpc_id)
    block = association["Ipv6CidrBlock"].replace("/56", "/64")
    this = {"SubnetId": subnet_id}
    made = await cloud("AssociateSubnetCidrBlock", **this, Ipv6CidrBlock=block)
    refusal = await cloud.refused("AssociateSubnetCidrBlock", **this, Ipv6CidrBlock=block)
    assert refusal.code == "CidrLimitExceeded"
    interface_id = await cloud.interface(subnet_id, Ipv6AddressCount=1)
    old = {"AssociationId": made["Ipv6CidrBlockAssociation"]["AssociationId"]}
    refusal = await cloud.refused("DisassociateSubnetCidrBlock", **old)
    assert refusal.code == "DependencyViolation"
    assert interface_id in refusal.message
    whole = {"AssociationId": association["AssociationId"]}
    refusal = await cloud.refused("DisassociateVpcCidrBlock", **whole)
    assert refusal.code == "DependencyViolation"
    await cloud("DeleteNetworkInterface", NetworkInterfaceId=interface_id)
    await cloud("DisassociateSubnetCidrBlock", **old)
    refusal = await cloud.refused("DisassociateSubnetCidrBlock", **old)
    assert refusal.code == "InvalidSubnetCidrBlockAssociationID.NotFound"
    await cloud("DisassociateVpcCidrBlock", **whole)
    assert (await shown(cloud, vpc_id))["Ipv6CidrBlockAssociationSet"] == []
    assert len((await cloud.main_table(vpc_id))["Routes"]) == 1


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (None, "MissingParameter"),
        ("2001:db8::/64", "InvalidSubnet.Range"),
        ("10.0.0.0/24", "InvalidParameterValue"),
    ],
)
async def test_a_subnet_s_block_comes_from_its_vpc(
    cloud: Cloud, block: str | None, code: str
) -> None:
    subnet_id = await cloud.subnet(await cloud.vpc(AmazonProvidedIpv6CidrBlock=True))
    params = {} if block is None else {"Ipv6CidrBlock": block}
    refusal = await cloud.refused("AssociateSubnetCidrBlock", SubnetId=subnet_id, **params)
    assert refusal.code == code
