"""How much there is, cheaply enough to be asked many times a second: `routeserver show counts`."""

from __future__ import annotations

from routeserver.control.operator.desk import Answer, Desk, Params


async def counts(desk: Desk, params: Params) -> Answer:  # noqa: ARG001 - it is asked of all
    """Of each route server that runs: routes in the RIB and FIB, and FIB changes so far."""
    return {
        route_server_id: {
            "rib_routes": (counted := rib.counts).rib_routes,
            "fib_routes": counted.fib_routes,
            "fib_changes": desk.world.fib_changes[route_server_id],
        }
        for route_server_id, rib in desk.world.speaker.each_rib()
    }
