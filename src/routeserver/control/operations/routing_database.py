"""GetRouteServerRoutingDatabase (EC2 API 2016-11-15): the RIB, what of it is best, and where that
is installed.

A page is read straight from the live RIB behind the last route of the page before, so a million
routes page in bounded memory and routes that come and go between two pages are neither repeated nor
skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Final

from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find
from routeserver.control.observed import RouteView
from routeserver.control.views import route_server as views
from routeserver.domain import rules
from routeserver.domain.resources import RouteServer
from routeserver.ec2.filters import compile_filters
from routeserver.ec2.paging import decode_token, encode_token
from routeserver.net.address import format_address
from routeserver.net.prefix import Prefix, format_prefix

PAGE_SIZE: Final = 1000
"""Routes in a page when the caller names no MaxResults; the model's own maximum."""

FILTERS: Final[dict[str, Callable[[RouteView], Any]]] = {
    "prefix": lambda view: format_prefix(view.prefix),
    "route-status": lambda view: "in-fib" if view.in_fib else "in-rib",
    "route-server-endpoint-id": lambda view: view.endpoint_id,
    "route-server-peer-id": lambda view: view.peer_id,
    "next-hop-ip": lambda view: format_address(view.attributes.next_hop),
}


async def get_route_server_routing_database(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    rules.require_not_deleted(server)
    after: tuple[Prefix, str] | None = None
    if params.get("NextToken"):
        prefix, peer_id = decode_token(params["NextToken"], (int, str))
        after = (prefix, peer_id)
    size = params.get("MaxResults") or PAGE_SIZE
    wanted = _wanted(call.observed.routes(server.id, after), params.get("Filters", ()))
    shown = list(islice(wanted, size + 1))
    answer: Answer = {
        "AreRoutesPersisted": call.observed.are_routes_persisted(server.id),
        "Routes": [views.route(view) for view in shown[:size]],
    }
    if len(shown) > size:
        last = shown[size - 1]
        answer["NextToken"] = encode_token((last.prefix, last.peer_id))
    return answer


def _wanted(routes: Iterator[RouteView], filters: Any) -> Iterator[RouteView]:
    if not filters:
        yield from routes
        return
    passes = compile_filters(filters, FILTERS)
    for view in routes:
        if passes({name: partial(column, view) for name, column in FILTERS.items()}, {}):
            yield view
