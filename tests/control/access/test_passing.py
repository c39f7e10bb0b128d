"""`iam:PassRole` and the condition keys of instance profiles: who may hand which role to what."""

from __future__ import annotations

from typing import Any, Final

import pytest

from routeserver.control.access.authorizer import Authorizer
from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal
from tests.control.access.test_authorizer import NOW, SEAL, allow, anna, code
from tests.control.access.test_instance_profiles import Iam
from tests.control.cloud import ACCOUNT, REGION, Cloud

OK, NO = "OK", "UnauthorizedOperation"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/app/reader"
PROFILE: Final = f"arn:aws:iam::{ACCOUNT}:instance-profile/web"
INSTANCE: Final = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance"
WEB: Final[dict[str, Any]] = {"IamInstanceProfile": {"Name": "web"}}
EC2: Final = allow("ec2:*")


@pytest.fixture
async def launched(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Parameters, by action, of an instance that has the profile `old`."""
    iam = Iam(cloud)
    await iam.role("reader", Path="/app/")
    await iam.role("other")
    await iam.profile("web", "reader")
    await iam.profile("old", "other")
    await iam.profile("bare")
    run: dict[str, Any] = {
        "ImageId": "ami-0123456789abcdef0",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": await cloud.subnet(await cloud.vpc()),
    }
    made = await cloud("RunInstances", **run, IamInstanceProfile={"Name": "old"})
    (link,) = (await cloud("DescribeIamInstanceProfileAssociations"))[
        "IamInstanceProfileAssociations"
    ]
    return {
        "RunInstances": {**run, **WEB},
        "AssociateIamInstanceProfile": {"InstanceId": made["Instances"][0]["InstanceId"], **WEB},
        "ReplaceIamInstanceProfileAssociation": {"AssociationId": link["AssociationId"], **WEB},
    }


PASSING: Final = (
    "RunInstances",
    "AssociateIamInstanceProfile",
    "ReplaceIamInstanceProfileAssociation",
)

Launched = dict[str, dict[str, Any]]


@pytest.mark.parametrize("action", PASSING)
@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        (allow("iam:PassRole"), OK),
        (allow("iam:PassRole", ROLE), OK),
        (allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/other"), NO),
        (
            allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}),
            OK,
        ),
        (allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "x.amazonaws.com"}), NO),
        (allow("iam:PassRole", ROLE, ArnLike={"iam:AssociatedResourceARN": f"{INSTANCE}/*"}), OK),
        (allow("iam:PassRole", ROLE, ArnLike={"iam:AssociatedResourceARN": f"{INSTANCE}/i-x"}), NO),
        (allow("iam:GetRole"), NO),
        ({"Effect": "Deny", "Action": "iam:PassRole", "Resource": "*"}, NO),
    ],
)
async def test_whoever_gives_an_instance_a_profile_passes_its_role(
    cloud: Cloud, launched: Launched, action: str, statement: dict[str, Any], wanted: str
) -> None:
    assert await code(cloud, anna(EC2, statement), action, **launched[action]) == wanted


@pytest.mark.parametrize("action", ["AssociateIamInstanceProfile", PASSING[2]])
async def test_the_role_is_passed_to_this_instance(
    cloud: Cloud, launched: Launched, action: str
) -> None:
    instance_id = launched["AssociateIamInstanceProfile"]["InstanceId"]
    condition = {"iam:AssociatedResourceARN": f"{INSTANCE}/{instance_id}"}
    person = anna(EC2, allow("iam:PassRole", ROLE, ArnEquals=condition))
    assert await code(cloud, person, action, **launched[action]) == OK


@pytest.mark.parametrize("action", PASSING)
async def test_the_permission_of_the_action_itself_is_needed_too(
    cloud: Cloud, launched: Launched, action: str
) -> None:
    assert await code(cloud, anna(allow("iam:*")), action, **launched[action]) == NO


@pytest.mark.usefixtures("launched")
@pytest.mark.parametrize("asked", [{"Name": "bare"}, {"Name": "none"}, {"Arn": "x"}, {}])
async def test_without_a_role_nothing_is_passed(cloud: Cloud, asked: dict[str, str]) -> None:
    assert await code(cloud, anna(EC2), "RunInstances", IamInstanceProfile=asked) == OK


@pytest.mark.usefixtures("launched")
async def test_the_refusal_names_the_role_in_the_words_of_ec2(cloud: Cloud) -> None:
    person = anna(EC2)
    request = ApiRequest(
        service="ec2",
        action="RunInstances",
        params=WEB,
        account_id=ACCOUNT,
        principal_arn=person.arn,
        user_id=person.user_id,
        region=REGION,
        request_id="request",
        principal=person,
    )
    with pytest.raises(Refusal) as caught:
        await Authorizer(cloud.store, SEAL).check(request, NOW)
    assert caught.value.code == NO
    assert f"not authorized to perform: iam:PassRole on resource: {ROLE} " in caught.value.message
    assert "Encoded authorization failure message: " in caught.value.message


@pytest.mark.usefixtures("launched")
async def test_a_role_is_passed_into_a_profile(cloud: Cloud) -> None:
    params = {"InstanceProfileName": "bare", "RoleName": "reader"}
    add = allow("iam:AddRoleToInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/bare")
    action = "AddRoleToInstanceProfile"
    assert await code(cloud, anna(add), action, "iam", **params) == "AccessDenied"
    passing = anna(add, allow("iam:PassRole", ROLE))
    assert await code(cloud, passing, action, "iam", **params) == OK
    other = {**params, "RoleName": "other"}
    assert await code(cloud, passing, action, "iam", **other) == "AccessDenied"
    missing = {**params, "RoleName": "none"}
    assert await code(cloud, anna(add), action, "iam", **missing) == OK


# --- what else policies may ask -------------------------------------------------------------------


async def test_a_launch_may_be_limited_to_a_profile(cloud: Cloud, launched: Launched) -> None:
    passing = allow("iam:PassRole")
    params = launched["RunInstances"]
    for arn, wanted in ((PROFILE, OK), (f"{PROFILE}2", NO)):
        made = allow("ec2:RunInstances", f"{INSTANCE}/*", ArnEquals={"ec2:InstanceProfile": arn})
        rest = allow("ec2:RunInstances", f"arn:aws:ec2:{REGION}:*:subnet/*")
        image = allow("ec2:RunInstances", f"arn:aws:ec2:{REGION}::image/*")
        person = anna(passing, made, rest, image)
        assert await code(cloud, person, "RunInstances", **params) == wanted


async def test_a_change_may_be_limited_to_the_old_and_to_the_new_profile(
    cloud: Cloud, launched: Launched
) -> None:
    action = "ReplaceIamInstanceProfileAssociation"
    old = f"arn:aws:iam::{ACCOUNT}:instance-profile/old"
    for key, arn, wanted in (
        ("ec2:NewInstanceProfile", PROFILE, OK),
        ("ec2:NewInstanceProfile", old, NO),
        ("ec2:InstanceProfile", old, OK),
        ("ec2:InstanceProfile", PROFILE, NO),
    ):
        person = anna(allow("iam:PassRole"), allow(f"ec2:{action}", "*", ArnEquals={key: arn}))
        assert await code(cloud, person, action, **launched[action]) == wanted, (key, arn)


async def test_an_association_stands_for_its_instance(cloud: Cloud, launched: Launched) -> None:
    instance_id = launched["AssociateIamInstanceProfile"]["InstanceId"]
    link_id = launched["ReplaceIamInstanceProfileAssociation"]["AssociationId"]
    action = "DisassociateIamInstanceProfile"
    for resource, wanted in ((instance_id, OK), ("i-0", NO)):
        person = anna(allow(f"ec2:{action}", f"{INSTANCE}/{resource}"))
        assert await code(cloud, person, action, AssociationId=link_id) == wanted


@pytest.mark.parametrize(
    ("action", "params", "resource"),
    [
        ("CreateInstanceProfile", {"InstanceProfileName": "a", "Path": "/x/"}, "x/a"),
        ("GetInstanceProfile", {"InstanceProfileName": "a"}, "a"),
        ("DeleteInstanceProfile", {"InstanceProfileName": "a"}, "a"),
        ("RemoveRoleFromInstanceProfile", {"InstanceProfileName": "a", "RoleName": "r"}, "a"),
        ("TagInstanceProfile", {"InstanceProfileName": "a", "Tags": []}, "a"),
        ("UntagInstanceProfile", {"InstanceProfileName": "a", "TagKeys": []}, "a"),
        ("ListInstanceProfileTags", {"InstanceProfileName": "a"}, "a"),
        ("ListInstanceProfiles", {}, ""),
        ("ListInstanceProfiles", {"PathPrefix": "/x/"}, "x/"),
    ],
)
async def test_each_call_is_about_a_profile(
    cloud: Cloud, action: str, params: dict[str, Any], resource: str
) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:instance-profile/{resource}"
    for statement, wanted in (
        (allow("iam:*", arn), OK),
        (allow("iam:*", f"{arn}2"), "AccessDenied"),
    ):
        assert await code(cloud, anna(statement), action, "iam", **params) == wanted


async def test_the_profiles_of_a_role_are_about_the_role(cloud: Cloud) -> None:
    person = anna(allow("iam:ListInstanceProfilesForRole", f"arn:aws:iam::{ACCOUNT}:role/r"))
    action = "ListInstanceProfilesForRole"
    assert await code(cloud, person, action, "iam", RoleName="r") == OK
    assert await code(cloud, person, action, "iam", RoleName="s") == "AccessDenied"
