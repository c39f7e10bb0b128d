"""Who may do what to which resource, on a store with real ones."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from routeserver.control.access.authorizer import Authorizer
from routeserver.control.access.principal import Principal, PrincipalKind, SessionFacts
from routeserver.control.registry import OPERATIONS
from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.ec2.iam_evaluate import Policies
from routeserver.ec2.iam_policy import parse
from routeserver.store.seal import Seal
from tests.control.cloud import ACCOUNT, REGION, Cloud

SEAL = Seal(b"k" * 32, os.urandom)
NOW = 1_800_000_000.0


def anna(*statements: dict[str, Any], session: SessionFacts | None = None) -> Principal:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return Principal(
        kind=PrincipalKind.USER,
        account_id=ACCOUNT,
        arn=f"arn:aws:iam::{ACCOUNT}:user/anna",
        user_id="AIDA1",
        name="anna",
        policies=Policies((parse(document),) if statements else ()),
        tags={"team": "net"},
        session=session,
    )


def allow(action: str = "ec2:*", resource: str = "*", **condition: Any) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


async def code(
    cloud: Cloud, principal: Principal, action: str, service: str = "ec2", **params: Any
) -> str:
    request = ApiRequest(
        service=service,
        action=action,
        params=params,
        account_id=ACCOUNT,
        principal_arn=principal.arn,
        user_id=principal.user_id,
        region=REGION,
        request_id="request",
        principal=principal,
        source_ip="192.0.2.7",
    )
    try:
        await Authorizer(cloud.store, SEAL).check(request, NOW)
    except Refusal as refusal:
        return refusal.code
    return "OK"


@pytest.mark.parametrize("action", sorted(OPERATIONS["ec2"]))
async def test_nothing_is_permitted_to_who_has_no_policy(cloud: Cloud, action: str) -> None:
    assert await code(cloud, anna(), action) == "UnauthorizedOperation"


@pytest.mark.parametrize("action", sorted(OPERATIONS["ec2"]))
async def test_everything_is_permitted_to_who_may_everything(cloud: Cloud, action: str) -> None:
    assert await code(cloud, anna(allow()), action) == "OK"


async def test_each_resource_of_a_request_must_be_permitted(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    made = allow("ec2:CreateSubnet", "arn:aws:ec2:*:*:subnet/*")
    place = allow("ec2:CreateSubnet", f"arn:aws:ec2:*:*:vpc/{vpc_id}")
    params: dict[str, Any] = {"VpcId": vpc_id, "CidrBlock": "10.0.1.0/24"}
    assert await code(cloud, anna(made), "CreateSubnet", **params) == "UnauthorizedOperation"
    assert await code(cloud, anna(place), "CreateSubnet", **params) == "UnauthorizedOperation"
    assert await code(cloud, anna(made, place), "CreateSubnet", **params) == "OK"


async def test_a_resource_is_known_by_its_tags_vpc_and_zone(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id = await cloud.subnet(vpc_id)
    await cloud("CreateTags", Resources=[subnet_id], Tags=[{"Key": "team", "Value": "net"}])
    vpc_arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{vpc_id}"
    delete = {"SubnetId": subnet_id}
    for condition, wanted in (
        ({"StringEquals": {"ec2:ResourceTag/team": "net"}}, "OK"),
        ({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, "OK"),
        ({"StringEquals": {"aws:ResourceTag/team": "web"}}, "UnauthorizedOperation"),
        ({"ArnEquals": {"ec2:Vpc": vpc_arn}}, "OK"),
        ({"ArnEquals": {"ec2:Vpc": vpc_arn + "0"}}, "UnauthorizedOperation"),
        ({"StringLike": {"ec2:AvailabilityZone": f"{REGION}?"}}, "OK"),
        ({"StringEquals": {"ec2:SubnetID": subnet_id}}, "OK"),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, "OK"),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, "UnauthorizedOperation"),
        ({"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, "UnauthorizedOperation"),
    ):
        person = anna(allow("ec2:DeleteSubnet", "*", **condition))
        assert await code(cloud, person, "DeleteSubnet", **delete) == wanted, condition


async def test_an_association_stands_for_its_route_table(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    subnet_id, table_id = await cloud.subnet(vpc_id), await cloud.table(vpc_id)
    link = (await cloud("AssociateRouteTable", RouteTableId=table_id, SubnetId=subnet_id))[
        "AssociationId"
    ]
    action = "DisassociateRouteTable"
    mine = anna(allow(f"ec2:{action}", f"arn:aws:ec2:*:*:route-table/{table_id}"))
    others = anna(allow(f"ec2:{action}", "arn:aws:ec2:*:*:route-table/rtb-0"))
    assert await code(cloud, mine, action, AssociationId=link) == "OK"
    assert await code(cloud, others, action, AssociationId=link) == "UnauthorizedOperation"
    assert await code(cloud, mine, action, AssociationId="rtbassoc-0") == "UnauthorizedOperation"


async def test_tagging_at_birth_is_a_permission_of_its_own(cloud: Cloud) -> None:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]
    params: dict[str, Any] = {"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags}
    create = allow("ec2:CreateVpc")
    born = allow("ec2:CreateTags", "*", StringEquals={"ec2:CreateAction": "CreateVpc"})
    assert await code(cloud, anna(create), "CreateVpc", **params) == "UnauthorizedOperation"
    assert await code(cloud, anna(create, born), "CreateVpc", **params) == "OK"
    later: dict[str, Any] = {"Resources": ["vpc-0"], "Tags": [{"Key": "a", "Value": "b"}]}
    assert await code(cloud, anna(create, born), "CreateTags", **later) == "UnauthorizedOperation"


async def test_iam_and_sts_are_refused_in_their_own_words(cloud: Cloud) -> None:
    user = {"UserName": "bert"}
    assert await code(cloud, anna(), "DeleteUser", "iam", **user) == "AccessDenied"
    own = anna(allow("iam:*", f"arn:aws:iam::{ACCOUNT}:user/bert"))
    assert await code(cloud, own, "DeleteUser", "iam", **user) == "OK"
    assert await code(cloud, own, "DeleteUser", "iam", UserName="cora") == "AccessDenied"
    assert await code(cloud, anna(), "DecodeAuthorizationMessage", "sts") == "AccessDenied"
    assert await code(cloud, anna(), "GetCallerIdentity", "sts") == "OK"
    session = SessionFacts(NOW, NOW + 1, "arn", "AIDA1", "anna")
    person = anna(allow("*"), session=session)
    assert await code(cloud, person, "ListUsers", "iam") == "InvalidClientTokenId"
    assert await code(cloud, person, "DescribeVpcs") == "OK"
