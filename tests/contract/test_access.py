"""Users, policies and roles as boto3 sees them, and what they permit, on a server of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running import Server, code_of, eventually

LOOK = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(*principals: str) -> str:
    return document(
        {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("access"), bgp_port=20197, bfd_port=23797)
    running.start()
    yield running
    if running.process is not None:
        running.stop()


@pytest.fixture
def iam(server: Server) -> Any:
    return server.client("iam")


@pytest.fixture
def account(server: Server) -> str:
    return str(server.client("sts").get_caller_identity()["Account"])


class Person:
    """A user with a key, who calls whatever service is asked for."""

    def __init__(self, server: Server, iam: Any, name: str) -> None:
        self.server = server
        self.iam = iam
        self.name = name
        self.arn = iam.create_user(UserName=name)["User"]["Arn"]
        self.key = iam.create_access_key(UserName=name)["AccessKey"]

    def allow(self, *statements: dict[str, Any]) -> None:
        self.iam.put_user_policy(
            UserName=self.name, PolicyName="rights", PolicyDocument=document(*statements)
        )

    def client(self, service: str = "ec2") -> Any:
        return self.server.client(
            service,
            aws_access_key_id=self.key["AccessKeyId"],
            aws_secret_access_key=self.key["SecretAccessKey"],
        )


def with_session(server: Server, credentials: dict[str, Any], service: str = "ec2") -> Any:
    return server.client(
        service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def refusal(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    answer = caught.value.response
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"],
    )


def test_a_user_may_what_its_policies_say_from_the_next_request_on(
    server: Server, iam: Any
) -> None:
    person = Person(server, iam, "anna")
    ec2 = person.client()
    status, code, message = refusal(ec2.describe_vpcs)
    assert (status, code) == (403, "UnauthorizedOperation")
    assert f"User: {person.arn} is not authorized to perform: ec2:DescribeVpcs" in message
    person.allow(LOOK)
    assert "Vpcs" in ec2.describe_vpcs()
    assert code_of(ec2.create_vpc, CidrBlock="10.0.0.0/16") == "UnauthorizedOperation"
    person.allow(LOOK, {"Effect": "Allow", "Action": "ec2:CreateVpc", "Resource": "*"})
    assert code_of(ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True) == "DryRunOperation"
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    iam.delete_user_policy(UserName="anna", PolicyName="rights")
    assert code_of(ec2.describe_vpcs) == "UnauthorizedOperation"


def test_an_inactive_or_deleted_key_is_not_known(server: Server, iam: Any) -> None:
    person = Person(server, iam, "bert")
    sts = person.client("sts")
    assert sts.get_caller_identity()["Arn"] == person.arn
    key = {"UserName": "bert", "AccessKeyId": person.key["AccessKeyId"]}
    iam.update_access_key(**key, Status="Inactive")
    assert refusal(sts.get_caller_identity)[:2] == (403, "InvalidClientTokenId")
    assert refusal(person.client().describe_vpcs)[:2] == (401, "AuthFailure")
    iam.update_access_key(**key, Status="Active")
    assert sts.get_caller_identity()["Arn"] == person.arn
    iam.delete_access_key(**key)
    assert refusal(sts.get_caller_identity)[:2] == (403, "InvalidClientTokenId")
    iam.delete_user(UserName="bert")


def test_a_secret_is_shown_once_and_not_in_the_data_directory(server: Server, iam: Any) -> None:
    person = Person(server, iam, "cora")
    shown = iam.list_access_keys(UserName="cora")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in shown] == [person.key["AccessKeyId"]]
    assert "SecretAccessKey" not in shown[0]
    secret = person.key["SecretAccessKey"].encode()
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    assert not any(secret in path.read_bytes() for path in files)
    iam.create_access_key(UserName="cora")
    assert code_of(iam.create_access_key, UserName="cora") == "LimitExceeded"


def test_the_encoded_message_says_why_to_those_who_may_know(server: Server, iam: Any) -> None:
    person = Person(server, iam, "dora")
    deny = {"Sid": "No", "Effect": "Deny", "Action": "ec2:DeleteVpc", "Resource": "*"}
    person.allow({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}, deny)
    message = refusal(person.client().delete_vpc, VpcId="vpc-0123456789abcdef0")[2]
    assert "with an explicit deny in an identity-based policy" in message
    encoded = message.rpartition(" ")[2]
    own = person.client("sts")
    assert code_of(own.decode_authorization_message, EncodedMessage=encoded) == "AccessDenied"
    root = server.client("sts")
    decoded = json.loads(
        root.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"]
    )
    assert decoded["explicitDeny"] is True
    assert decoded["matchedStatements"]["items"][0]["statementId"] == "No"
    assert decoded["context"]["action"] == "ec2:DeleteVpc"
    assert decoded["context"]["resource"].endswith(":vpc/vpc-0123456789abcdef0")
    wrong = {"EncodedMessage": encoded[:-2]}
    code = "InvalidAuthorizationMessageException"
    assert code_of(root.decode_authorization_message, **wrong) == code


def test_tags_decide_who_may_delete_what(server: Server, iam: Any) -> None:
    person = Person(server, iam, "emil")
    own = {"StringEquals": {"aws:ResourceTag/owner": "${aws:username}"}}
    tagged = {"StringEquals": {"aws:RequestTag/owner": "${aws:username}"}}
    person.allow(
        {"Effect": "Allow", "Action": "ec2:DeleteVpc", "Resource": "*", "Condition": own},
        {
            "Effect": "Allow",
            "Action": ["ec2:CreateVpc", "ec2:CreateTags"],
            "Resource": "arn:aws:ec2:*:*:vpc/*",
            "Condition": tagged,
        },
    )
    ec2 = person.client()

    def tags(owner: str) -> list[dict[str, Any]]:
        return [{"ResourceType": "vpc", "Tags": [{"Key": "owner", "Value": owner}]}]

    cidr = {"CidrBlock": "10.9.0.0/16"}
    assert code_of(ec2.create_vpc, **cidr) == "UnauthorizedOperation"
    foreign = {**cidr, "TagSpecifications": tags("fred")}
    assert code_of(ec2.create_vpc, **foreign) == "UnauthorizedOperation"
    mine = ec2.create_vpc(**cidr, TagSpecifications=tags("emil"))["Vpc"]["VpcId"]
    others = server.client().create_vpc(**foreign)["Vpc"]["VpcId"]
    assert code_of(ec2.delete_vpc, VpcId=others) == "UnauthorizedOperation"
    assert code_of(ec2.delete_vpc, VpcId=mine, DryRun=True) == "DryRunOperation"
    ec2.delete_vpc(VpcId=mine)


def test_a_role_is_assumed_by_whom_it_trusts(server: Server, iam: Any, account: str) -> None:
    person = Person(server, iam, "gina")
    role = iam.create_role(
        RoleName="reader", AssumeRolePolicyDocument=trust(person.arn), MaxSessionDuration=7200
    )["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": [person.arn]}
    iam.put_role_policy(RoleName="reader", PolicyName="look", PolicyDocument=document(LOOK))
    sts = person.client("sts")
    who = {"RoleArn": role["Arn"], "RoleSessionName": "s1"}
    assert code_of(sts.assume_role, **who, DurationSeconds=7201) == "ValidationError"
    answer = sts.assume_role(**who, DurationSeconds=7200)
    arn = f"arn:aws:sts::{account}:assumed-role/reader/s1"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    credentials = answer["Credentials"]
    session = with_session(server, credentials, "sts").get_caller_identity()
    assert session["Arn"] == arn
    assert session["UserId"] == f"{role['RoleId']}:s1"
    ec2 = with_session(server, credentials)
    assert "Vpcs" in ec2.describe_vpcs()
    assert code_of(ec2.create_vpc, CidrBlock="10.0.0.0/16") == "UnauthorizedOperation"
    only_tables = document({**LOOK, "Action": "ec2:DescribeRouteTables"})
    narrow = sts.assume_role(**who, Policy=only_tables)["Credentials"]
    assert "RouteTables" in with_session(server, narrow).describe_route_tables()
    assert code_of(with_session(server, narrow).describe_vpcs) == "UnauthorizedOperation"
    # A token belongs to its key, and a key of this kind needs one.
    mixed = {**credentials, "SessionToken": narrow["SessionToken"]}
    assert refusal(with_session(server, mixed).describe_vpcs)[:2] == (401, "AuthFailure")
    bare = {**credentials, "SessionToken": None}
    refused = refusal(with_session(server, bare, "sts").get_caller_identity)
    assert refused[:2] == (403, "InvalidClientTokenId")
    # Rights end with the policy, sessions with the role.
    iam.delete_role_policy(RoleName="reader", PolicyName="look")
    assert code_of(ec2.describe_vpcs) == "UnauthorizedOperation"
    iam.delete_role(RoleName="reader")
    assert refusal(ec2.describe_vpcs)[:2] == (401, "AuthFailure")


def test_a_role_that_trusts_the_account_leaves_the_choice_to_its_policies(
    server: Server, iam: Any, account: str
) -> None:
    person = Person(server, iam, "hans")
    role = iam.create_role(RoleName="shared", AssumeRolePolicyDocument=trust(account))["Role"]
    who = {"RoleArn": role["Arn"], "RoleSessionName": "s1"}
    assert code_of(person.client("sts").assume_role, **who) == "AccessDenied"
    person.allow({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role["Arn"]})
    assert person.client("sts").assume_role(**who)["Credentials"]
    assert code_of(server.client("sts").assume_role, **who) == "AccessDenied"
    missing = {**who, "RoleArn": f"arn:aws:iam::{account}:role/nobody"}
    assert code_of(person.client("sts").assume_role, **missing) == "AccessDenied"


def test_a_session_of_a_user_has_its_rights_but_not_iam(server: Server, iam: Any) -> None:
    person = Person(server, iam, "ida")
    person.allow(LOOK, {"Effect": "Allow", "Action": "iam:*", "Resource": "*"})
    credentials = person.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    assert "Vpcs" in with_session(server, credentials).describe_vpcs()
    sts = with_session(server, credentials, "sts")
    assert sts.get_caller_identity()["Arn"] == person.arn
    refused = refusal(with_session(server, credentials, "iam").list_users)
    assert refused[:2] == (403, "InvalidClientTokenId")
    assert person.client("iam").list_users()["Users"]


def test_a_boundary_limits_what_policies_give(server: Server, iam: Any) -> None:
    person = Person(server, iam, "jana")
    policy = iam.create_policy(PolicyName="limit", PolicyDocument=document(LOOK))["Policy"]
    iam.put_user_permissions_boundary(UserName="jana", PermissionsBoundary=policy["Arn"])
    iam.attach_user_policy(UserName="jana", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    ec2 = person.client()
    assert "Vpcs" in ec2.describe_vpcs()
    message = refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16")[2]
    assert "because no permissions boundary allows the ec2:CreateVpc action" in message
    assert code_of(iam.delete_policy, PolicyArn=policy["Arn"]) == "DeleteConflict"
    iam.delete_user_permissions_boundary(UserName="jana")
    assert code_of(ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True) == "DryRunOperation"


def test_groups_give_their_members_rights(server: Server, iam: Any) -> None:
    person = Person(server, iam, "karl")
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="look", PolicyDocument=document(LOOK))
    iam.add_user_to_group(GroupName="readers", UserName="karl")
    assert "Vpcs" in person.client().describe_vpcs()
    assert [user["UserName"] for user in iam.get_group(GroupName="readers")["Users"]] == ["karl"]
    assert code_of(iam.delete_group, GroupName="readers") == "DeleteConflict"
    iam.remove_user_from_group(GroupName="readers", UserName="karl")
    assert code_of(person.client().describe_vpcs) == "UnauthorizedOperation"


def test_what_terraform_asks_of_a_user_and_a_policy(server: Server, iam: Any) -> None:
    tags = [{"Key": "team", "Value": "net"}]
    user = iam.create_user(UserName="terry", Path="/ops/", Tags=tags)["User"]
    assert user["Arn"].endswith(":user/ops/terry")
    assert iam.get_user(UserName="terry")["User"]["Tags"] == tags
    text = document(LOOK)
    iam.put_user_policy(UserName="terry", PolicyName="p", PolicyDocument=text)
    shown = iam.get_user_policy(UserName="terry", PolicyName="p")["PolicyDocument"]
    assert shown == json.loads(text)
    assert code_of(iam.get_user_policy, UserName="terry", PolicyName="q") == "NoSuchEntity"
    policy = iam.create_policy(PolicyName="p1", PolicyDocument=text, Tags=tags)["Policy"]
    arn = policy["Arn"]
    changed = document({**LOOK, "Action": "ec2:*"})
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=changed, SetAsDefault=True)
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    got = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
    assert (version, got["Document"]) == ("v2", json.loads(changed))
    iam.attach_user_policy(UserName="terry", PolicyArn=arn)
    attached = iam.list_attached_user_policies(UserName="terry")["AttachedPolicies"]
    assert attached == [{"PolicyName": "p1", "PolicyArn": arn}]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert code_of(iam.delete_user, UserName="terry") == "DeleteConflict"
    iam.detach_user_policy(UserName="terry", PolicyArn=arn)
    iam.delete_user_policy(UserName="terry", PolicyName="p")
    for look in (iam.list_mfa_devices, iam.list_ssh_public_keys, iam.list_groups_for_user):
        look(UserName="terry")
    iam.delete_user(UserName="terry")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    assert code_of(iam.get_policy, PolicyArn=arn) == "NoSuchEntity"
    assert code_of(iam.get_user, UserName="terry") == "NoSuchEntity"


def test_lists_page(iam: Any) -> None:
    for number in range(7):
        iam.create_user(UserName=f"page{number}", Path="/pages/")
    pages = iam.get_paginator("list_users").paginate(
        PathPrefix="/pages/", PaginationConfig={"PageSize": 3}
    )
    sizes = [len(page["Users"]) for page in pages]
    assert sizes == [3, 3, 1]
    assert code_of(iam.list_users, Marker="nonsense") == "ValidationError"


def test_documents_that_are_no_policies_are_refused_with_the_reason(iam: Any) -> None:
    iam.create_user(UserName="wrong")
    for text, reason in (
        ("{", "not JSON"),
        (document({**LOOK, "Effect": "Permit"}), "Effect must be Allow or Deny"),
        (document({**LOOK, "Action": "Describe"}), "the action Describe"),
    ):
        status, code, message = refusal(
            iam.put_user_policy, UserName="wrong", PolicyName="p", PolicyDocument=text
        )
        assert (status, code) == (400, "MalformedPolicyDocument")
        assert reason in message


def test_keys_roles_and_sessions_survive_a_restart(server: Server, iam: Any) -> None:
    person = Person(server, iam, "lena")
    person.allow(LOOK)
    credentials = person.client("sts").get_session_token()["Credentials"]
    server.stop()
    server.start()
    assert "Vpcs" in person.client().describe_vpcs()
    assert "Vpcs" in with_session(server, credentials).describe_vpcs()


def test_every_call_is_in_the_audit_trail(server: Server, iam: Any) -> None:
    person = Person(server, server.client("iam"), "mona")
    code_of(person.client().create_vpc, CidrBlock="10.77.0.0/16")
    path = server.data_dir / "audit.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600

    def lines() -> list[dict[str, Any]]:
        events = [json.loads(line) for line in path.read_text().splitlines()]
        return [each for each in events if each["userIdentity"].get("userName") == "mona"]

    (event,) = eventually("the line", lines, bool)
    assert event["eventName"] == "CreateVpc"
    assert event["eventSource"] == "ec2.amazonaws.com"
    assert event["errorCode"] == "Client.UnauthorizedOperation"
    assert event["requestParameters"] == {"cidrBlock": "10.77.0.0/16"}
    assert event["userIdentity"]["arn"] == person.arn
    assert event["sourceIPAddress"] == "127.0.0.1"
    assert "Boto3" in event["userAgent"] or "Botocore" in event["userAgent"]
