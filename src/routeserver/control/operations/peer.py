"""Create, Describe and DeleteRouteServerPeer (EC2 API 2016-11-15).

A peer is `available` as soon as the speaker would accept it; whether its BGP and BFD sessions are
up is observed, not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routeserver.control import tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe, known_filters
from routeserver.control.endpoint_network import admit_peer, shut_out_peer
from routeserver.control.lookup import find
from routeserver.control.views import route_server as views
from routeserver.domain import rules
from routeserver.domain.resources import (
    Liveness,
    PeerState,
    RouteServer,
    RouteServerEndpoint,
    RouteServerPeer,
)

FILTERS: Final[dict[str, Column[RouteServerPeer]]] = {
    "route-server-peer-id": lambda peer: peer.id,
    "route-server-endpoint-id": lambda peer: peer.route_server_endpoint_id,
    "route-server-id": lambda peer: peer.route_server_id,
    "vpc-id": lambda peer: peer.vpc_id,
    "subnet-id": lambda peer: peer.subnet_id,
    "peer-address": lambda peer: peer.peer_address,
    "state": lambda peer: peer.state,
}


async def create_route_server_peer(call: Call, params: Params) -> Answer:
    endpoint = await find(call, RouteServerEndpoint, params["RouteServerEndpointId"])
    options = params["BgpOptions"]
    rules.check_asn("BgpOptions.PeerAsn", options["PeerAsn"])
    address = rules.check_peer_address(params["PeerAddress"])
    server = await find(call, RouteServer, endpoint.route_server_id)
    rules.require_available(server)
    peers = await call.tx.list(RouteServerPeer, route_server_endpoint_id=endpoint.id)
    rules.may_create_peer(endpoint, address, peers)
    rules.within(
        call.policy.quotas.peers_per_endpoint,
        sum(peer.state is not PeerState.DELETED for peer in peers),
        "RouteServerPeerLimitExceeded",
        "peers per endpoint",
    )
    # An endpoint is available only once it has its interface and address.
    peer = RouteServerPeer(
        id=call.new_id("rsp"),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        route_server_id=server.id,
        route_server_endpoint_id=endpoint.id,
        vpc_id=endpoint.vpc_id,
        subnet_id=endpoint.subnet_id,
        endpoint_eni_id=endpoint.eni_id or "",
        endpoint_eni_address=endpoint.eni_address or "",
        peer_address=address,
        peer_asn=options["PeerAsn"],
        liveness=Liveness(options.get("PeerLivenessDetection", Liveness.BGP_KEEPALIVE)),
        state=PeerState.PENDING,
    )
    await call.tx.insert(peer)
    await admit_peer(call, peer)
    tags = await tagging.tag_on_create(call, params, peer)
    return {"RouteServerPeer": _shown(call, peer, tags or None)}


async def describe_route_server_peers(call: Call, params: Params) -> Answer:
    page = await describe(
        call, params, RouteServerPeer, "RouteServerPeerIds", known_filters(call, FILTERS)
    )
    return page.answer("RouteServerPeers", lambda peer, tags: _shown(call, peer, tags))


async def delete_route_server_peer(call: Call, params: Params) -> Answer:
    peer = await find(call, RouteServerPeer, params["RouteServerPeerId"])
    rules.may_delete_peer(peer)
    peer = await call.tx.update(peer, state=PeerState.DELETING)
    await shut_out_peer(call, peer)
    await call.tx.put_peer_settings(peer.id, {})
    return {"RouteServerPeer": _shown(call, peer, None)}


def _shown(call: Call, peer: RouteServerPeer, tags: Mapping[str, str] | None) -> Answer:
    return views.peer(peer, call.observed.peer_status(peer.id), tags)
