"""What there is to measure: the route servers, peers and route tables that a scrape shows.

The names come from the store, re-read after every reconciliation; the numbers come from the running
parts at the moment of the scrape.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from routeserver.control.world import World
from routeserver.domain.resources import (
    Liveness,
    PeerState,
    RouteServer,
    RouteServerPeer,
    RouteServerPropagation,
    RouteServerState,
)
from routeserver.observe.snapshot import (
    KernelSample,
    PeerSample,
    RouteServerSample,
    RouteTableSample,
    Snapshot,
)
from routeserver.rib.counts import Counts
from routeserver.speaker.tally import PeerTally
from routeserver.store import Store


class Inventory:
    """`longest_turn_s` is asked at every snapshot."""

    def __init__(
        self, store: Store, world: World, longest_turn_s: Callable[[], float | None]
    ) -> None:
        self._store = store
        self._world = world
        self._longest_turn_s = longest_turn_s
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

    async def probe(self) -> None:
        """Read something small. Raises StoreError where nothing can be read."""
        async with self._store.read() as tx:
            await tx.get(RouteServer, "rs-0")

    def snapshot(self) -> Snapshot:
        counts = {server.id: self._counts(server.id) for server in self._servers}
        bfd_discarded = self._bfd_discarded()
        peers = [
            self._peer_sample(peer, counts.get(peer.route_server_id), bfd_discarded)
            for peer in self._peers
        ]
        established = Counter(peer.route_server_id for peer in peers if peer.bgp_up)
        refused = self._world.speaker.refused()
        return Snapshot(
            route_servers=[
                self._server_sample(server.id, counts[server.id], established[server.id])
                for server in self._servers
            ],
            peers=peers,
            route_tables=[
                RouteTableSample(table_id, len(self._world.propagated(table_id)))
                for table_id in self._table_ids
            ],
            refused={
                (endpoint_id, kind): count
                for endpoint_id, kinds in refused.items()
                for kind, count in kinds.items()
            },
            longest_turn_s=self._longest_turn_s(),
            kernel=self._kernel_sample(),
        )

    def _kernel_sample(self) -> KernelSample | None:
        counts = self._world.data_plane.counts()
        if counts is None:
            return None
        return KernelSample(counts.routes, counts.flips, counts.repairs, counts.refused)

    def _counts(self, route_server_id: str) -> Counts | None:
        rib = self._world.speaker.rib(route_server_id)
        return None if rib is None else rib.counts

    def _bfd_discarded(self) -> Mapping[str, Mapping[str, int]]:
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (peer_id, reason), count in self._world.bfd.discarded.items():
            found[peer_id][reason] = count
        return found

    def _peer_sample(
        self,
        peer: RouteServerPeer,
        counts: Counts | None,
        bfd_discarded: Mapping[str, Mapping[str, int]],
    ) -> PeerSample:
        status = self._world.peer_status(peer.id)
        tally = self._world.speaker.tally(peer.id) or PeerTally()
        own = None if counts is None else counts.per_peer.get(peer.id)
        return PeerSample(
            peer.route_server_id,
            peer.id,
            status.bgp_up,
            status.bfd_up if peer.liveness is Liveness.BFD else None,
            routes=0 if own is None else own.routes,
            held=0 if own is None else own.held,
            discarded=0 if own is None else own.discarded,
            ignored=tally.ignored,
            endings=tally.endings,
            warnings=tally.warnings,
            bfd_discarded=bfd_discarded.get(peer.id, {}),
        )

    def _server_sample(
        self, route_server_id: str, counts: Counts | None, established: int
    ) -> RouteServerSample:
        return RouteServerSample(
            route_server_id,
            0 if counts is None else counts.rib_routes,
            0 if counts is None else counts.fib_routes,
            established,
            self._world.fib_changes[route_server_id],
        )
