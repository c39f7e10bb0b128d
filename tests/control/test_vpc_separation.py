"""Accounts in one server never see each other, and every taggable thing takes tags in every way."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.registry import EC2
from routeserver.domain.resources import Resource
from routeserver.store.schema import TABLES
from tests.control.cloud import Cloud
from tests.ec2.botocore_side import client_operation

TAGS = [{"Key": "Name", "Value": "mine"}]


def tagged(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": TAGS}]


async def one_of_each(cloud: Cloud) -> dict[str, str]:
    """The id of one thing of each taggable kind of the VPC surface, tagged as it is made."""
    vpc_id = await cloud.vpc(TagSpecifications=tagged("vpc"))
    subnet_id = await cloud.subnet(vpc_id, TagSpecifications=tagged("subnet"))
    made = {"vpc": vpc_id, "subnet": subnet_id}
    calls: list[tuple[str, str, dict[str, Any], tuple[str | int, ...]]] = [
        ("internet-gateway", "CreateInternetGateway", {}, ("InternetGateway", "InternetGatewayId")),
        ("route-table", "CreateRouteTable", {"VpcId": vpc_id}, ("RouteTable", "RouteTableId")),
        (
            "security-group",
            "CreateSecurityGroup",
            {"VpcId": vpc_id, "GroupName": "g", "Description": "d"},
            ("GroupId",),
        ),
        ("network-acl", "CreateNetworkAcl", {"VpcId": vpc_id}, ("NetworkAcl", "NetworkAclId")),
        (
            "dhcp-options",
            "CreateDhcpOptions",
            {"DhcpConfigurations": [{"Key": "domain-name", "Values": ["x"]}]},
            ("DhcpOptions", "DhcpOptionsId"),
        ),
        (
            "prefix-list",
            "CreateManagedPrefixList",
            {"PrefixListName": "p", "AddressFamily": "IPv6", "MaxEntries": 1},
            ("PrefixList", "PrefixListId"),
        ),
        (
            "network-interface",
            "CreateNetworkInterface",
            {"SubnetId": subnet_id},
            ("NetworkInterface", "NetworkInterfaceId"),
        ),
        (
            "instance",
            "RunInstances",
            {
                "ImageId": "ami-0123456789abcdef0",
                "MinCount": 1,
                "MaxCount": 1,
                "SubnetId": subnet_id,
            },
            ("Instances", 0, "InstanceId"),
        ),
        (
            "route-server",
            "CreateRouteServer",
            {"AmazonSideAsn": 65000},
            ("RouteServer", "RouteServerId"),
        ),
    ]
    for kind, action, params, path in calls:
        found: Any = await cloud(action, **params, TagSpecifications=tagged(kind))
        for step in path:
            found = found[step]
        made[kind] = found
    rules = await cloud(
        "AuthorizeSecurityGroupIngress",
        GroupId=made["security-group"],
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
        TagSpecifications=tagged("security-group-rule"),
    )
    made["security-group-rule"] = rules["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return made


async def test_everything_takes_tags_when_it_is_made_and_later(cloud: Cloud) -> None:
    made = await one_of_each(cloud)
    kinds = {type_.kind for type_ in TABLES if type_.kind}
    assert kinds - made.keys() == {"route-server-endpoint", "route-server-peer"}
    rows = (await cloud("DescribeTags"))["Tags"]
    assert {(row["ResourceType"], row["ResourceId"]) for row in rows} == set(made.items())
    await cloud("CreateTags", Resources=list(made.values()), Tags=[{"Key": "k", "Value": "v"}])
    later = [{"Name": "tag:k", "Values": ["v"]}]
    assert len((await cloud("DescribeTags", Filters=later))["Tags"]) == len(made)
    for kind, resource_id in made.items():
        by_type = [{"Name": "resource-type", "Values": [kind]}]
        for row in (await cloud("DescribeTags", Filters=by_type))["Tags"]:
            assert row["ResourceId"] == resource_id
    await cloud("DeleteTags", Resources=list(made.values()))
    assert (await cloud("DescribeTags"))["Tags"] == []


async def test_another_account_sees_none_of_it(cloud: Cloud) -> None:
    made = await one_of_each(cloud)
    other = Cloud(cloud.store, account="444455556666")
    for name in sorted(EC2):
        shape = client_operation("ec2", name).input_shape
        if not name.startswith("Describe") or (shape and shape.required_members):
            continue
        text = str(await other(name))
        assert not any(resource_id in text for resource_id in made.values()), name
    for resource_id in made.values():
        for action in ("CreateTags", "DeleteTags"):
            refusal = await other.refused(action, Resources=[resource_id], Tags=TAGS)
            assert "NotFound" in refusal.code
    own = await one_of_each(other)
    for action, params in [
        ("CreateSubnet", {"VpcId": made["vpc"], "CidrBlock": "10.0.5.0/24"}),
        ("CreateNetworkInterface", {"SubnetId": own["subnet"], "Groups": [made["security-group"]]}),
        (
            "AttachNetworkInterface",
            {
                "InstanceId": made["instance"],
                "NetworkInterfaceId": own["network-interface"],
                "DeviceIndex": 1,
            },
        ),
        (
            "AssociateDhcpOptions",
            {"VpcId": own["vpc"], "DhcpOptionsId": made["dhcp-options"]},
        ),
        (
            "CreateRoute",
            {
                "RouteTableId": own["route-table"],
                "DestinationPrefixListId": made["prefix-list"],
                "NetworkInterfaceId": own["network-interface"],
            },
        ),
    ]:
        assert "NotFound" in (await other.refused(action, **as_any(params))).code, action


def as_any(params: Any) -> dict[str, Any]:
    return dict(params)


@pytest.mark.parametrize("type_", [t for t in TABLES if t.kind], ids=lambda type_: type_.kind)
def test_every_taggable_kind_is_one_of_the_model(type_: type[Resource]) -> None:
    members = client_operation("ec2", "CreateTags").service_model
    assert type_.kind in members.shape_for("ResourceType").enum
