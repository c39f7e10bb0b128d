"""The IAM instance profile of an instance: at its launch, associated, replaced, taken away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.access.test_instance_profiles import Iam
from tests.control.cloud import ACCOUNT, Cloud
from tests.control.test_vpc_instances import IMAGE, run, shown

ARN = f"arn:aws:iam::{ACCOUNT}:instance-profile"


@pytest.fixture
async def subnet_id(cloud: Cloud) -> str:
    return await cloud.subnet(await cloud.vpc())


@pytest.fixture
async def profiles(cloud: Cloud) -> dict[str, dict[str, str]]:
    """As an instance shows them, by name: `bare` has no role."""
    iam = Iam(cloud)
    await iam.role("reader")
    made = [
        await iam.profile("web", "reader", Path="/app/"),
        await iam.profile("db", "reader"),
        await iam.profile("bare"),
    ]
    return {
        each["InstanceProfileName"]: {"Arn": each["Arn"], "Id": each["InstanceProfileId"]}
        for each in made
    }


async def associations(cloud: Cloud, **params: Any) -> list[dict[str, Any]]:
    answer = await cloud("DescribeIamInstanceProfileAssociations", **params)
    return list(answer["IamInstanceProfileAssociations"])


@pytest.mark.parametrize("asked", [{"Name": "web"}, {"Name": "WEB"}, {"Arn": f"{ARN}/app/web"}])
async def test_instances_are_launched_with_a_profile(
    cloud: Cloud, subnet_id: str, profiles: dict[str, dict[str, str]], asked: dict[str, str]
) -> None:
    made = await cloud(
        "RunInstances",
        ImageId=IMAGE,
        MinCount=2,
        MaxCount=2,
        SubnetId=subnet_id,
        IamInstanceProfile=asked,
    )
    ids = [each["InstanceId"] for each in made["Instances"]]
    assert [each["IamInstanceProfile"] for each in made["Instances"]] == [profiles["web"]] * 2
    assert (await shown(cloud, ids[0]))["IamInstanceProfile"] == profiles["web"]
    found = await associations(cloud)
    assert sorted(each["InstanceId"] for each in found) == sorted(ids)
    assert {each["State"] for each in found} == {"associated"}
    for name, value, count in (
        ("iam-instance-profile.arn", "*/app/web", 1),
        ("iam-instance-profile.id", profiles["web"]["Id"], 1),
        ("iam-instance-profile.id", profiles["db"]["Id"], 0),
    ):
        answer = await cloud("DescribeInstances", Filters=[{"Name": name, "Values": [value]}])
        assert len(answer["Reservations"]) == count, name


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"Name": "none"}, "InvalidParameterValue", "Invalid IAM Instance Profile name"),
        ({"Name": ""}, "InvalidParameterValue", "Invalid IAM Instance Profile name"),
        ({"Arn": f"{ARN}/web"}, "InvalidParameterValue", "Invalid IAM Instance Profile arn"),
        (
            {"Arn": "arn:aws:iam::444455556666:instance-profile/app/web"},
            "InvalidParameterValue",
            "Invalid IAM Instance Profile arn",
        ),
        ({"Name": "bare"}, "InvalidParameterValue", "has no associated IAM Roles"),
        ({"Name": "web", "Arn": f"{ARN}/app/web"}, "InvalidParameterCombination", "combination"),
    ],
)
@pytest.mark.usefixtures("profiles")
async def test_profiles_that_an_instance_cannot_have(
    cloud: Cloud, subnet_id: str, asked: dict[str, str], code: str, said: str
) -> None:
    base = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet_id}
    refusal = await cloud.refused("RunInstances", **base, IamInstanceProfile=asked)
    assert refusal.code == code
    assert said in refusal.message
    instance_id = (await run(cloud, subnet_id))["InstanceId"]
    refusal = await cloud.refused(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile=asked
    )
    assert refusal.code == code
    assert said in refusal.message


async def test_a_profile_is_associated_replaced_and_taken_away(
    cloud: Cloud, subnet_id: str, profiles: dict[str, dict[str, str]]
) -> None:
    instance_id = (await run(cloud, subnet_id))["InstanceId"]
    assert "IamInstanceProfile" not in await shown(cloud, instance_id)
    this = {"InstanceId": instance_id, "IamInstanceProfile": {"Name": "web"}}
    made = (await cloud("AssociateIamInstanceProfile", **this))["IamInstanceProfileAssociation"]
    first_id = made["AssociationId"]
    assert first_id.startswith("iip-assoc-")
    assert made == {
        "AssociationId": first_id,
        "InstanceId": instance_id,
        "IamInstanceProfile": profiles["web"],
        "State": "associating",
    }
    assert await associations(cloud) == [{**made, "State": "associated"}]
    again = await cloud.refused("AssociateIamInstanceProfile", **this)
    assert again.code == "IncorrectState"
    assert again.message == f"There is an existing association for instance {instance_id}"
    other: dict[str, Any] = {"IamInstanceProfile": {"Arn": profiles["db"]["Arn"]}}
    action = "ReplaceIamInstanceProfileAssociation"
    new = (await cloud(action, AssociationId=first_id, **other))["IamInstanceProfileAssociation"]
    assert new["AssociationId"] != first_id
    assert (new["State"], new["IamInstanceProfile"]) == ("associating", profiles["db"])
    assert (await shown(cloud, instance_id))["IamInstanceProfile"] == profiles["db"]
    old = await cloud.refused(action, AssociationId=first_id, **other)
    assert old.code == "NoSuchAssociation"
    ended = await cloud("DisassociateIamInstanceProfile", AssociationId=new["AssociationId"])
    assert ended["IamInstanceProfileAssociation"] == {**new, "State": "disassociating"}
    assert await associations(cloud) == []
    assert "IamInstanceProfile" not in await shown(cloud, instance_id)


async def test_states_that_allow_no_profile(
    cloud: Cloud, subnet_id: str, profiles: dict[str, dict[str, str]]
) -> None:
    web: dict[str, Any] = {"IamInstanceProfile": {"Name": "web"}}
    instance_id = (await run(cloud, subnet_id))["InstanceId"]
    await cloud("StopInstances", InstanceIds=[instance_id])
    made = await cloud("AssociateIamInstanceProfile", InstanceId=instance_id, **web)
    this = {"AssociationId": made["IamInstanceProfileAssociation"]["AssociationId"]}
    refusal = await cloud.refused("ReplaceIamInstanceProfileAssociation", **this, **web)
    assert refusal.code == "IncorrectState"
    assert "is not the active association" in refusal.message
    await cloud("DisassociateIamInstanceProfile", **this)
    await cloud("AssociateIamInstanceProfile", InstanceId=instance_id, **web)
    assert (await shown(cloud, instance_id))["IamInstanceProfile"] == profiles["web"]
    await cloud("TerminateInstances", InstanceIds=[instance_id])
    assert await associations(cloud) == []
    assert "IamInstanceProfile" not in await shown(cloud, instance_id)
    refusal = await cloud.refused("AssociateIamInstanceProfile", InstanceId=instance_id, **web)
    assert refusal.code == "IncorrectInstanceState"


@pytest.mark.usefixtures("profiles")
async def test_what_is_missing_or_malformed(cloud: Cloud, subnet_id: str) -> None:
    web: dict[str, Any] = {"IamInstanceProfile": {"Name": "web"}}
    nobody = {"InstanceId": "i-0123456789abcdef0"}
    refusal = await cloud.refused("AssociateIamInstanceProfile", **nobody, **web)
    assert refusal.code == "InvalidInstanceID.NotFound"
    instance_id = (await run(cloud, subnet_id))["InstanceId"]
    refusal = await cloud.refused(
        "AssociateIamInstanceProfile", InstanceId=instance_id, IamInstanceProfile={}
    )
    assert refusal.code == "MissingParameter"
    for association_id, code in (
        ("iip-assoc-0123456789abcdef0", "NoSuchAssociation"),
        (instance_id, "InvalidParameterValue"),
    ):
        this = {"AssociationId": association_id}
        for action, params in (
            ("DisassociateIamInstanceProfile", this),
            ("ReplaceIamInstanceProfileAssociation", {**this, **web}),
            ("DescribeIamInstanceProfileAssociations", {"AssociationIds": [association_id]}),
        ):
            assert (await cloud.refused(action, **params)).code == code


@pytest.mark.usefixtures("profiles")
async def test_associations_are_described_by_id_filter_and_page(
    cloud: Cloud, subnet_id: str
) -> None:
    ids = [
        (await run(cloud, subnet_id, IamInstanceProfile={"Name": "web"}))["InstanceId"]
        for _ in range(7)
    ]
    everything = await associations(cloud)
    assert [each["InstanceId"] for each in everything] == ids
    second = everything[1]
    assert await associations(cloud, AssociationIds=[second["AssociationId"]]) == [second]
    for name, value, wanted in (
        ("instance-id", ids[1], [second]),
        ("instance-id", "i-0*", [each for each in everything if each["InstanceId"][2] == "0"]),
        ("state", "associated", everything),
        ("state", "associating", []),
    ):
        assert await associations(cloud, Filters=[{"Name": name, "Values": [value]}]) == wanted
    action = "DescribeIamInstanceProfileAssociations"
    first = await cloud(action, MaxResults=5)
    rest = await cloud(action, MaxResults=5, NextToken=first["NextToken"])
    member = "IamInstanceProfileAssociations"
    assert first[member] + rest[member] == everything
    assert "NextToken" not in rest


async def test_a_deleted_profile_stays_shown_by_its_instance(
    cloud: Cloud, subnet_id: str, profiles: dict[str, dict[str, str]]
) -> None:
    instance_id = (await run(cloud, subnet_id, IamInstanceProfile={"Name": "db"}))["InstanceId"]
    this = {"InstanceProfileName": "db"}
    await cloud("RemoveRoleFromInstanceProfile", "iam", **this, RoleName="reader")
    await cloud("DeleteInstanceProfile", "iam", **this)
    assert (await shown(cloud, instance_id))["IamInstanceProfile"] == profiles["db"]


async def test_the_same_token_launches_once_and_shows_the_profile(
    cloud: Cloud, subnet_id: str, profiles: dict[str, dict[str, str]]
) -> None:
    params = {"ClientToken": "once", "IamInstanceProfile": {"Name": "web"}}
    first = await run(cloud, subnet_id, **params)
    assert await run(cloud, subnet_id, **params) == first
    assert first["IamInstanceProfile"] == profiles["web"]
    assert len(await associations(cloud)) == 1
