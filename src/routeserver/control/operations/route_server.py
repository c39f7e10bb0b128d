"""Create, Describe, Modify and DeleteRouteServer (EC2 API 2016-11-15)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from routeserver.control import idempotency, tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import Column, describe, known_filters
from routeserver.control.lookup import find
from routeserver.control.views import route_server as views
from routeserver.domain import rules
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    PersistState,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPropagation,
    RouteServerState,
)

DEFAULT_PERSIST_DURATION_MIN: Final = 1

FILTERS: Final[dict[str, Column[RouteServer]]] = {
    "route-server-id": lambda server: server.id,
    "amazon-side-asn": lambda server: str(server.amazon_side_asn),
    "state": lambda server: server.state,
}


async def create_route_server(call: Call, params: Params) -> Answer:
    existing = await idempotency.once(call, params, RouteServer)
    if existing is not None:
        return {"RouteServer": views.route_server(existing)}
    rules.check_asn("AmazonSideAsn", params["AmazonSideAsn"])
    persist = params.get("PersistRoutes")
    duration = params.get("PersistRoutesDuration")
    if persist == "reset":
        raise Refusal(
            "InvalidParameterValue",
            "Value (reset) for parameter PersistRoutes is invalid. "
            "There is nothing to reset before the route server exists.",
        )
    rules.check_persistence(persist, duration, enabled=False)
    notify = params.get("SnsNotificationsEnabled", False)
    server_id = call.new_id("rs")
    enabled = persist == "enable"
    server = RouteServer(
        id=server_id,
        account_id=call.account_id,
        region=call.region,
        created_at=call.now,
        amazon_side_asn=params["AmazonSideAsn"],
        state=RouteServerState.PENDING,
        # Already its final value: Terraform reads the setting back from this very answer.
        persist_routes_state=PersistState.ENABLED if enabled else PersistState.DISABLED,
        persist_routes_duration_min=(duration or DEFAULT_PERSIST_DURATION_MIN) if enabled else None,
        sns_notifications_enabled=notify,
        sns_topic_arn=_topic_arn(call, server_id) if notify else None,
    )
    await call.tx.insert(server)
    tags = await tagging.tag_on_create(call, params, server)
    await idempotency.remember(call, params, server)
    return {"RouteServer": views.route_server(server, tags or None)}


async def describe_route_servers(call: Call, params: Params) -> Answer:
    page = await describe(call, params, RouteServer, "RouteServerIds", known_filters(call, FILTERS))
    return page.answer("RouteServers", views.route_server)


async def modify_route_server(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    persist = params.get("PersistRoutes")
    duration = params.get("PersistRoutesDuration")
    notify = params.get("SnsNotificationsEnabled")
    rules.may_modify_persistence(server)
    enabled = server.persist_routes_state is PersistState.ENABLED
    rules.check_persistence(persist, duration, enabled=enabled)

    changed = replace(server, state=RouteServerState.MODIFYING)
    if persist == "enable":
        minutes = duration or server.persist_routes_duration_min or DEFAULT_PERSIST_DURATION_MIN
        state = PersistState.MODIFYING if enabled else PersistState.ENABLING
        changed = replace(changed, persist_routes_state=state, persist_routes_duration_min=minutes)
    elif persist == "disable":
        changed = replace(
            changed, persist_routes_state=PersistState.DISABLING, persist_routes_duration_min=None
        )
    elif persist == "reset":
        changed = replace(changed, persist_routes_state=PersistState.RESETTING)
    elif duration is not None:
        changed = replace(
            changed,
            persist_routes_state=PersistState.MODIFYING,
            persist_routes_duration_min=duration,
        )
    if notify is not None:
        topic = _topic_arn(call, server.id) if notify else None
        changed = replace(changed, sns_notifications_enabled=notify, sns_topic_arn=topic)
    await call.tx.update(
        server,
        state=changed.state,
        persist_routes_state=changed.persist_routes_state,
        persist_routes_duration_min=changed.persist_routes_duration_min,
        sns_notifications_enabled=changed.sns_notifications_enabled,
        sns_topic_arn=changed.sns_topic_arn,
    )
    return {"RouteServer": views.route_server(changed)}


async def delete_route_server(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    associations = await call.tx.list(RouteServerAssociation, route_server_id=server.id)
    rules.may_delete_route_server(
        server,
        associations[0] if associations else None,
        await call.tx.list(RouteServerEndpoint, route_server_id=server.id),
        await call.tx.list(RouteServerPropagation, route_server_id=server.id),
    )
    server = await call.tx.update(server, state=RouteServerState.DELETING)
    return {"RouteServer": views.route_server(server)}


def _topic_arn(call: Call, server_id: str) -> str:
    return f"arn:aws:sns:{call.region}:{call.account_id}:{server_id}"
