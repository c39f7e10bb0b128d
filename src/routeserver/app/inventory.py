"""What there is to measure: the route servers, peers and route tables that a scrape shows.

The names come from the store, re-read after every reconciliation; the numbers come from the running
parts at the moment of the scrape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from routeserver.control.world import World
from routeserver.domain.resources import (
    Liveness,
    PeerState,
    RouteServer,
    RouteServerPeer,
    RouteServerPropagation,
    RouteServerState,
)
from routeserver.observe.metrics import (
    PeerSample,
    RouteServerSample,
    RouteTableSample,
    Snapshot,
)
from routeserver.store import Store


class Inventory:
    def __init__(self, store: Store, world: World) -> None:
        self._store = store
        self._world = world
        self._servers: Sequence[RouteServer] = ()
        self._peers: Sequence[RouteServerPeer] = ()
        self._table_ids: Sequence[str] = ()

    async def refresh(self) -> None:
        """Learn again what there is."""
        async with self._store.read() as tx:
            servers = await tx.list(RouteServer)
            peers = await tx.list(RouteServerPeer)
            propagations = await tx.list(RouteServerPropagation)
        self._servers = [one for one in servers if one.state is not RouteServerState.DELETED]
        self._peers = [one for one in peers if one.state is not PeerState.DELETED]
        self._table_ids = sorted({link.route_table_id for link in propagations})

    def snapshot(self) -> Snapshot:
        peers = [self._peer_sample(peer) for peer in self._peers]
        established = Counter(peer.route_server_id for peer in peers if peer.bgp_up)
        return Snapshot(
            route_servers=[
                self._server_sample(server.id, established[server.id]) for server in self._servers
            ],
            peers=peers,
            route_tables=[
                RouteTableSample(table_id, len(self._world.propagated(table_id)))
                for table_id in self._table_ids
            ],
        )

    def _peer_sample(self, peer: RouteServerPeer) -> PeerSample:
        status = self._world.peer_status(peer.id)
        bfd_up = status.bfd_up if peer.liveness is Liveness.BFD else None
        return PeerSample(peer.route_server_id, peer.id, status.bgp_up, bfd_up)

    def _server_sample(self, route_server_id: str, established: int) -> RouteServerSample:
        rib = self._world.speaker.rib(route_server_id)
        if rib is None:
            return RouteServerSample(route_server_id, 0, 0, established)
        counts = rib.counts
        return RouteServerSample(route_server_id, counts.rib_routes, counts.fib_routes, established)
