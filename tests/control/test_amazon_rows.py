"""What is known of Amazon's service, row by row: which values are taken, which quota ends where,
and what each action's permission is about.

The order of calls is in `test_amazon_order.py`; the rows that need real sessions or a real client
are in `tests/contract`.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from routeserver.control.policy import AMAZON, Policy, Quotas
from routeserver.control.registry import EC2
from routeserver.ec2 import iam_actions
from routeserver.ec2.model import operation
from tests.control.built import OK, Built, code, create_peer, server_with_endpoint
from tests.control.cloud import Cloud


def server(**params: Any) -> tuple[str, dict[str, Any]]:
    return "CreateRouteServer", {"AmazonSideAsn": 65000, **params}


def peer(**params: Any) -> tuple[str, dict[str, Any]]:
    options = {"PeerAsn": 65001, **params.pop("BgpOptions", {})}
    return "CreateRouteServerPeer", {"PeerAddress": "10.0.1.9", **params, "BgpOptions": options}


def tags(kind: str, count: int = 1, value: str = "v") -> list[dict[str, Any]]:
    return [
        {"ResourceType": kind, "Tags": [{"Key": f"k{n}", "Value": value} for n in range(count)]}
    ]


VALUE: Final = "InvalidParameterValue"

VALUES: Final[dict[str, tuple[tuple[str, dict[str, Any]], str]]] = {
    "the least ASN": (server(AmazonSideAsn=1), OK),
    "the greatest ASN": (server(AmazonSideAsn=4294967295), OK),
    "no ASN zero": (server(AmazonSideAsn=0), VALUE),
    "no ASN of more than 32 bits": (server(AmazonSideAsn=4294967296), VALUE),
    "an ASN need not be private": (server(AmazonSideAsn=15169), OK),
    "the shortest duration": (server(PersistRoutes="enable", PersistRoutesDuration=1), OK),
    "the longest duration": (server(PersistRoutes="enable", PersistRoutesDuration=5), OK),
    "no duration of nothing": (server(PersistRoutes="enable", PersistRoutesDuration=0), VALUE),
    "no duration of six minutes": (server(PersistRoutes="enable", PersistRoutesDuration=6), VALUE),
    "no duration without enable": (
        server(PersistRoutesDuration=2),
        "InvalidParameterCombination",
    ),
    "no duration with disable": (
        server(PersistRoutes="disable", PersistRoutesDuration=2),
        "InvalidParameterCombination",
    ),
    "nothing to reset at birth": (server(PersistRoutes="reset"), VALUE),
    "disabled at birth": (server(PersistRoutes="disable"), OK),
    "tags at birth": (server(TagSpecifications=tags("route-server")), OK),
    "fifty tags": (server(TagSpecifications=tags("route-server", 50)), OK),
    "not fifty-one": (server(TagSpecifications=tags("route-server", 51)), "TagLimitExceeded"),
    "a tag of 256 characters": (server(TagSpecifications=tags("route-server", 1, "x" * 256)), OK),
    "not of 257": (server(TagSpecifications=tags("route-server", 1, "x" * 257)), VALUE),
    "no tags for another kind": (server(TagSpecifications=tags("vpc")), VALUE),
    "the peer's least ASN": (peer(BgpOptions={"PeerAsn": 1}), OK),
    "the peer's greatest ASN": (peer(BgpOptions={"PeerAsn": 4294967295}), OK),
    "no peer's ASN zero": (peer(BgpOptions={"PeerAsn": 0}), VALUE),
    "no peer's ASN of more than 32 bits": (peer(BgpOptions={"PeerAsn": 4294967296}), VALUE),
    "a peer of the same AS": (peer(BgpOptions={"PeerAsn": 65000}), OK),
    "a peer's address outside the VPC": (peer(PeerAddress="172.31.9.9"), OK),
    "no peer's address of IPv6": (peer(PeerAddress="2001:db8::1"), VALUE),
    "no peer's address that is a name": (peer(PeerAddress="router.example"), VALUE),
    "no peer's address with a length": (peer(PeerAddress="10.0.1.9/32"), VALUE),
    "no peer's address of a group": (peer(PeerAddress="224.0.0.5"), VALUE),
    "no peer's address of nobody": (peer(PeerAddress="0.0.0.0"), VALUE),  # noqa: S104
}


@pytest.mark.parametrize("fact", VALUES)
async def test_the_values_that_are_taken(cloud: Cloud, fact: str) -> None:
    (action, params), wanted = VALUES[fact]
    if action == "CreateRouteServerPeer":
        _, endpoint_id = await server_with_endpoint(cloud)
        params = {"RouteServerEndpointId": endpoint_id, **params}
    assert await code(cloud, action, **params) == wanted


async def test_a_peer_lives_by_bgp_unless_it_asks_for_bfd(cloud: Cloud) -> None:
    _, endpoint_id = await server_with_endpoint(cloud)
    for address, options, liveness in (
        ("10.0.1.20", {}, "bgp-keepalive"),
        ("10.0.1.21", {"PeerLivenessDetection": "bgp-keepalive"}, "bgp-keepalive"),
        ("10.0.1.22", {"PeerLivenessDetection": "bfd"}, "bfd"),
    ):
        peer_id = await create_peer(cloud, endpoint_id, address, **options)
        (shown,) = (await cloud("DescribeRouteServerPeers", RouteServerPeerIds=[peer_id]))[
            "RouteServerPeers"
        ]
        assert shown["BgpOptions"]["PeerLivenessDetection"] == liveness
        assert ("BfdStatus" in shown) == (liveness == "bfd")
        assert shown["BgpStatus"] == {"Status": "down"}


async def test_a_repetition_of_an_endpoint_makes_nothing(cloud: Cloud) -> None:
    built = await Built(cloud).build(with_peer=False, with_propagation=False)
    once = {"RouteServerId": built.rs, "SubnetId": built.subnet, "ClientToken": "once"}
    first = await cloud("CreateRouteServerEndpoint", **once)
    assert await cloud("CreateRouteServerEndpoint", **once) == first
    other = await cloud.subnet(built.vpc, "10.0.2.0/24")
    changed = {**once, "SubnetId": other}
    assert await code(cloud, "CreateRouteServerEndpoint", **changed) == (
        "IdempotentParameterMismatch"
    )


def test_two_operations_take_a_token() -> None:
    inputs = {name: operation("ec2", name) for name in EC2 if "RouteServer" in name}
    having = {
        name
        for name, modelled in inputs.items()
        if modelled and modelled.input
        if any(member.name == "ClientToken" for member in modelled.input.members)
    }
    assert having == {"CreateRouteServer", "CreateRouteServerEndpoint"}


# --- quotas ---------------------------------------------------------------------------------------

QUOTAS: Final = {
    "route servers per VPC": (AMAZON.route_servers_per_vpc, 5),
    "endpoints per route server": (AMAZON.endpoints_per_route_server, 10),
    "endpoints per route server and subnet": (AMAZON.endpoints_per_route_server_and_subnet, 2),
    "peering sessions per network interface": (AMAZON.peers_per_endpoint, 20),
    "routes advertised per peer": (AMAZON.routes_per_peer, 100),
    "routes in a FIB": (AMAZON.routes_per_fib, 100),
    "propagated routes per route table": (AMAZON.propagated_routes_per_table, 100),
    "static routes per route table": (AMAZON.static_routes_per_table, 500),
    "route tables per VPC": (AMAZON.route_tables_per_vpc, 200),
    "rules per security group": (AMAZON.rules_per_security_group, 60),
}


@pytest.mark.parametrize("quota", QUOTAS)
def test_the_quotas_are_amazons(quota: str) -> None:
    ours, amazons = QUOTAS[quota]
    assert ours == amazons


async def test_a_limit_says_what_it_is_and_how_many(cloud: Cloud) -> None:
    """The twenty-first peer, the eleventh endpoint and so on, with quotas of one."""
    built = await Built(cloud).build(with_peer=True, with_propagation=False)
    one = Quotas(
        endpoints_per_route_server=1,
        peers_per_endpoint=1,
        static_routes_per_table=1,
        route_tables_per_vpc=1,
        security_groups_per_region=1,
        network_acls_per_vpc=1,
        entries_per_prefix_list=1,
    )
    small = Cloud(cloud.store, Policy(quotas=one))
    gateway_id = await cloud.attached_gateway(built.vpc)
    route = {"RouteTableId": built.table, "GatewayId": gateway_id}
    await cloud("CreateRoute", **route, DestinationCidrBlock="192.0.2.0/24")
    group = {"GroupName": "x", "Description": "x", "VpcId": built.vpc}
    lists = {"PrefixListName": "x", "AddressFamily": "IPv4"}
    for action, params, wanted in (
        (
            "CreateRouteServerEndpoint",
            built.params("CreateRouteServerEndpoint"),
            "RouteServerEndpointLimitExceeded",
        ),
        (
            "CreateRouteServerPeer",
            built.params("CreateRouteServerPeer"),
            "RouteServerPeerLimitExceeded",
        ),
        ("CreateRoute", {**route, "DestinationCidrBlock": "198.51.100.0/24"}, "RouteLimitExceeded"),
        ("CreateRouteTable", {"VpcId": built.vpc}, "RouteTableLimitExceeded"),
        ("CreateSecurityGroup", group, "SecurityGroupLimitExceeded"),
        ("CreateNetworkAcl", {"VpcId": built.vpc}, "NetworkAclLimitExceeded"),
        ("CreateManagedPrefixList", {**lists, "MaxEntries": 2}, VALUE),
    ):
        refusal = await small.refused(action, **params)
        assert refusal.code == wanted, refusal
        assert "1" in refusal.message
    # IPv4 and IPv6 are counted apart.
    await small("CreateRoute", **route, DestinationIpv6CidrBlock="2001:db8::/32")


async def test_five_route_servers_serve_a_vpc(cloud: Cloud) -> None:
    vpc_id = await cloud.vpc()
    codes = []
    for _ in range(6):
        made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
        server_id = made["RouteServer"]["RouteServerId"]
        await cloud.make_available(server_id)
        link = {"RouteServerId": server_id, "VpcId": vpc_id}
        codes.append(await code(cloud, "AssociateRouteServer", **link))
    assert codes == [OK] * 5 + ["RouteServerLimitExceeded"]


# --- what each permission is about ----------------------------------------------------------------

ABOUT: Final[dict[str, set[str]]] = {
    "CreateRouteServer": {"route-server"},
    "CreateRouteServerEndpoint": {"route-server", "route-server-endpoint", "subnet"},
    "CreateRouteServerPeer": {"route-server-endpoint", "route-server-peer"},
    "AssociateRouteServer": {"route-server", "vpc"},
    "DisassociateRouteServer": {"route-server", "vpc"},
    "EnableRouteServerPropagation": {"route-server", "route-table"},
    "DisableRouteServerPropagation": {"route-server", "route-table"},
    "GetRouteServerPropagations": {"route-server", "route-table"},
    "GetRouteServerAssociations": {"route-server"},
    "GetRouteServerRoutingDatabase": {"route-server"},
    "ModifyRouteServer": {"route-server"},
    "DeleteRouteServer": {"route-server"},
    "DeleteRouteServerEndpoint": {"route-server-endpoint"},
    "DeleteRouteServerPeer": {"route-server-peer"},
    "DescribeRouteServers": set(),
    "DescribeRouteServerEndpoints": set(),
    "DescribeRouteServerPeers": set(),
}
"""Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2"."""


def test_the_seventeen_are_all_here() -> None:
    assert set(ABOUT) == {name for name in EC2 if "RouteServer" in name}
    assert len(ABOUT) == 17


@pytest.mark.parametrize("action", ABOUT)
def test_a_permission_is_about_these_resource_types(action: str) -> None:
    assert {target.type for target in iam_actions.targets(action)} == ABOUT[action]
