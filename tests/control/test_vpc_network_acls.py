"""Network ACLs and DHCP options: what a VPC is born with, and what may be changed."""

from __future__ import annotations

from typing import Any

import pytest

from routeserver.control.policy import Policy, Quotas
from tests.control.cloud import ACCOUNT, Cloud


async def acls(cloud: Cloud, **params: Any) -> list[dict[str, Any]]:
    return list((await cloud("DescribeNetworkAcls", **params))["NetworkAcls"])


async def create(cloud: Cloud, vpc_id: str) -> str:
    answer = await cloud("CreateNetworkAcl", VpcId=vpc_id)
    return str(answer["NetworkAcl"]["NetworkAclId"])


def entry(acl_id: str, number: int = 10, **changes: Any) -> dict[str, Any]:
    return {
        "NetworkAclId": acl_id,
        "RuleNumber": number,
        "Protocol": "tcp",
        "RuleAction": "allow",
        "Egress": False,
        "CidrBlock": "10.0.0.0/8",
        "PortRange": {"From": 179, "To": 179},
        **changes,
    }


async def test_a_vpc_is_born_with_an_acl_that_every_subnet_has(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    (acl,) = await acls(cloud)
    assert acl["IsDefault"] is True
    assert acl["OwnerId"] == ACCOUNT
    assert [(e["Egress"], e["RuleNumber"], e["RuleAction"]) for e in acl["Entries"]] == [
        (True, 100, "allow"),
        (True, 32767, "deny"),
        (False, 100, "allow"),
        (False, 32767, "deny"),
    ]
    assert {e["CidrBlock"] for e in acl["Entries"]} == {"0.0.0.0/0"}
    (link,) = acl["Associations"]
    assert link["SubnetId"] == subnet_id
    assert link["NetworkAclAssociationId"].startswith("aclassoc-")
    refusal = await cloud.refused("DeleteNetworkAcl", NetworkAclId=acl["NetworkAclId"])
    assert refusal.code == "InvalidParameterValue"
    await cloud("DeleteSubnet", SubnetId=subnet_id)
    assert (await acls(cloud))[0]["Associations"] == []
    await cloud("DeleteVpc", VpcId=vpc_id)
    assert await acls(cloud) == []


async def test_an_acl_of_one_s_own_denies_until_told(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc(AmazonProvidedIpv6CidrBlock=True)
    answer = await cloud("CreateNetworkAcl", VpcId=vpc_id, ClientToken="t")
    again = await cloud("CreateNetworkAcl", VpcId=vpc_id, ClientToken="t")
    assert answer == again
    acl = answer["NetworkAcl"]
    assert [(e["RuleNumber"], e["RuleAction"]) for e in acl["Entries"]] == [
        (32767, "deny"),
        (32768, "deny"),
    ] * 2
    acl_id = acl["NetworkAclId"]
    await cloud("CreateNetworkAclEntry", **entry(acl_id))
    await cloud(
        "CreateNetworkAclEntry",
        **entry(acl_id, 20, Protocol="1", IcmpTypeCode={"Type": 8, "Code": -1}),
    )
    (acl,) = await acls(cloud, NetworkAclIds=[acl_id])
    ours = [e for e in acl["Entries"] if e["RuleNumber"] < 100]
    assert ours[0] == {
        "Egress": False,
        "Protocol": "6",
        "RuleAction": "allow",
        "RuleNumber": 10,
        "CidrBlock": "10.0.0.0/8",
        "PortRange": {"From": 179, "To": 179},
    }
    assert ours[1]["IcmpTypeCode"] == {"Type": 8, "Code": -1}
    await cloud("ReplaceNetworkAclEntry", **entry(acl_id, RuleAction="deny", Protocol="-1"))
    (acl,) = await acls(cloud, NetworkAclIds=[acl_id])
    replaced = next(e for e in acl["Entries"] if e["RuleNumber"] == 10)
    assert (replaced["RuleAction"], replaced["Protocol"]) == ("deny", "-1")
    assert "PortRange" not in replaced
    await cloud("DeleteNetworkAclEntry", NetworkAclId=acl_id, RuleNumber=10, Egress=False)
    refusal = await cloud.refused(
        "DeleteNetworkAclEntry", NetworkAclId=acl_id, RuleNumber=10, Egress=False
    )
    assert refusal.code == "InvalidNetworkAclEntry.NotFound"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": 10}, "NetworkAclEntryAlreadyExists"),
        ({"number": 0}, "InvalidParameterValue"),
        ({"number": 32767}, "InvalidParameterValue"),
        ({"Protocol": "nonsense"}, "InvalidParameterValue"),
        ({"PortRange": {"From": 5}}, "InvalidParameterValue"),
        ({"PortRange": {"From": 5, "To": 4}}, "InvalidParameterValue"),
        ({"Protocol": "icmp", "IcmpTypeCode": {"Type": 256}}, "InvalidParameterValue"),
        ({"CidrBlock": "10.0.0.0"}, "InvalidParameterValue"),
        ({"Ipv6CidrBlock": "::/0"}, "InvalidParameterCombination"),
        ({"NetworkAclId": "acl-0123456789abcdef0"}, "InvalidNetworkAclID.NotFound"),
    ],
)
async def test_an_entry_against_the_rules_is_refused(
    cloud: Cloud, changes: dict[str, Any], code: str
) -> None:
    acl_id = await create(cloud, await cloud.vpc())
    await cloud("CreateNetworkAclEntry", **entry(acl_id))
    number = changes.pop("number", 11)
    refusal = await cloud.refused("CreateNetworkAclEntry", **entry(acl_id, number, **changes))
    assert refusal.code == code


async def test_the_number_of_entries_is_limited(cloud: Cloud) -> None:
    small = Cloud(cloud.store, Policy(quotas=Quotas(rules_per_network_acl=1)))
    acl_id = await create(small, await small.vpc())
    await small("CreateNetworkAclEntry", **entry(acl_id))
    await small("CreateNetworkAclEntry", **entry(acl_id, Egress=True))
    refusal = await small.refused("CreateNetworkAclEntry", **entry(acl_id, 11))
    assert refusal.code == "NetworkAclEntryLimitExceeded"


async def test_a_subnet_changes_its_acl_under_a_new_association(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    own_id = await create(cloud, vpc_id)
    by_subnet = [{"Name": "association.subnet-id", "Values": [subnet_id]}]
    (default,) = await acls(cloud, Filters=by_subnet)
    old_id = default["Associations"][0]["NetworkAclAssociationId"]
    new = await cloud("ReplaceNetworkAclAssociation", AssociationId=old_id, NetworkAclId=own_id)
    (acl,) = await acls(cloud, Filters=by_subnet)
    assert acl["NetworkAclId"] == own_id
    assert acl["Associations"][0]["NetworkAclAssociationId"] == new["NewAssociationId"] != old_id
    refusal = await cloud.refused("DeleteNetworkAcl", NetworkAclId=own_id)
    assert refusal.code == "DependencyViolation"
    refusal = await cloud.refused(
        "ReplaceNetworkAclAssociation", AssociationId=old_id, NetworkAclId=own_id
    )
    assert refusal.code == "InvalidAssociationID.NotFound"
    other_id = await create(cloud, await cloud.vpc("10.1.0.0/16"))
    refusal = await cloud.refused(
        "ReplaceNetworkAclAssociation",
        AssociationId=new["NewAssociationId"],
        NetworkAclId=other_id,
    )
    assert refusal.code == "InvalidParameterValue"
    for name, value, found in [
        ("default", "true", False),
        ("entry.rule-number", "32767", True),
        ("entry.rule-action", "allow", False),
        ("entry.cidr", "0.0.0.0/0", True),
        ("entry.protocol", "-1", True),
    ]:
        mine = [{"Name": name, "Values": [value]}, {"Name": "vpc-id", "Values": [vpc_id]}]
        ids = {acl["NetworkAclId"] for acl in await acls(cloud, Filters=mine)}
        assert (own_id in ids) is found, name


# --- DHCP options -------------------------------------------------------------------------------


async def test_an_account_s_vpcs_share_one_default_set_of_options(cloud: Cloud) -> None:
    for cidr in ("10.0.0.0/16", "10.1.0.0/16"):
        await cloud.vpc(cidr)
    (options,) = (await cloud("DescribeDhcpOptions"))["DhcpOptions"]
    assert options["DhcpConfigurations"] == [
        {"Key": "domain-name", "Values": [{"Value": "ec2.internal"}]},
        {"Key": "domain-name-servers", "Values": [{"Value": "AmazonProvidedDNS"}]},
    ]
    ids = {vpc["DhcpOptionsId"] for vpc in (await cloud("DescribeVpcs"))["Vpcs"]}
    assert ids == {options["DhcpOptionsId"]}


async def test_options_are_made_associated_and_taken_away(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    answer = await cloud(
        "CreateDhcpOptions",
        DhcpConfigurations=[
            {"Key": "domain-name-servers", "Values": ["10.0.0.2", "10.0.0.3"]},
            {"Key": "ntp-servers", "Values": ["10.0.0.4,10.0.0.5"]},
        ],
        TagSpecifications=[{"ResourceType": "dhcp-options", "Tags": [{"Key": "a"}]}],
    )
    options = answer["DhcpOptions"]
    assert options["DhcpConfigurations"][1]["Values"] == [
        {"Value": "10.0.0.4"},
        {"Value": "10.0.0.5"},
    ]
    this = {"DhcpOptionsId": options["DhcpOptionsId"]}
    await cloud("AssociateDhcpOptions", **this, VpcId=vpc_id)
    refusal = await cloud.refused("DeleteDhcpOptions", **this)
    assert refusal.code == "DependencyViolation"
    await cloud("AssociateDhcpOptions", DhcpOptionsId="default", VpcId=vpc_id)
    (vpc,) = (await cloud("DescribeVpcs"))["Vpcs"]
    assert vpc["DhcpOptionsId"] == "default"
    by_value = [{"Name": "value", "Values": ["10.0.0.5"]}]
    assert (await cloud("DescribeDhcpOptions", Filters=by_value))["DhcpOptions"] == [options]
    await cloud("DeleteDhcpOptions", **this)
    refusal = await cloud.refused("AssociateDhcpOptions", **this, VpcId=vpc_id)
    assert refusal.code == "InvalidDhcpOptionID.NotFound"


@pytest.mark.parametrize(
    "configuration",
    [
        {"Key": "nonsense", "Values": ["1"]},
        {"Values": ["1"]},
        {"Key": "domain-name", "Values": []},
        {"Key": "domain-name", "Values": ["a", "b"]},
        {"Key": "domain-name-servers", "Values": ["ten"]},
        {"Key": "ntp-servers", "Values": ["10.0.0.1"] * 5},
        {"Key": "netbios-node-type", "Values": ["3"]},
        {"Key": "ipv6-address-preferred-lease-time", "Values": ["1"]},
    ],
)
async def test_options_against_the_rules_are_refused(
    cloud: Cloud, configuration: dict[str, Any]
) -> None:
    refusal = await cloud.refused("CreateDhcpOptions", DhcpConfigurations=[configuration])
    assert refusal.code == "InvalidParameterValue"
