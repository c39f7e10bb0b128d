"""Tags on every resource, and the calls about the caller and where it is."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.policy import Policy
from tests.control.cloud import ACCOUNT, Cloud


def pairs(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


async def shown(cloud: Cloud, vpc_id: str) -> dict[str, str]:
    (vpc,) = (await cloud("DescribeVpcs", VpcIds=[vpc_id]))["Vpcs"]
    return {tag["Key"]: tag["Value"] for tag in vpc["Tags"]}


async def test_tags_are_put_overwritten_and_taken_away(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    await cloud("CreateTags", Resources=[vpc_id, subnet_id], Tags=pairs(a="1", b="2"))
    await cloud("CreateTags", Resources=[vpc_id], Tags=[{"Key": "a", "Value": "3"}, {"Key": "c"}])
    assert await shown(cloud, vpc_id) == {"a": "3", "b": "2", "c": ""}
    await cloud("DeleteTags", Resources=[vpc_id], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    assert await shown(cloud, vpc_id) == {"a": "3", "c": ""}
    await cloud("DeleteTags", Resources=[vpc_id], Tags=[{"Key": "a", "Value": ""}])
    assert await shown(cloud, vpc_id) == {"a": "3", "c": ""}
    await cloud("DeleteTags", Resources=[vpc_id])
    assert await shown(cloud, vpc_id) == {}
    (subnet,) = (await cloud("DescribeSubnets"))["Subnets"]
    assert subnet["Tags"] == pairs(a="1", b="2")


async def test_tags_are_described_across_resources(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    await cloud("CreateTags", Resources=[vpc_id, subnet_id], Tags=pairs(Name="x", other="y"))
    every = (await cloud("DescribeTags"))["Tags"]
    assert len(every) == 4
    filters = [{"Name": "resource-type", "Values": ["vpc"]}, {"Name": "key", "Values": ["Name"]}]
    assert (await cloud("DescribeTags", Filters=filters))["Tags"] == [
        {"ResourceId": vpc_id, "ResourceType": "vpc", "Key": "Name", "Value": "x"}
    ]
    by_tag = [{"Name": "tag:other", "Values": ["y"]}]
    assert len((await cloud("DescribeTags", Filters=by_tag))["Tags"]) == 2


async def test_tags_end_with_their_resource(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    await cloud("CreateTags", Resources=[vpc_id], Tags=pairs(a="1"))
    await cloud("DeleteVpc", VpcId=vpc_id)
    assert (await cloud("DescribeTags"))["Tags"] == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([], "MissingParameter"),
        (pairs(**{"aws:mine": "x"}), "InvalidParameterValue"),
        (pairs(**{"": "x"}), "InvalidParameterValue"),
        (pairs(**{"k" * 129: "x"}), "InvalidParameterValue"),
        (pairs(key="v" * 257), "InvalidParameterValue"),
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "InvalidParameterValue"),
        (pairs(**{f"key{number}": "x" for number in range(51)}), "TagLimitExceeded"),
    ],
)
async def test_tags_against_the_rules_are_refused(
    cloud: Cloud, tags: list[dict[str, str]], code: str
) -> None:
    vpc_id = await cloud.vpc()
    refusal = await cloud.refused("CreateTags", Resources=[vpc_id], Tags=tags)
    assert refusal.code == code
    assert await shown(cloud, vpc_id) == {}


async def test_fifty_tags_are_the_most_over_several_calls(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    fifty = pairs(**{f"key{number}": "x" for number in range(50)})
    await cloud("CreateTags", Resources=[vpc_id], Tags=fifty)
    await cloud("CreateTags", Resources=[vpc_id], Tags=pairs(key7="other"))
    refusal = await cloud.refused("CreateTags", Resources=[vpc_id], Tags=pairs(more="x"))
    assert refusal.code == "TagLimitExceeded"


@pytest.mark.parametrize(
    ("resource_id", "code"),
    [
        ("vpc-0123456789abcdef0", "InvalidVpcID.NotFound"),
        ("eni-0123456789abcdef0", "InvalidNetworkInterfaceID.NotFound"),
        ("rs-0123456789abcdef0", "InvalidRouteServerId.NotFound"),
        ("nonsense", "InvalidID"),
    ],
)
async def test_tags_need_a_resource(cloud: Cloud, resource_id: str, code: str) -> None:
    for action in ("CreateTags", "DeleteTags"):
        refusal = await cloud.refused(action, Resources=[resource_id], Tags=pairs(a="1"))
        assert refusal.code == code


@pytest.mark.parametrize(
    "specification",
    [
        {"ResourceType": "subnet", "Tags": pairs(a="1")},
        {"Tags": pairs(a="1")},
        {"ResourceType": "vpc", "Tags": pairs(**{"aws:a": "1"})},
    ],
)
async def test_tags_on_create_are_for_what_is_created(
    cloud: Cloud, specification: dict[str, Any]
) -> None:
    refusal = await cloud.refused(
        "CreateVpc", CidrBlock="10.0.0.0/16", TagSpecifications=[specification]
    )
    assert refusal.code == "InvalidParameterValue"
    assert (await cloud("DescribeVpcs"))["Vpcs"] == []


async def test_regions_and_zones_are_the_policy_s(cloud: Cloud) -> None:
    policy = Policy(regions=("us-east-1", "eu-west-3"), zones=("a", "b"))
    here = Cloud(cloud.store, policy)
    regions = (await here("DescribeRegions"))["Regions"]
    assert [region["RegionName"] for region in regions] == ["us-east-1", "eu-west-3"]
    answer = await here("DescribeRegions", RegionNames=["eu-west-3"])
    assert answer["Regions"][0]["Endpoint"] == "ec2.eu-west-3.amazonaws.com"
    zones = (await here("DescribeAvailabilityZones"))["AvailabilityZones"]
    assert [(zone["ZoneName"], zone["ZoneId"]) for zone in zones] == [
        ("us-east-1a", "use1-az1"),
        ("us-east-1b", "use1-az2"),
    ]
    by_id = [{"Name": "zone-id", "Values": ["*-az2"]}]
    answer = await here("DescribeAvailabilityZones", Filters=by_id)
    assert [zone["ZoneName"] for zone in answer["AvailabilityZones"]] == ["us-east-1b"]
    for action, params in [
        ("DescribeRegions", {"RegionNames": ["mars-1"]}),
        ("DescribeAvailabilityZones", {"ZoneNames": ["us-east-1z"]}),
        ("DescribeAvailabilityZones", {"ZoneIds": ["use1-az9"]}),
    ]:
        assert (await here.refused(action, **params)).code == "InvalidParameterValue"


async def test_account_attributes_are_those_asked_for(cloud: Cloud) -> None:
    answer = await cloud("DescribeAccountAttributes", AttributeNames=["supported-platforms"])
    assert answer["AccountAttributes"] == [
        {"AttributeName": "supported-platforms", "AttributeValues": [{"AttributeValue": "VPC"}]}
    ]


async def test_the_caller_is_told_who_it_is(cloud: Cloud) -> None:
    assert await cloud("GetCallerIdentity", service="sts") == {
        "UserId": ACCOUNT,
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:root",
    }
