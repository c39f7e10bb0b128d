"""The BGP speaker: every route server's endpoints, sessions and RIB in one event loop.

It is told what should be (`converge`) and what has failed elsewhere (`bfd_down`), and tells a sink
what has changed. It knows no resources, no route tables and no BFD; sockets come from the fabric
through `listen`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping

from routeserver.bgp.attributes import AttributeCache
from routeserver.rib.rib import Rib
from routeserver.speaker import cease
from routeserver.speaker.owner import SLICE_SIZE
from routeserver.speaker.peer import Peer
from routeserver.speaker.pending import PendingConnections
from routeserver.speaker.route_server import RunningRouteServer, Surroundings
from routeserver.speaker.spec import Limits, RouteServerSpec, Sink, Timers


class Speaker:
    """To be made and used in a running event loop; `clock` is monotonic seconds."""

    def __init__(
        self,
        *,
        listen: Callable[[str, int], socket.socket],
        port: int,
        clock: Callable[[], float],
        sink: Sink,
        timers: Timers | None = None,
        limits: Limits | None = None,
        slice_size: int = SLICE_SIZE,
    ) -> None:
        limits = limits or Limits()
        self._around = Surroundings(
            listen=listen,
            port=port,
            clock=clock,
            sink=sink,
            timers=timers or Timers(),
            limits=limits,
            slice_size=slice_size,
            pending=PendingConnections(
                limit=limits.max_pending_connections,
                limit_per_address=limits.max_pending_per_address,
            ),
            attribute_cache=AttributeCache(),
        )
        self._running: dict[str, RunningRouteServer] = {}
        self._leaving: list[RunningRouteServer] = []
        self._peers: dict[str, Peer] = {}
        self._converging = asyncio.Lock()
        self._closed = False

    async def converge(self, desired: Mapping[str, RouteServerSpec]) -> Mapping[str, str | None]:
        """Make it so; answers for each endpoint None, or in one line why it does not listen."""
        async with self._converging:
            if self._closed:
                return {}
            for route_server_id in [gone for gone in self._running if gone not in desired]:
                leaving = self._running.pop(route_server_id)
                leaving.remove()
                self._leaving.append(leaving)
            self._leaving = [leaving for leaving in self._leaving if not leaving.is_idle]
            reasons: dict[str, str | None] = {}
            for route_server_id, spec in desired.items():
                running = self._running.get(route_server_id)
                if running is None:
                    running = self._running[route_server_id] = RunningRouteServer(
                        spec, self._around
                    )
                reasons.update(await running.converge(spec))
            self._peers = {
                peer.spec.peer_id: peer
                for running in self._running.values()
                for peer in running.peers()
            }
            return reasons

    def bfd_down(self, peer_id: str) -> None:
        """BFD has lost the peer: its session ends now, whatever the hold timer says (RFC 9384)."""
        peer = self._peers.get(peer_id)
        if peer is not None:
            peer.stop(cease.BFD_DOWN, "BFD session down")

    def is_established(self, peer_id: str) -> bool:
        peer = self._peers.get(peer_id)
        return peer is not None and peer.is_established

    def rib(self, route_server_id: str) -> Rib | None:
        running = self._running.get(route_server_id)
        return None if running is None else running.owner.rib

    def are_routes_persisted(self, route_server_id: str) -> bool:
        running = self._running.get(route_server_id)
        return running is not None and running.owner.persisting

    async def close(self) -> None:
        """Cease / Administrative Shutdown to every peer; takes seconds if one does not hang up."""
        async with self._converging:
            self._closed = True
            for running in self._running.values():
                running.stop()
            for running in (*self._running.values(), *self._leaving):
                await running.wait_idle()
            self._running.clear()
            self._leaving.clear()
            self._peers.clear()
