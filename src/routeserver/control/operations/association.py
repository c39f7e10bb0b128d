"""AssociateRouteServer, DisassociateRouteServer and GetRouteServerAssociations (EC2 API
2016-11-15)."""

from __future__ import annotations

from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find
from routeserver.control.views import route_server as views
from routeserver.domain import rules
from routeserver.domain.resources import (
    AssociationState,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPropagation,
    Vpc,
)


async def association_of(call: Call, server: RouteServer) -> RouteServerAssociation | None:
    found = await call.tx.list(RouteServerAssociation, route_server_id=server.id)
    return found[0] if found else None


async def associate_route_server(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    vpc = await find(call, Vpc, params["VpcId"])
    existing = await association_of(call, server)
    if (
        existing is not None
        and existing.vpc_id == vpc.id
        and existing.state is not AssociationState.DISASSOCIATING
    ):
        rules.require_available(server)
        return {"RouteServerAssociation": views.association(existing)}
    rules.may_associate(server, existing)
    others = await call.tx.list(RouteServerAssociation, vpc_id=vpc.id)
    rules.within(
        call.policy.quotas.route_servers_per_vpc,
        len(others),
        "RouteServerLimitExceeded",
        "route servers per VPC",
    )
    link = RouteServerAssociation(
        id=f"{server.id}|{vpc.id}",
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        route_server_id=server.id,
        vpc_id=vpc.id,
        state=AssociationState.ASSOCIATING,
    )
    await call.tx.insert(link)
    return {"RouteServerAssociation": views.association(link)}


async def disassociate_route_server(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    rules.require_not_deleted(server)
    vpc = await find(call, Vpc, params["VpcId"])
    link = await association_of(call, server)
    if link is None or link.vpc_id != vpc.id:
        raise rules.not_associated(server.id)
    rules.may_disassociate(
        server,
        link,
        await call.tx.list(RouteServerEndpoint, route_server_id=server.id),
        await call.tx.list(RouteServerPropagation, route_server_id=server.id),
    )
    link = await call.tx.update(link, state=AssociationState.DISASSOCIATING)
    return {"RouteServerAssociation": views.association(link)}


async def get_route_server_associations(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    rules.require_not_deleted(server)
    link = await association_of(call, server)
    if link is None:
        raise rules.not_associated(server.id)
    return {"RouteServerAssociations": [views.association(link)]}
