"""Instance profiles as boto3 and Terraform use them: from the role to the instance and back, who
may pass the role, and what of it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.conftest import Network
from tests.contract.test_access import refusal
from tests.running import Server, code_of, eventually

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
IMAGE = "ami-0123456789abcdef0"


@pytest.fixture
def iam(server: Server) -> Any:
    return server.client("iam")


@pytest.fixture
def profile(server: Server, iam: Any) -> Iterator[dict[str, Any]]:
    """`web` with the role `reader`, taken down afterwards as Terraform does."""
    this = {"InstanceProfileName": "web"}
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)
    made = iam.create_instance_profile(**this, Path="/app/")["InstanceProfile"]
    iam.get_waiter("instance_profile_exists").wait(**this, WaiterConfig={"Delay": 0})
    iam.add_role_to_instance_profile(**this, RoleName="reader")
    yield dict(made)
    iam = server.client("iam")
    listed = iam.list_instance_profiles_for_role(RoleName="reader")["InstanceProfiles"]
    for each in listed:
        name = each["InstanceProfileName"]
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName="reader")
    iam.delete_role(RoleName="reader")
    iam.delete_instance_profile(**this)


def launch(ec2: Any, network: Network, **params: Any) -> dict[str, Any]:
    answer = ec2.run_instances(
        ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=network.subnet_id, **params
    )
    return dict(answer["Instances"][0])


def shown(ec2: Any, instance_id: str) -> dict[str, Any]:
    answer = ec2.describe_instances(InstanceIds=[instance_id])
    return dict(answer["Reservations"][0]["Instances"][0])


def links(ec2: Any, **params: Any) -> list[dict[str, Any]]:
    answer = ec2.describe_iam_instance_profile_associations(**params)
    return list(answer["IamInstanceProfileAssociations"])


def test_a_profile_as_terraform_makes_reads_and_deletes_it(iam: Any, profile: Any) -> None:
    this = {"InstanceProfileName": "web"}
    found = iam.get_instance_profile(**this)["InstanceProfile"]
    assert found["InstanceProfileId"] == profile["InstanceProfileId"]
    assert found["Arn"].endswith(":instance-profile/app/web")
    (role,) = found["Roles"]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    iam.tag_instance_profile(**this, Tags=[{"Key": "team", "Value": "net"}])
    assert iam.list_instance_profile_tags(**this)["Tags"] == [{"Key": "team", "Value": "net"}]
    iam.untag_instance_profile(**this, TagKeys=["team"])
    assert "Tags" not in iam.get_instance_profile(**this)["InstanceProfile"]
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_instance_profile(InstanceProfileName="Web")
    with pytest.raises(iam.exceptions.LimitExceededException):
        iam.add_role_to_instance_profile(**this, RoleName="reader")
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_instance_profile(**this)
    with pytest.raises(iam.exceptions.DeleteConflictException):
        iam.delete_role(RoleName="reader")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_instance_profile(InstanceProfileName="none")


def test_boto3_turns_the_pages(iam: Any) -> None:
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        iam.create_instance_profile(InstanceProfileName=name, Path="/pages/")
    paginator = iam.get_paginator("list_instance_profiles")
    pages = list(paginator.paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2}))
    assert [len(page["InstanceProfiles"]) for page in pages] == [2, 2, 1]
    assert [each["InstanceProfileName"] for page in pages for each in page["InstanceProfiles"]] == (
        names
    )
    for name in names:
        iam.delete_instance_profile(InstanceProfileName=name)


def test_an_instance_gets_another_profile_and_none(
    iam: Any, network: Network, profile: dict[str, Any]
) -> None:
    ec2 = network.ec2
    instance = launch(ec2, network, IamInstanceProfile={"Name": "web"})
    instance_id = instance["InstanceId"]
    web = {"Arn": profile["Arn"], "Id": profile["InstanceProfileId"]}
    assert instance["IamInstanceProfile"] == web
    assert shown(ec2, instance_id)["IamInstanceProfile"] == web
    db = iam.create_instance_profile(InstanceProfileName="db")["InstanceProfile"]
    of_instance = [{"Name": "instance-id", "Values": [instance_id]}]
    (link,) = links(ec2, Filters=of_instance)
    assert (link["State"], link["IamInstanceProfile"]) == ("associated", web)
    change = {"AssociationId": link["AssociationId"], "IamInstanceProfile": {"Arn": db["Arn"]}}
    # The provider tries these two again, by their words.
    _, code, said = refusal(ec2.replace_iam_instance_profile_association, **change)
    assert code == "InvalidParameterValue"
    assert "has no associated IAM Roles" in said
    none = {**change, "IamInstanceProfile": {"Name": "none"}}
    _, code, said = refusal(ec2.replace_iam_instance_profile_association, **none)
    assert code == "InvalidParameterValue"
    assert "Invalid IAM Instance Profile" in said
    iam.add_role_to_instance_profile(InstanceProfileName="db", RoleName="reader")
    answer = ec2.replace_iam_instance_profile_association(**change)
    new_id = answer["IamInstanceProfileAssociation"]["AssociationId"]
    assert shown(ec2, instance_id)["IamInstanceProfile"]["Arn"] == db["Arn"]
    ec2.disassociate_iam_instance_profile(AssociationId=new_id)
    assert "IamInstanceProfile" not in shown(ec2, instance_id)
    gone = {"AssociationIds": [new_id]}
    assert code_of(ec2.describe_iam_instance_profile_associations, **gone) == "NoSuchAssociation"
    ec2.associate_iam_instance_profile(
        InstanceId=instance_id, IamInstanceProfile={"Arn": profile["Arn"]}
    )
    assert shown(ec2, instance_id)["IamInstanceProfile"] == web
    ec2.terminate_instances(InstanceIds=[instance_id])
    iam.remove_role_from_instance_profile(InstanceProfileName="db", RoleName="reader")
    iam.delete_instance_profile(InstanceProfileName="db")


@pytest.mark.usefixtures("profile")
def test_launching_with_a_profile_needs_the_permission_to_pass_its_role(
    server: Server, iam: Any, network: Network
) -> None:
    iam.create_user(UserName="paula")
    key = iam.create_access_key(UserName="paula")["AccessKey"]
    ec2 = server.client(
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )

    def allow(*actions: str) -> None:
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="paula", PolicyName="own", PolicyDocument=document)

    params = {
        "ImageId": IMAGE,
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": network.subnet_id,
        "IamInstanceProfile": {"Name": "web"},
        "DryRun": True,
    }
    allow("ec2:*")
    with pytest.raises(ClientError) as caught:
        ec2.run_instances(**params)
    error = caught.value.response["Error"]
    assert error["Code"] == "UnauthorizedOperation"
    assert (
        "is not authorized to perform: iam:PassRole on resource: arn:aws:iam::"
        in (error["Message"])
    )
    encoded = error["Message"].rpartition(": ")[2]
    opened = server.client("sts").decode_authorization_message(EncodedMessage=encoded)
    assert json.loads(opened["DecodedMessage"])["context"]["action"] == "iam:PassRole"
    allow("ec2:*", "iam:PassRole")
    assert code_of(ec2.run_instances, **params) == "DryRunOperation"


def test_profiles_and_associations_survive_a_restart_and_calls_are_in_the_trail(
    server: Server, iam: Any, network: Network, profile: dict[str, Any]
) -> None:
    instance = launch(network.ec2, network, IamInstanceProfile={"Arn": profile["Arn"]})
    instance_id = instance["InstanceId"]
    before = iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]
    old = links(network.ec2)
    server.stop()
    server.start()
    iam, ec2 = server.client("iam"), server.client()
    assert iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"] == before
    assert links(ec2) == old
    assert shown(ec2, instance_id)["IamInstanceProfile"] == instance["IamInstanceProfile"]
    iam.list_instance_profiles_for_role(RoleName="reader")
    last = ec2.terminate_instances(InstanceIds=[instance_id])["ResponseMetadata"]

    def audited() -> dict[str, dict[str, Any]]:
        lines = (server.data_dir / "audit.jsonl").read_text().splitlines()
        events = {event["eventName"]: event for event in map(json.loads, lines)}
        return {"TerminateInstances": {"requestID": ""}, **events}

    trail = eventually(
        "audit",
        audited,
        lambda found: found["TerminateInstances"]["requestID"] == last["RequestId"],
    )
    event = trail["AddRoleToInstanceProfile"]
    assert event["eventSource"] == "iam.amazonaws.com"
    assert event["requestParameters"]["roleName"] == "reader"
    assert not event["readOnly"]
    assert trail["ListInstanceProfilesForRole"]["readOnly"]
    assert trail["RunInstances"]["requestParameters"]["iamInstanceProfile"]
