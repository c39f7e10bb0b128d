"""GetRouteServerRoutingDatabase (EC2 API 2016-11-15): the RIB, what of it is best, and where that
is installed.

A page is read straight from the live RIB behind the last route of the page before, so a million
routes page in bounded memory and routes that come and go between two pages are neither repeated nor
skipped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from routeserver.control.call import Answer, Call, Params
from routeserver.control.lookup import find
from routeserver.control.observed import RouteView
from routeserver.control.views import route_server as views
from routeserver.domain import rules
from routeserver.domain.resources import RouteServer
from routeserver.ec2.filters import Filters, compile_filters, exact_values
from routeserver.ec2.paging import decode_token, encode_token
from routeserver.net.address import format_address
from routeserver.net.prefix import Prefix, format_prefix, parsed_prefixes

PAGE_SIZE: Final = 1000
"""Routes in a page when the caller names no MaxResults; the model's own maximum."""

LOOKED_AT: Final = 256
"""Routes between two turns of the event loop; a few milliseconds of work."""

PREFIX_FILTER: Final = "prefix"
PEER_FILTER: Final = "route-server-peer-id"

FILTERS: Final[dict[str, Callable[[RouteView], Any]]] = {
    PREFIX_FILTER: lambda view: format_prefix(view.prefix),
    "route-status": lambda view: "in-fib" if view.in_fib else "in-rib",
    "route-server-endpoint-id": lambda view: view.endpoint_id,
    PEER_FILTER: lambda view: view.peer_id,
    "next-hop-ip": lambda view: format_address(view.attributes.next_hop),
}


async def get_route_server_routing_database(call: Call, params: Params) -> Answer:
    server = await find(call, RouteServer, params["RouteServerId"])
    rules.require_not_deleted(server)
    await call.tx.done_reading()
    after: tuple[Prefix, str] | None = None
    if params.get("NextToken"):
        prefix, peer_id = decode_token(params["NextToken"], (int, str))
        after = (prefix, peer_id)
    size = params.get("MaxResults") or PAGE_SIZE
    shown = await _wanted(call, server.id, after, params.get("Filters", ()), size + 1)
    answer: Answer = {
        "AreRoutesPersisted": call.observed.are_routes_persisted(server.id),
        "Routes": [views.route(view) for view in shown[:size]],
    }
    if len(shown) > size:
        last = shown[size - 1]
        answer["NextToken"] = encode_token((last.prefix, last.peer_id))
    return answer


async def _wanted(
    call: Call, server_id: str, after: tuple[Prefix, str] | None, filters: Filters, count: int
) -> list[RouteView]:
    """The next `count` routes that pass the filters.

    Prefixes without a wildcard are looked up; everything else is looked for, with a turn of the
    event loop now and then: no session waits for a question.
    """
    passes = compile_filters(filters, FILTERS)
    routes = call.observed.routes(
        server_id, after, prefixes=_prefixes(filters), peer_ids=exact_values(filters, PEER_FILTER)
    )
    found: list[RouteView] = []
    for number, view in enumerate(routes, 1):
        if view is not None and (
            not filters
            or passes({name: partial(column, view) for name, column in FILTERS.items()}, {})
        ):
            found.append(view)
            if len(found) == count:
                break
        if not number % LOOKED_AT:
            await asyncio.sleep(0)
    await asyncio.sleep(0)  # a page is some milliseconds more to write
    return found


def _prefixes(filters: Filters) -> set[Prefix] | None:
    texts = exact_values(filters, PREFIX_FILTER)
    return None if texts is None else parsed_prefixes(texts)
