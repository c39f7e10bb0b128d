"""Which call is refused in which state: every state of everything that hangs on a route server, by
every call that names it. A call at the wrong time is `IncorrectState`, as Amazon's service has it.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    PeerState,
    PersistState,
    PropagationState,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteServerPropagation,
    RouteServerState,
)
from tests.control.built import OK, Built, code
from tests.control.cloud import Cloud

BAD_TIME: Final = "IncorrectState"

ON_SERVER: Final = (
    "ModifyRouteServer",
    "AssociateRouteServer",
    "DisassociateRouteServer",
    "GetRouteServerAssociations",
    "CreateRouteServerEndpoint",
    "CreateRouteServerPeer",
    "EnableRouteServerPropagation",
    "DisableRouteServerPropagation",
    "GetRouteServerPropagations",
    "GetRouteServerRoutingDatabase",
)
READS: Final = frozenset(name for name in ON_SERVER if name.startswith("Get"))
TAKES_AWAY: Final = frozenset({"DisassociateRouteServer", "DisableRouteServerPropagation"})


@pytest.mark.parametrize("state", RouteServerState)
@pytest.mark.parametrize("action", ON_SERVER)
async def test_a_route_server_in_every_state(
    cloud: Cloud, action: str, state: RouteServerState
) -> None:
    """Reading is refused of a deleted one only; a new thing needs one that is available."""
    leaves = action == "DisassociateRouteServer"
    built = await Built(cloud).build(with_peer=False, with_propagation=not leaves)
    if leaves:
        await built.put(RouteServerEndpoint, state=EndpointState.DELETED)
    await built.put(RouteServer, state=state)
    if state is RouteServerState.DELETED:
        wanted = BAD_TIME
    elif state is RouteServerState.AVAILABLE or action in READS | TAKES_AWAY:
        wanted = OK
    else:
        wanted = BAD_TIME
    assert await code(cloud, action, **built.params(action)) == wanted


@pytest.mark.parametrize("state", RouteServerState)
async def test_deleting_a_route_server_in_every_state(
    cloud: Cloud, state: RouteServerState
) -> None:
    made = await cloud("CreateRouteServer", AmazonSideAsn=65000)
    built = Built(cloud)
    built.rs = made["RouteServer"]["RouteServerId"]
    await built.put(RouteServer, state=state)
    wanted = OK if state is RouteServerState.AVAILABLE else BAD_TIME
    assert await code(cloud, "DeleteRouteServer", RouteServerId=built.rs) == wanted


@pytest.mark.parametrize("state", PersistState)
async def test_persistence_is_changed_when_the_last_change_is_done(
    cloud: Cloud, state: PersistState
) -> None:
    built = await Built(cloud).build(with_peer=False, with_propagation=False)
    await built.put(RouteServer, persist_routes_state=state)
    settled = state in (PersistState.ENABLED, PersistState.DISABLED)
    got = await code(cloud, "ModifyRouteServer", RouteServerId=built.rs, PersistRoutes="enable")
    assert got == (OK if settled else BAD_TIME)


@pytest.mark.parametrize("state", AssociationState)
@pytest.mark.parametrize(
    "action",
    ["DisassociateRouteServer", "CreateRouteServerEndpoint", "EnableRouteServerPropagation"],
)
async def test_an_association_in_every_state(
    cloud: Cloud, action: str, state: AssociationState
) -> None:
    built = await Built(cloud).build(with_peer=False, with_propagation=False)
    if action == "DisassociateRouteServer":
        await built.put(RouteServerEndpoint, state=EndpointState.DELETED)
    await built.put(RouteServerAssociation, state=state)
    wanted = OK if state is AssociationState.ASSOCIATED else BAD_TIME
    assert await code(cloud, action, **built.params(action)) == wanted


@pytest.mark.parametrize("state", EndpointState)
async def test_an_endpoint_in_every_state(cloud: Cloud, state: EndpointState) -> None:
    """What is on its way or gone is not deleted, and only what stands has peers."""
    built = await Built(cloud).build(with_peer=False, with_propagation=False)
    await built.put(RouteServerEndpoint, state=state)
    peer = built.params("CreateRouteServerPeer")
    wanted = OK if state is EndpointState.AVAILABLE else BAD_TIME
    assert await code(cloud, "CreateRouteServerPeer", **peer) == wanted
    if state is EndpointState.AVAILABLE:
        await built.put(RouteServerPeer, state=PeerState.DELETED)
    at_rest = {EndpointState.AVAILABLE, EndpointState.FAILED, EndpointState.DELETE_FAILED}
    wanted = OK if state in at_rest else BAD_TIME
    delete = {"RouteServerEndpointId": built.rse}
    assert await code(cloud, "DeleteRouteServerEndpoint", **delete) == wanted


@pytest.mark.parametrize("state", PeerState)
async def test_a_peer_in_every_state(cloud: Cloud, state: PeerState) -> None:
    """It is deleted when it is at rest, and its endpoint only when it is deleted."""
    built = await Built(cloud).build(with_peer=True, with_propagation=False)
    await built.put(RouteServerPeer, state=state)
    refusal = None
    delete = {"RouteServerEndpointId": built.rse}
    if state is not PeerState.DELETED:
        refusal = await cloud.refused("DeleteRouteServerEndpoint", **delete)
        assert refusal.code == BAD_TIME
        text = f"Route Server Endpoint has non-deleted Route Server Peer: {built.rsp}"
        assert refusal.message == text
    wanted = OK if state in (PeerState.AVAILABLE, PeerState.FAILED) else BAD_TIME
    assert await code(cloud, "DeleteRouteServerPeer", RouteServerPeerId=built.rsp) == wanted
    if wanted is BAD_TIME:
        refusal = await cloud.refused("DeleteRouteServerPeer", RouteServerPeerId=built.rsp)
        assert "is in an invalid state" in refusal.message


@pytest.mark.parametrize("state", PropagationState)
async def test_a_propagation_in_every_state(cloud: Cloud, state: PropagationState) -> None:
    built = await Built(cloud).build(with_peer=False, with_propagation=True)
    await built.put(RouteServerEndpoint, state=EndpointState.DELETED)
    await built.put(RouteServerPropagation, state=state)
    again = built.params("EnableRouteServerPropagation")
    wanted = BAD_TIME if state is PropagationState.DELETING else OK
    assert await code(cloud, "EnableRouteServerPropagation", **again) == wanted
    leave = built.params("DisassociateRouteServer")
    assert await code(cloud, "DisassociateRouteServer", **leave) == BAD_TIME
    wanted = OK if state is PropagationState.AVAILABLE else BAD_TIME
    assert await code(cloud, "DisableRouteServerPropagation", **again) == wanted


LEFTOVERS: Final = ("endpoint", "deleting endpoint", "association", "propagation")


@pytest.mark.parametrize("leftover", LEFTOVERS)
async def test_a_route_server_is_not_deleted_under_what_hangs_on_it(
    cloud: Cloud, leftover: str
) -> None:
    built = await Built(cloud).build(with_peer=False, with_propagation=leftover == "propagation")
    if leftover == "deleting endpoint":
        await built.put(RouteServerEndpoint, state=EndpointState.DELETING)
    elif leftover != "endpoint":
        await built.put(RouteServerEndpoint, state=EndpointState.DELETED)
    refusal = await cloud.refused("DeleteRouteServer", RouteServerId=built.rs)
    assert refusal.code == BAD_TIME
    named = {"association": built.vpc, "propagation": built.table}.get(leftover, built.rse)
    assert named in refusal.message


async def test_what_is_gone_is_named_until_it_is_forgotten(cloud: Cloud) -> None:
    """Deleted objects stay described, by their ids and among all, with their tags."""
    built = await Built(cloud).build(with_peer=True, with_propagation=False)
    tags = [{"Key": "Name", "Value": "kept"}]
    await cloud("CreateTags", Resources=[built.rs, built.rse, built.rsp], Tags=tags)
    await built.put(RouteServerPeer, state=PeerState.DELETED, deleted_at=1.0)
    await built.put(RouteServerEndpoint, state=EndpointState.DELETED, deleted_at=1.0)
    await built.put(RouteServer, state=RouteServerState.DELETED, deleted_at=1.0)
    for action, member, ids, resource_id in (
        ("DescribeRouteServers", "RouteServers", "RouteServerIds", built.rs),
        (
            "DescribeRouteServerEndpoints",
            "RouteServerEndpoints",
            "RouteServerEndpointIds",
            built.rse,
        ),
        ("DescribeRouteServerPeers", "RouteServerPeers", "RouteServerPeerIds", built.rsp),
    ):
        by_tag: dict[str, Any] = {"Filters": [{"Name": "tag:Name", "Values": ["k*t"]}]}
        for params in ({}, {ids: [resource_id]}, by_tag):
            (shown,) = (await cloud(action, **params))[member]
            assert (shown["State"], shown["Tags"]) == ("deleted", tags)
