"""Instance profiles of IAM: made, given their one role, listed in pages, tagged, deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routeserver.domain.refusal import Refusal
from tests.control.cloud import ACCOUNT, Cloud

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)
ARN = f"arn:aws:iam::{ACCOUNT}"


class Iam:
    """`await iam("CreateRole", …)`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def __call__(self, action: str, **params: Any) -> dict[str, Any]:
        return await self._cloud(action, "iam", **params)

    async def refused(self, action: str, **params: Any) -> tuple[str, int, str]:
        with pytest.raises(Refusal) as caught:
            await self(action, **params)
        return caught.value.code, caught.value.status, caught.value.message

    async def role(self, name: str, **params: Any) -> str:
        made = await self("CreateRole", RoleName=name, AssumeRolePolicyDocument=TRUST, **params)
        return str(made["Role"]["Arn"])

    async def profile(self, name: str, role: str | None = None, **params: Any) -> dict[str, Any]:
        await self("CreateInstanceProfile", InstanceProfileName=name, **params)
        if role is not None:
            await self("AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
        answer = await self("GetInstanceProfile", InstanceProfileName=name)
        return dict(answer["InstanceProfile"])


@pytest.fixture
def iam(cloud: Cloud) -> Iam:
    return Iam(cloud)


async def test_a_profile_is_made_found_whatever_its_case_and_deleted(iam: Iam) -> None:
    tags = [{"Key": "team", "Value": "net"}]
    made = await iam("CreateInstanceProfile", InstanceProfileName="Web", Path="/x/", Tags=tags)
    profile = made["InstanceProfile"]
    assert profile["Arn"] == f"{ARN}:instance-profile/x/Web"
    assert profile["InstanceProfileId"].startswith("AIPA")
    assert len(profile["InstanceProfileId"]) == 21
    assert (profile["Path"], profile["Roles"], profile["Tags"]) == ("/x/", [], tags)
    assert await iam("GetInstanceProfile", InstanceProfileName="wEB") == made
    again = await iam.refused("CreateInstanceProfile", InstanceProfileName="WEB")
    assert again[:2] == ("EntityAlreadyExists", 409)
    await iam("DeleteInstanceProfile", InstanceProfileName="web")
    gone = await iam.refused("GetInstanceProfile", InstanceProfileName="Web")
    assert gone == ("NoSuchEntity", 404, "Instance Profile Web cannot be found.")


@pytest.mark.parametrize(
    "params",
    [
        {"InstanceProfileName": "a b"},
        {"InstanceProfileName": "a/b"},
        {"InstanceProfileName": "é"},
        {"InstanceProfileName": "x" * 129},
        {"InstanceProfileName": "a", "Path": "x"},
    ],
)
async def test_names_and_paths_that_iam_does_not_take(iam: Iam, params: dict[str, Any]) -> None:
    assert (await iam.refused("CreateInstanceProfile", **params))[0] == "ValidationError"


async def test_the_longest_name_is_taken(iam: Iam) -> None:
    name = "a" * 121 + "+=,.@-_"
    assert (await iam.profile(name))["InstanceProfileName"] == name


async def test_a_profile_has_one_role_and_neither_goes_while_they_are_together(iam: Iam) -> None:
    await iam.role("reader", Description="reads")
    await iam.role("writer")
    this = {"InstanceProfileName": "web"}
    (role,) = (await iam.profile("web", "READER"))["Roles"]
    assert role["Arn"] == f"{ARN}:role/reader"
    assert set(role) == {
        "Path",
        "RoleName",
        "RoleId",
        "Arn",
        "CreateDate",
        "AssumeRolePolicyDocument",
    }
    for name in ("writer", "reader"):
        code, status, message = await iam.refused("AddRoleToInstanceProfile", **this, RoleName=name)
        assert (code, status) == ("LimitExceeded", 409)
        assert "InstanceSessionsPerInstanceProfile: 1" in message
    conflict = (
        "DeleteConflict",
        409,
        "Cannot delete entity, must remove roles from instance profile first.",
    )
    assert await iam.refused("DeleteInstanceProfile", **this) == conflict
    assert await iam.refused("DeleteRole", RoleName="reader") == conflict
    other = await iam.refused("RemoveRoleFromInstanceProfile", **this, RoleName="writer")
    assert other[0] == "NoSuchEntity"
    await iam("RemoveRoleFromInstanceProfile", **this, RoleName="Reader")
    again = await iam.refused("RemoveRoleFromInstanceProfile", **this, RoleName="reader")
    assert again[0] == "NoSuchEntity"
    await iam("DeleteRole", RoleName="reader")
    await iam("DeleteInstanceProfile", **this)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("DeleteInstanceProfile", {"InstanceProfileName": "none"}),
        ("AddRoleToInstanceProfile", {"InstanceProfileName": "none", "RoleName": "reader"}),
        ("AddRoleToInstanceProfile", {"InstanceProfileName": "web", "RoleName": "none"}),
        ("RemoveRoleFromInstanceProfile", {"InstanceProfileName": "none", "RoleName": "reader"}),
        ("RemoveRoleFromInstanceProfile", {"InstanceProfileName": "web", "RoleName": "none"}),
        ("ListInstanceProfilesForRole", {"RoleName": "none"}),
        ("TagInstanceProfile", {"InstanceProfileName": "none", "Tags": []}),
        ("UntagInstanceProfile", {"InstanceProfileName": "none", "TagKeys": []}),
        ("ListInstanceProfileTags", {"InstanceProfileName": "none"}),
    ],
)
async def test_what_does_not_exist(iam: Iam, action: str, params: dict[str, Any]) -> None:
    await iam.role("reader")
    await iam.profile("web")
    assert (await iam.refused(action, **params))[:2] == ("NoSuchEntity", 404)


async def test_profiles_are_listed_by_path_by_role_and_in_pages(iam: Iam) -> None:
    await iam.role("reader")
    for name in ("c", "a", "b"):
        await iam.profile(name, "reader" if name != "c" else None, Path="/app/")
    await iam.profile("d", Tags=[{"Key": "k", "Value": "v"}])

    async def pages(action: str, **params: Any) -> list[list[str]]:
        found: list[list[str]] = []
        marker: dict[str, str] = {}
        while True:
            answer = await iam(action, **params, **marker)
            found.append([each["InstanceProfileName"] for each in answer["InstanceProfiles"]])
            if not answer["IsTruncated"]:
                assert "Marker" not in answer
                return found
            marker = {"Marker": answer["Marker"]}

    assert await pages("ListInstanceProfiles") == [["a", "b", "c", "d"]]
    assert await pages("ListInstanceProfiles", MaxItems=3) == [["a", "b", "c"], ["d"]]
    assert await pages("ListInstanceProfiles", PathPrefix="/app") == [["a", "b", "c"]]
    assert await pages("ListInstanceProfiles", PathPrefix="/no") == [[]]
    assert await pages("ListInstanceProfilesForRole", RoleName="READER", MaxItems=1) == [
        ["a"],
        ["b"],
    ]
    listed = (await iam("ListInstanceProfiles"))["InstanceProfiles"]
    assert [len(each["Roles"]) for each in listed] == [1, 1, 0, 0]
    assert not any("Tags" in each for each in listed)
    bad = await iam.refused("ListInstanceProfiles", Marker="x")
    assert bad[0] == "ValidationError"


async def test_tags_are_put_replaced_listed_and_removed(iam: Iam) -> None:
    this = {"InstanceProfileName": "web"}
    await iam.profile("web", Tags=[{"Key": "a", "Value": "1"}])
    new = [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    await iam("TagInstanceProfile", **this, Tags=new)
    assert (await iam("ListInstanceProfileTags", **this))["Tags"] == new
    first = await iam("ListInstanceProfileTags", **this, MaxItems=1)
    assert (first["Tags"], first["IsTruncated"]) == (new[:1], True)
    await iam("UntagInstanceProfile", **this, TagKeys=["a", "none"])
    assert (await iam("ListInstanceProfileTags", **this))["Tags"] == new[1:]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert (await iam.refused("TagInstanceProfile", **this, Tags=many))[0] == "LimitExceeded"
    reserved = [{"Key": "aws:x", "Value": ""}]
    assert (await iam.refused("TagInstanceProfile", **this, Tags=reserved))[0] == "InvalidInput"


async def test_profiles_are_each_accounts_own(iam: Iam, cloud: Cloud) -> None:
    await iam.profile("web")
    other = Iam(Cloud(cloud.store, account="444455556666"))
    assert (await other.refused("GetInstanceProfile", InstanceProfileName="web"))[0] == (
        "NoSuchEntity"
    )
    assert (await other("ListInstanceProfiles"))["InstanceProfiles"] == []
