"""Route servers below the wire: what profiles filter by, what is forgotten and when, what endpoints
leave in the account, and how the routing database is looked into."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from typing import Any

import pytest

from routeserver.control.endpoint_network import release_endpoint_interface
from routeserver.control.observed import RouteView
from routeserver.control.policy import Policy, Quotas
from routeserver.control.purge import purge
from routeserver.domain.resources import (
    NetworkInterface,
    PeerState,
    RouteServer,
    RouteServerPeer,
    RouteServerState,
)
from routeserver.ec2.faults import Fault
from routeserver.net.path import Origin, PathAttributes
from routeserver.net.prefix import parse_prefix
from tests.control.built import create_peer, server_with_endpoint
from tests.control.cloud import Cloud

DESCRIBES = ("DescribeRouteServers", "DescribeRouteServerEndpoints", "DescribeRouteServerPeers")


# --- what profiles filter by --------------------------------------------------------------------


@pytest.mark.parametrize("action", DESCRIBES)
async def test_amazon_filters_by_tags_alone(cloud: Cloud, action: str) -> None:
    await server_with_endpoint(cloud)
    for name in ("route-server-id", "subnet-id", "state"):
        with pytest.raises(Fault, match=f"The filter '{name}' is invalid"):
            await cloud(action, Filters=[{"Name": name, "Values": ["*"]}])
    by_tag = [{"Name": "tag:Name", "Values": ["x*"]}, {"Name": "tag-key", "Values": ["Name"]}]
    (found,) = (await cloud(action, Filters=by_tag)).values()
    assert found == []


async def test_the_open_profile_filters_by_what_is_obviously_missing(cloud: Cloud) -> None:
    server_id, endpoint_id = await server_with_endpoint(cloud)
    wide = Cloud(cloud.store, Policy(profile="open"))
    peer_id = await create_peer(wide, endpoint_id, "10.0.1.20")
    for action, name, value, expected in [
        ("DescribeRouteServers", "route-server-id", server_id[:6] + "*", 1),
        ("DescribeRouteServers", "state", "available", 1),
        ("DescribeRouteServers", "amazon-side-asn", "65001", 0),
        ("DescribeRouteServerEndpoints", "route-server-id", server_id, 1),
        ("DescribeRouteServerEndpoints", "subnet-id", "subnet-0", 0),
        ("DescribeRouteServerPeers", "route-server-endpoint-id", endpoint_id, 1),
        ("DescribeRouteServerPeers", "route-server-peer-id", peer_id, 1),
        ("DescribeRouteServerPeers", "peer-address", "10.0.1.2?", 1),
    ]:
        (found,) = (await wide(action, Filters=[{"Name": name, "Values": [value]}])).values()
        assert len(found) == expected, (action, name)


# --- what an endpoint has in the account --------------------------------------------------------


async def test_an_endpoint_s_group_lets_its_peers_in(cloud: Cloud) -> None:
    _, endpoint_id = await server_with_endpoint(cloud)
    (interface,) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    (group,) = interface["Groups"]
    assert group["GroupName"] == f"route-server-endpoint-{endpoint_id}"

    async def let_in() -> set[tuple[str, int, str]]:
        ask: dict[str, Any] = {"Filters": [{"Name": "group-id", "Values": [group["GroupId"]]}]}
        rules = (await cloud("DescribeSecurityGroupRules", **ask))["SecurityGroupRules"]
        return {
            (rule["IpProtocol"], rule["FromPort"], rule["CidrIpv4"])
            for rule in rules
            if not rule["IsEgress"]
        }

    assert await let_in() == set()
    peer_id = await create_peer(cloud, endpoint_id, "10.0.1.20", PeerLivenessDetection="bfd")
    await create_peer(cloud, endpoint_id, "10.0.1.21")
    assert await let_in() == {
        ("tcp", 179, "10.0.1.20/32"),
        ("udp", 3784, "10.0.1.20/32"),
        ("tcp", 179, "10.0.1.21/32"),
    }
    async with cloud.store.write() as tx:
        for peer in await tx.list(RouteServerPeer):
            await tx.advance(peer, PeerState.AVAILABLE)
    await cloud("DeleteRouteServerPeer", RouteServerPeerId=peer_id)
    assert await let_in() == {("tcp", 179, "10.0.1.21/32")}
    refusal = await cloud.refused("DeleteSecurityGroup", GroupId=group["GroupId"])
    assert refusal.code == "DependencyViolation"


@pytest.mark.parametrize("used", [False, True])
async def test_an_endpoint_s_group_goes_with_it_unless_it_is_used(cloud: Cloud, used: bool) -> None:
    await server_with_endpoint(cloud)
    (managed,) = (await cloud("DescribeNetworkInterfaces"))["NetworkInterfaces"]
    if used:
        await cloud.interface(managed["SubnetId"], Groups=[managed["Groups"][0]["GroupId"]])
    async with cloud.store.write() as tx:
        interface = await tx.get(NetworkInterface, managed["NetworkInterfaceId"])
        assert interface is not None
        await release_endpoint_interface(tx, interface)
    groups = (await cloud("DescribeSecurityGroups"))["SecurityGroups"]
    assert len(groups) == (2 if used else 1)


# --- what was deleted ---------------------------------------------------------------------------


async def test_what_was_deleted_is_forgotten_on_demand(cloud: Cloud) -> None:
    ids = []
    for number in range(3):
        made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
        ids.append(made["RouteServer"]["RouteServerId"])
        async with cloud.store.write(cloud.scope) as tx:
            server = await tx.get(RouteServer, ids[-1])
            assert server is not None
            if number:
                at = 100.0 * number
                await tx.update(server, state=RouteServerState.DELETED, deleted_at=at)
    assert len((await cloud("DescribeRouteServers"))["RouteServers"]) == 3
    async with cloud.store.write() as tx:
        assert (await purge(tx, deleted_before=200.0))["route-server"] == 1
    async with cloud.store.write() as tx:
        assert await purge(tx) == {
            "route-server-peer": 0,
            "route-server-endpoint": 0,
            "route-server": 1,
            "instance": 0,
        }
    (left,) = (await cloud("DescribeRouteServers"))["RouteServers"]
    assert left["RouteServerId"] == ids[0]
    refusal = await cloud.refused("DeleteRouteServer", RouteServerId=ids[1])
    assert refusal.code == "InvalidRouteServerId.NotFound"


async def test_purging_one_account_leaves_the_others(cloud: Cloud) -> None:
    made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
    async with cloud.store.write(cloud.scope) as tx:
        server = await tx.get(RouteServer, made["RouteServer"]["RouteServerId"])
        assert server is not None
        await tx.update(server, state=RouteServerState.DELETED, deleted_at=1.0)
    other = Cloud(cloud.store, account="444455556666")
    async with cloud.store.write(other.scope) as tx:
        assert (await purge(tx))["route-server"] == 0
    assert len((await cloud("DescribeRouteServers"))["RouteServers"]) == 1


# --- quotas -------------------------------------------------------------------------------------


async def test_every_quota_of_route_servers_has_a_limit_error(cloud: Cloud) -> None:
    server_id, endpoint_id = await server_with_endpoint(cloud)
    none = Quotas(route_servers_per_vpc=1, endpoints_per_route_server=1, peers_per_endpoint=0)
    small = Cloud(cloud.store, Policy(quotas=none))
    (subnet,) = (await cloud("DescribeSubnets"))["Subnets"]
    cases: list[tuple[str, dict[str, Any], str]] = [
        (
            "CreateRouteServerEndpoint",
            {"RouteServerId": server_id, "SubnetId": subnet["SubnetId"]},
            "RouteServerEndpointLimitExceeded",
        ),
        (
            "CreateRouteServerPeer",
            {
                "RouteServerEndpointId": endpoint_id,
                "PeerAddress": "10.0.1.9",
                "BgpOptions": {"PeerAsn": 65001},
            },
            "RouteServerPeerLimitExceeded",
        ),
    ]
    other = await cloud("CreateRouteServer", AmazonSideAsn=65000)
    await cloud.make_available(other["RouteServer"]["RouteServerId"])
    link = {"RouteServerId": other["RouteServer"]["RouteServerId"], "VpcId": subnet["VpcId"]}
    cases.append(("AssociateRouteServer", link, "RouteServerLimitExceeded"))
    for action, params, code in cases:
        refusal = await small.refused(action, **params)
        assert refusal.code == code
        assert "limit" in refusal.message


# --- the routing database -----------------------------------------------------------------------


def view(prefix: str, peer_id: str, *, in_fib: bool = True) -> RouteView:
    return RouteView(
        prefix=parse_prefix(prefix),
        endpoint_id="rse-1",
        peer_id=peer_id,
        attributes=PathAttributes(Origin.IGP, (), IPv4Address("10.0.1.20")),
        in_fib=in_fib,
        installations=(),
    )


async def test_what_can_be_looked_up_is_not_looked_for(cloud: Cloud) -> None:
    made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
    this = {"RouteServerId": made["RouteServer"]["RouteServerId"]}
    cloud.world.database = [
        view("10.8.0.0/16", "rsp-1"),
        view("10.8.0.0/16", "rsp-2", in_fib=False),
        view("10.9.0.0/16", "rsp-1"),
    ]

    async def found(**filters: list[str]) -> list[tuple[str, str]]:
        given = [{"Name": n.replace("_", "-"), "Values": v} for n, v in filters.items()]
        answer = await cloud("GetRouteServerRoutingDatabase", **this, Filters=given)
        return [(route["Prefix"], route["RouteServerPeerId"]) for route in answer["Routes"]]

    eight = parse_prefix("10.8.0.0/16")
    assert await found(prefix=["10.8.0.0/16", "nonsense"]) == [
        ("10.8.0.0/16", "rsp-1"),
        ("10.8.0.0/16", "rsp-2"),
    ]
    assert cloud.world.looked_for.pop() == ({eight}, None)
    assert await found(route_server_peer_id=["rsp-1"]) == [
        ("10.8.0.0/16", "rsp-1"),
        ("10.9.0.0/16", "rsp-1"),
    ]
    assert cloud.world.looked_for.pop() == (None, {"rsp-1"})
    assert await found(prefix=["10.9.*"]) == [("10.9.0.0/16", "rsp-1")]
    assert cloud.world.looked_for.pop() == (None, None)
    assert await found(route_status=["in-rib"]) == [("10.8.0.0/16", "rsp-2")]
    # Told apart by their text as filters are: host bits are no other way to write a prefix.
    assert await found(prefix=["10.8.0.1/16"]) == []


async def test_a_long_look_lets_others_take_their_turn(cloud: Cloud) -> None:
    made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
    this = {"RouteServerId": made["RouteServer"]["RouteServerId"]}
    cloud.world.database = [view("10.8.0.0/16", "rsp-1")] * 10_000
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    none = [{"Name": "route-server-peer-id", "Values": ["rsp-2"]}]
    answer = await cloud("GetRouteServerRoutingDatabase", **this, Filters=none)
    task.cancel()
    assert answer["Routes"] == []
    assert turns > 10_000 // 512
