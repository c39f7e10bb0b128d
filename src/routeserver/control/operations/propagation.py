"""Enable, Disable and GetRouteServerPropagation(s) (EC2 API 2016-11-15)."""

from __future__ import annotations

from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find
from routeserver.control.operations.association import association_of
from routeserver.control.views import route_server as views
from routeserver.domain import rules
from routeserver.domain.resources import (
    PropagationState,
    RouteServer,
    RouteServerPropagation,
    RouteTable,
)


async def enable_route_server_propagation(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    table = await find(call, RouteTable, params["RouteTableId"])
    vpc_id = rules.require_associated(server, await association_of(call, server))
    rules.require_table_in_vpc(server, vpc_id, table)
    existing = await _propagation(call, server, table.id)
    if existing is not None:
        rules.may_enable_again(existing)
        return {"RouteServerPropagation": views.propagation(existing)}
    link = RouteServerPropagation(
        id=f"{server.id}|{table.id}",
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        route_server_id=server.id,
        route_table_id=table.id,
        state=PropagationState.PENDING,
    )
    await call.tx.insert(link)
    return {"RouteServerPropagation": views.propagation(link)}


async def disable_route_server_propagation(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    rules.require_not_deleted(server)
    table = await find(call, RouteTable, params["RouteTableId"])
    link = await _propagation(call, server, table.id)
    if link is None:
        raise rules.not_propagated(server.id, table.id)
    rules.may_disable_propagation(link)
    link = await call.tx.update(link, state=PropagationState.DELETING)
    return {"RouteServerPropagation": views.propagation(link)}


async def get_route_server_propagations(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    rules.require_not_deleted(server)
    links = await call.tx.list(RouteServerPropagation, route_server_id=server.id)
    table_id = params.get("RouteTableId")
    if table_id is not None:
        table = await find(call, RouteTable, table_id)
        links = [link for link in links if link.route_table_id == table.id]
    if not links:
        raise rules.not_propagated(server.id, table_id)
    return {"RouteServerPropagations": [views.propagation(link) for link in links]}


async def _propagation(
    call: Call, server: RouteServer, table_id: str
) -> RouteServerPropagation | None:
    return await call.tx.get(RouteServerPropagation, f"{server.id}|{table_id}")
