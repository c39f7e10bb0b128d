"""The condition keys of route servers, endpoints, peers and what they stand in: each holds where it
is true and nowhere else (Service Authorization Reference, "Condition keys for Amazon EC2")."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.control.access.test_authorizer import allow, anna, code
from tests.control.built import Built
from tests.control.cloud import ACCOUNT, REGION, Cloud

ARN: Final = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
TAGS: Final = [{"Key": "team", "Value": "net"}]


@pytest.fixture
async def built(cloud: Cloud) -> Built:
    made = await Built(cloud).build(with_peer=True, with_propagation=False)
    everything = [made.rs, made.rse, made.rsp, made.vpc, made.subnet, made.table]
    await cloud("CreateTags", Resources=everything, Tags=TAGS)
    return made


DELETES: Final = ("DeleteRouteServer", "DeleteRouteServerEndpoint", "DeleteRouteServerPeer")
LIES_IN_A_ZONE: Final = DELETES[1:]
MAKES: Final = ("CreateRouteServerEndpoint", "CreateRouteServerPeer")
OK, NO = "OK", "UnauthorizedOperation"


async def judged(cloud: Cloud, built: Built, action: str, **condition: Any) -> str:
    statement = allow(f"ec2:{action}", "*", **condition)
    return await code(cloud, anna(statement), action, **built.params(action))


@pytest.mark.parametrize("action", DELETES)
@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"StringEquals": {"aws:ResourceTag/team": "net"}}, OK),
        ({"StringEquals": {"ec2:ResourceTag/team": "net"}}, OK),
        ({"StringEquals": {"aws:ResourceTag/team": "web"}}, NO),
        ({"StringEquals": {"ec2:ResourceTag/other": "net"}}, NO),
        ({"StringEquals": {"ec2:Region": REGION}}, OK),
        ({"StringEquals": {"ec2:Region": "eu-west-1"}}, NO),
        ({"StringEquals": {"aws:RequestedRegion": REGION}}, OK),
    ],
)
async def test_keys_of_all_three(
    cloud: Cloud, built: Built, action: str, condition: dict[str, Any], wanted: str
) -> None:
    assert await judged(cloud, built, action, **condition) == wanted


@pytest.mark.parametrize("action", LIES_IN_A_ZONE)
async def test_endpoints_and_peers_lie_in_a_zone(cloud: Cloud, built: Built, action: str) -> None:
    for zone, wanted in ((f"{REGION}a", OK), (f"{REGION}b", NO)):
        condition = {"StringEquals": {"ec2:AvailabilityZone": zone}}
        assert await judged(cloud, built, action, **condition) == wanted


@pytest.mark.parametrize("action", MAKES)
async def test_so_do_those_that_are_not_made_yet(cloud: Cloud, built: Built, action: str) -> None:
    kind = "endpoint" if action.endswith("Endpoint") else "peer"
    others = allow(f"ec2:{action}", f"{ARN}:route-server/*")
    places = allow(f"ec2:{action}", f"{ARN}:subnet/*")
    ends = allow(f"ec2:{action}", f"{ARN}:route-server-endpoint/{built.rse}")
    for zone, wanted in ((f"{REGION}a", OK), (f"{REGION}b", NO)):
        condition = {"StringEquals": {"ec2:AvailabilityZone": zone}}
        made = allow(f"ec2:{action}", f"{ARN}:route-server-{kind}/*", **condition)
        statements = [others, places, made] if kind == "endpoint" else [ends, made]
        got = await code(cloud, anna(*statements), action, **built.params(action))
        assert got == wanted


async def test_where_a_subnet_and_a_route_table_lie(cloud: Cloud, built: Built) -> None:
    for action, kind, key, value, wanted in (
        ("CreateRouteServerEndpoint", "subnet", "ec2:Vpc", f"{ARN}:vpc/{built.vpc}", OK),
        ("CreateRouteServerEndpoint", "subnet", "ec2:Vpc", f"{ARN}:vpc/vpc-0", NO),
        ("CreateRouteServerEndpoint", "subnet", "ec2:SubnetID", built.subnet, OK),
        ("CreateRouteServerEndpoint", "subnet", "ec2:AvailabilityZone", f"{REGION}a", OK),
        ("CreateRouteServerEndpoint", "subnet", "ec2:AvailabilityZone", f"{REGION}c", NO),
        ("EnableRouteServerPropagation", "route-table", "ec2:RouteTableID", built.table, OK),
        ("EnableRouteServerPropagation", "route-table", "ec2:RouteTableID", "rtb-0", NO),
        ("EnableRouteServerPropagation", "route-table", "ec2:Vpc", f"{ARN}:vpc/{built.vpc}", OK),
        ("AssociateRouteServer", "vpc", "ec2:VpcID", built.vpc, OK),
        ("AssociateRouteServer", "vpc", "ec2:Tenancy", "default", OK),
        ("AssociateRouteServer", "vpc", "ec2:Tenancy", "dedicated", NO),
    ):
        rest = allow(f"ec2:{action}", f"{ARN}:route-server*")
        condition = {"StringEquals": {key: value}}
        place = allow(f"ec2:{action}", f"{ARN}:{kind}/*", **condition)
        got = await code(cloud, anna(rest, place), action, **built.params(action))
        assert got == wanted, (action, key, value)


async def test_the_tags_that_are_asked_for(cloud: Cloud) -> None:
    given = [{"ResourceType": "route-server", "Tags": TAGS}]
    params: dict[str, Any] = {"AmazonSideAsn": 65000, "TagSpecifications": given}
    for condition, wanted in (
        ({"StringEquals": {"aws:RequestTag/team": "net"}}, OK),
        ({"StringEquals": {"aws:RequestTag/team": "web"}}, NO),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}, OK),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["Name"]}}, NO),
    ):
        person = anna(allow("ec2:*", "*", **condition))
        assert await code(cloud, person, "CreateRouteServer", **params) == wanted, condition
