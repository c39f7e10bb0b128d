"""Security groups and their rules: how they are born, shown, changed and refused."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.policy import Policy, Quotas
from tests.control.cloud import ACCOUNT, Cloud

EVERYTHING_OUT = {
    "IpProtocol": "-1",
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    "Ipv6Ranges": [],
    "PrefixListIds": [],
    "UserIdGroupPairs": [],
}


async def create(cloud: Cloud, vpc_id: str, name: str = "appliances", **params: Any) -> str:
    answer = await cloud(
        "CreateSecurityGroup", GroupName=name, Description="for tests", VpcId=vpc_id, **params
    )
    return str(answer["GroupId"])


async def shown(cloud: Cloud, group_id: str) -> dict[str, Any]:
    (group,) = (await cloud("DescribeSecurityGroups", GroupIds=[group_id]))["SecurityGroups"]
    return dict(group)


def tcp(port: int, **peers: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peers}


def ranges(*blocks: str) -> list[dict[str, str]]:
    return [{"CidrIp": block} for block in blocks]


async def test_a_vpc_is_born_with_a_default_group_that_trusts_its_members(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    (group,) = (await cloud("DescribeSecurityGroups"))["SecurityGroups"]
    assert group == {
        "GroupId": group["GroupId"],
        "GroupName": "default",
        "Description": "default VPC security group",
        "OwnerId": ACCOUNT,
        "VpcId": vpc_id,
        "SecurityGroupArn": (f"arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/{group['GroupId']}"),
        "IpPermissions": [
            {
                **EVERYTHING_OUT,
                "IpRanges": [],
                "UserIdGroupPairs": [{"GroupId": group["GroupId"], "UserId": ACCOUNT}],
            }
        ],
        "IpPermissionsEgress": [EVERYTHING_OUT],
        "Tags": [],
    }
    refusal = await cloud.refused("DeleteSecurityGroup", GroupId=group["GroupId"])
    assert refusal.code == "CannotDelete"


async def test_a_group_of_one_s_own_lets_everything_out_and_nothing_in(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}]
    group = await shown(cloud, await create(cloud, vpc_id, TagSpecifications=tags))
    assert group["IpPermissions"] == []
    assert group["IpPermissionsEgress"] == [EVERYTHING_OUT]
    assert group["Tags"] == [{"Key": "a", "Value": "b"}]


async def test_a_group_of_an_ipv6_vpc_lets_ipv6_out_too(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc(AmazonProvidedIpv6CidrBlock=True)
    group = await shown(cloud, await create(cloud, vpc_id))
    (permission,) = group["IpPermissionsEgress"]
    assert permission["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"GroupName": "appliances"}, "InvalidGroup.Duplicate"),
        ({"GroupName": "default"}, "InvalidParameterValue"),
        ({"GroupName": "sg-123"}, "InvalidParameterValue"),
        ({"GroupName": ""}, "InvalidParameterValue"),
        ({"GroupName": "g" * 256}, "InvalidParameterValue"),
        ({"GroupName": "größe"}, "InvalidParameterValue"),
        ({"Description": ""}, "InvalidParameterValue"),
        ({"Description": "d" * 256}, "InvalidParameterValue"),
        ({"VpcId": None}, "VPCIdNotSpecified"),
        ({"VpcId": "vpc-0123456789abcdef0"}, "InvalidVpcID.NotFound"),
    ],
)
async def test_a_group_against_the_rules_is_refused(
    cloud: Cloud, changes: dict[str, Any], code: str
) -> None:
    vpc_id = await cloud.vpc()
    await create(cloud, vpc_id)
    params = {"GroupName": "other", "Description": "x", "VpcId": vpc_id, **changes}
    given = {name: value for name, value in params.items() if value is not None}
    assert (await cloud.refused("CreateSecurityGroup", **given)).code == code


async def test_rules_have_ids_and_are_shown_together(cloud: Cloud) -> None:
    group_id = await create(cloud, await cloud.vpc())
    answer = await cloud(
        "AuthorizeSecurityGroupIngress",
        GroupId=group_id,
        IpPermissions=[
            tcp(179, IpRanges=[{"CidrIp": "10.0.1.7/24", "Description": "bgp"}]),
            tcp(179, Ipv6Ranges=[{"CidrIpv6": "FD00::/8"}]),
        ],
        TagSpecifications=[
            {"ResourceType": "security-group-rule", "Tags": [{"Key": "k", "Value": "v"}]}
        ],
    )
    assert answer["Return"] is True
    first, second = answer["SecurityGroupRules"]
    assert first["CidrIpv4"] == "10.0.1.0/24"
    assert first["Description"] == "bgp"
    assert first["IsEgress"] is False
    assert first["Tags"] == [{"Key": "k", "Value": "v"}]
    assert second["CidrIpv6"] == "fd00::/8"
    (permission,) = (await shown(cloud, group_id))["IpPermissions"]
    assert permission["IpRanges"] == [{"CidrIp": "10.0.1.0/24", "Description": "bgp"}]
    assert permission["Ipv6Ranges"] == [{"CidrIpv6": "fd00::/8"}]
    by_group = [{"Name": "group-id", "Values": [group_id]}]
    rules = (await cloud("DescribeSecurityGroupRules", Filters=by_group))["SecurityGroupRules"]
    assert [rule["IsEgress"] for rule in rules].count(False) == 2
    assert first in rules
    one = [first["SecurityGroupRuleId"]]
    answer = await cloud("DescribeSecurityGroupRules", SecurityGroupRuleIds=one)
    assert answer["SecurityGroupRules"] == [first]


async def test_protocols_are_taken_by_name_and_by_number(cloud: Cloud) -> None:
    group_id = await create(cloud, await cloud.vpc())
    block = {"IpRanges": ranges("10.0.0.0/8")}
    for protocol, ports, expected in [
        ("6", {"FromPort": 1, "ToPort": 2}, {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2}),
        ("UDP", {"FromPort": 1, "ToPort": 2}, {"IpProtocol": "udp", "FromPort": 1, "ToPort": 2}),
        ("icmp", {"FromPort": 8, "ToPort": -1}, {"IpProtocol": "icmp", "FromPort": 8}),
        ("58", {}, {"IpProtocol": "icmpv6", "FromPort": -1, "ToPort": -1}),
        ("50", {"FromPort": 7, "ToPort": 7}, {"IpProtocol": "50", "FromPort": -1, "ToPort": -1}),
        ("-1", {}, {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1}),
    ]:
        answer = await cloud(
            "AuthorizeSecurityGroupIngress",
            GroupId=group_id,
            IpPermissions=[{"IpProtocol": protocol, **ports, **block}],
        )
        (rule,) = answer["SecurityGroupRules"]
        assert rule == {**rule, **expected}


async def test_the_flat_parameters_still_name_a_rule(cloud: Cloud) -> None:
    group_id = await create(cloud, await cloud.vpc())
    flat: dict[str, Any] = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "CidrIp": "10.0.0.0/8",
    }
    await cloud("AuthorizeSecurityGroupIngress", GroupId=group_id, **flat)
    (permission,) = (await shown(cloud, group_id))["IpPermissions"]
    assert permission["IpRanges"] == ranges("10.0.0.0/8")
    await cloud("RevokeSecurityGroupIngress", GroupId=group_id, **flat)
    assert (await shown(cloud, group_id))["IpPermissions"] == []


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        (tcp(80, IpRanges=ranges("10.0.0.0/8")), "InvalidPermission.Duplicate"),
        (tcp(81, IpRanges=ranges("10.0.0.0/8", "10.1.0.0/8")), "InvalidPermission.Duplicate"),
        (tcp(81), "MissingParameter"),
        (tcp(81, IpRanges=[{}]), "MissingParameter"),
        ({"IpRanges": ranges("10.0.0.0/8")}, "MissingParameter"),
        (tcp(81, IpRanges=ranges("10.0.0.0")), "InvalidParameterValue"),
        (tcp(65536, IpRanges=ranges("10.0.0.0/8")), "InvalidParameterValue"),
        (tcp(-1, IpRanges=ranges("10.0.0.0/8")), "InvalidParameterValue"),
        (
            {"IpProtocol": "tcp", "FromPort": 2, "ToPort": 1, "IpRanges": ranges("10.0.0.0/8")},
            "InvalidParameterValue",
        ),
        ({"IpProtocol": "tcp", "IpRanges": ranges("10.0.0.0/8")}, "InvalidParameterValue"),
        ({"IpProtocol": "256", "IpRanges": ranges("10.0.0.0/8")}, "InvalidParameterValue"),
        ({"IpProtocol": "gre", "IpRanges": ranges("10.0.0.0/8")}, "InvalidParameterValue"),
        (tcp(81, UserIdGroupPairs=[{"GroupId": "sg-0123456789abcdef0"}]), "InvalidGroup.NotFound"),
        (tcp(81, UserIdGroupPairs=[{"GroupId": "sg-x"}]), "InvalidGroupId.Malformed"),
        (
            tcp(81, PrefixListIds=[{"PrefixListId": "pl-0123456789abcdef0"}]),
            "InvalidPrefixListID.NotFound",
        ),
        (
            tcp(81, IpRanges=[{"CidrIp": "10.0.0.0/8", "Description": "d" * 256}]),
            "InvalidParameterValue",
        ),
    ],
)
async def test_a_rule_against_the_rules_is_refused_with_all_that_came_along(
    cloud: Cloud, permission: dict[str, Any], code: str
) -> None:
    group_id = await create(cloud, await cloud.vpc())
    this = {"GroupId": group_id}
    first = [tcp(80, IpRanges=ranges("10.0.0.0/8"))]
    await cloud("AuthorizeSecurityGroupIngress", **this, IpPermissions=first)
    before = await shown(cloud, group_id)
    along = [tcp(99, IpRanges=ranges("10.9.0.0/16")), permission]
    refusal = await cloud.refused("AuthorizeSecurityGroupIngress", **this, IpPermissions=along)
    assert refusal.code == code
    assert await shown(cloud, group_id) == before


async def test_rules_are_revoked_by_what_they_say_or_by_id(cloud: Cloud) -> None:
    group_id = await create(cloud, await cloud.vpc())
    this: dict[str, Any] = {"GroupId": group_id}
    two = [tcp(80, IpRanges=ranges("10.0.0.0/8", "172.16.0.0/12"))]
    made = await cloud("AuthorizeSecurityGroupIngress", **this, IpPermissions=two)
    ids = [rule["SecurityGroupRuleId"] for rule in made["SecurityGroupRules"]]
    absent = [tcp(81, IpRanges=ranges("10.0.0.0/8"))]
    refusal = await cloud.refused("RevokeSecurityGroupIngress", **this, IpPermissions=absent)
    assert refusal.code == "InvalidPermission.NotFound"
    gone = await cloud("RevokeSecurityGroupIngress", **this, SecurityGroupRuleIds=ids[:1])
    (revoked,) = gone["RevokedSecurityGroupRules"]
    assert revoked["SecurityGroupRuleId"] == ids[0]
    assert revoked["CidrIpv4"] == "10.0.0.0/8"
    # Terraform takes away the rule that a group is born with.
    await cloud("RevokeSecurityGroupEgress", **this, IpPermissions=[EVERYTHING_OUT])
    assert (await shown(cloud, group_id))["IpPermissionsEgress"] == []
    wrong_way = {**this, "SecurityGroupRuleIds": ids[1:]}
    refusal = await cloud.refused("RevokeSecurityGroupEgress", **wrong_way)
    assert refusal.code == "InvalidSecurityGroupRuleId.NotFound"
    assert (await cloud.refused("RevokeSecurityGroupEgress", **this)).code == "MissingParameter"


async def test_rules_are_modified_in_place(cloud: Cloud) -> None:
    group_id = await create(cloud, await cloud.vpc())
    this: dict[str, Any] = {"GroupId": group_id}
    two = [tcp(80, IpRanges=ranges("10.0.0.0/8", "172.16.0.0/12"))]
    made = await cloud("AuthorizeSecurityGroupIngress", **this, IpPermissions=two)
    one, other = (rule["SecurityGroupRuleId"] for rule in made["SecurityGroupRules"])

    def change(rule_id: str, **rule: Any) -> dict[str, Any]:
        item = {"SecurityGroupRuleId": rule_id, "SecurityGroupRule": rule}
        return {**this, "SecurityGroupRules": [item]}

    new = {"IpProtocol": "udp", "FromPort": 1, "ToPort": 2, "CidrIpv6": "fd00::/8"}
    await cloud("ModifySecurityGroupRules", **change(one, **new))
    (rule,) = (await cloud("DescribeSecurityGroupRules", SecurityGroupRuleIds=[one]))[
        "SecurityGroupRules"
    ]
    assert rule == {**rule, **new}
    assert "CidrIpv4" not in rule
    for rules, code in [
        (change(other, **new), "InvalidPermission.Duplicate"),
        (change(other, IpProtocol="tcp", FromPort=1, ToPort=1), "MissingParameter"),
        (
            change(other, IpProtocol="-1", CidrIpv4="0.0.0.0/0", CidrIpv6="::/0"),
            "InvalidParameterCombination",
        ),
        (
            change("sgr-0123456789abcdef0", **new),
            "InvalidSecurityGroupRuleId.NotFound",
        ),
    ]:
        assert (await cloud.refused("ModifySecurityGroupRules", **rules)).code == code
    texts = [{"SecurityGroupRuleId": one, "Description": "new"}]
    await cloud(
        "UpdateSecurityGroupRuleDescriptionsIngress", **this, SecurityGroupRuleDescriptions=texts
    )
    permissions = (await shown(cloud, group_id))["IpPermissions"]
    (permission,) = [each for each in permissions if each["IpProtocol"] == "udp"]
    assert permission["Ipv6Ranges"] == [{"CidrIpv6": "fd00::/8", "Description": "new"}]


async def test_a_group_that_something_depends_on_stays(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    group_id, other_id = await create(cloud, vpc_id), await create(cloud, vpc_id, "other")
    pair = [{"GroupId": group_id}]
    rule: dict[str, Any] = {"GroupId": other_id, "IpPermissions": [tcp(179, UserIdGroupPairs=pair)]}
    await cloud("AuthorizeSecurityGroupIngress", **rule)
    refusal = await cloud.refused("DeleteSecurityGroup", GroupId=group_id)
    assert refusal.code == "DependencyViolation"
    assert other_id in refusal.message
    await cloud("RevokeSecurityGroupIngress", **rule)
    interface_id = await cloud.interface(subnet_id, Groups=[group_id])
    refusal = await cloud.refused("DeleteSecurityGroup", GroupId=group_id)
    assert refusal.code == "DependencyViolation"
    assert interface_id in refusal.message
    await cloud("DeleteNetworkInterface", NetworkInterfaceId=interface_id)
    await cloud("DeleteSubnet", SubnetId=subnet_id)
    refusal = await cloud.refused("DeleteVpc", VpcId=vpc_id)
    assert refusal.code == "DependencyViolation"
    for each in (group_id, other_id):
        assert await cloud("DeleteSecurityGroup", GroupId=each) == {
            "Return": True,
            "GroupId": each,
        }
    await cloud("DeleteVpc", VpcId=vpc_id)
    assert (await cloud("DescribeSecurityGroups"))["SecurityGroups"] == []
    assert (await cloud("DescribeSecurityGroupRules"))["SecurityGroupRules"] == []


async def test_the_number_of_rules_is_limited_in_each_direction(cloud: Cloud) -> None:
    small = Cloud(cloud.store, Policy(quotas=Quotas(rules_per_security_group=2)))
    group_id = await create(small, await small.vpc())
    this = {"GroupId": group_id}
    three = [tcp(80, IpRanges=ranges("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))]
    refusal = await small.refused("AuthorizeSecurityGroupIngress", **this, IpPermissions=three)
    assert refusal.code == "RulesPerSecurityGroupLimitExceeded"
    two = [tcp(80, IpRanges=ranges("10.0.0.0/8", "172.16.0.0/12"))]
    await small("AuthorizeSecurityGroupIngress", **this, IpPermissions=two)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("group-name", "appl*", True),
        ("description", "for tests", True),
        ("ip-permission.cidr", "10.0.0.0/8", True),
        ("ip-permission.cidr", "0.0.0.0/0", False),
        ("egress.ip-permission.cidr", "0.0.0.0/0", True),
        ("ip-permission.from-port", "179", True),
        ("ip-permission.to-port", "180", False),
        ("ip-permission.protocol", "tcp", True),
        ("ip-permission.group-name", "default", True),
        ("ip-permission.user-id", ACCOUNT, True),
        ("tag:Name", "*", False),
    ],
)
async def test_groups_are_found_by_filter(cloud: Cloud, name: str, value: str, found: bool) -> None:
    vpc_id = await cloud.vpc()
    (default,) = (await cloud("DescribeSecurityGroups"))["SecurityGroups"]
    group_id = await create(cloud, vpc_id)
    pairs = [{"GroupId": default["GroupId"]}]
    permission = tcp(179, IpRanges=ranges("10.0.0.0/8"), UserIdGroupPairs=pairs)
    await cloud("AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[permission])
    answer = await cloud("DescribeSecurityGroups", Filters=[{"Name": name, "Values": [value]}])
    assert (group_id in {group["GroupId"] for group in answer["SecurityGroups"]}) is found


async def test_groups_are_named_by_id(cloud: Cloud) -> None:
    await cloud.vpc()
    cases: list[tuple[str, dict[str, Any]]] = [
        ("DescribeSecurityGroups", {"GroupNames": ["default"]}),
        ("DeleteSecurityGroup", {"GroupName": "default"}),
        ("DescribeSecurityGroups", {"GroupIds": ["sg-0123456789abcdef0"]}),
    ]
    for action, params in cases:
        assert (await cloud.refused(action, **params)).code == "InvalidGroup.NotFound"
    refusal = await cloud.refused("DeleteSecurityGroup", GroupId="sg-?")
    assert refusal.code == "InvalidGroupId.Malformed"
