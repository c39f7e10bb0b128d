"""Create, Describe and DeleteRouteServerEndpoint (EC2 API 2016-11-15).

Creating only writes down what is wanted: the reconciler finds the address, makes the network
interface and opens the listener, and the endpoint is `available` when all three stand.
"""

from __future__ import annotations

from typing import Final

from routeserver.control import idempotency, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe, known_filters
from routeserver.control.lookup import find
from routeserver.control.operations.association import association_of
from routeserver.control.views import route_server as views
from routeserver.domain import rules
from routeserver.domain.resources import (
    EndpointState,
    RouteServer,
    RouteServerEndpoint,
    RouteServerPeer,
    Subnet,
)

FILTERS: Final[dict[str, Column[RouteServerEndpoint]]] = {
    "route-server-endpoint-id": lambda endpoint: endpoint.id,
    "route-server-id": lambda endpoint: endpoint.route_server_id,
    "vpc-id": lambda endpoint: endpoint.vpc_id,
    "subnet-id": lambda endpoint: endpoint.subnet_id,
    "state": lambda endpoint: endpoint.state,
}


async def create_route_server_endpoint(call: Call, params: Params) -> Answer:
    existing = await idempotency.once(call, params, RouteServerEndpoint)
    if existing is not None:
        return {"RouteServerEndpoint": views.endpoint(existing)}
    server = await find(call, RouteServer, params["RouteServerId"])
    subnet = await find(call, Subnet, params["SubnetId"])
    vpc_id = rules.require_associated(server, await association_of(call, server))
    rules.require_subnet_in_vpc(server, vpc_id, subnet)
    siblings = [
        endpoint
        for endpoint in await call.tx.list(RouteServerEndpoint, route_server_id=server.id)
        if endpoint.state is not EndpointState.DELETED
    ]
    quotas = call.policy.quotas
    rules.within(
        quotas.endpoints_per_route_server,
        len(siblings),
        "RouteServerEndpointLimitExceeded",
        "endpoints per route server",
    )
    rules.within(
        quotas.endpoints_per_route_server_and_subnet,
        sum(endpoint.subnet_id == subnet.id for endpoint in siblings),
        "RouteServerEndpointLimitExceeded",
        "endpoints per route server and subnet",
    )
    endpoint = RouteServerEndpoint(
        id=call.new_id("rse"),
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        route_server_id=server.id,
        vpc_id=vpc_id,
        subnet_id=subnet.id,
        state=EndpointState.PENDING,
    )
    await call.tx.insert(endpoint)
    tags = await tagging.tag_on_create(call, params, endpoint)
    await idempotency.remember(call, params, endpoint)
    return {"RouteServerEndpoint": views.endpoint(endpoint, tags or None)}


async def describe_route_server_endpoints(call: Call, params: Params) -> Answer:
    page = await describe(
        call, params, RouteServerEndpoint, "RouteServerEndpointIds", known_filters(call, FILTERS)
    )
    return page.answer("RouteServerEndpoints", views.endpoint)


async def delete_route_server_endpoint(call: Call, params: Params) -> Answer:
    endpoint = await find(call, RouteServerEndpoint, params["RouteServerEndpointId"])
    peers = await call.tx.list(RouteServerPeer, route_server_endpoint_id=endpoint.id)
    rules.may_delete_endpoint(endpoint, peers)
    endpoint = await call.tx.update(endpoint, state=EndpointState.DELETING)
    return {"RouteServerEndpoint": views.endpoint(endpoint)}
