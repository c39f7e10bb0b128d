"""The BGP speaker: every route server's endpoints, sessions and RIB in one event loop.

It is told what should be (`converge`) and what has failed elsewhere (`bfd_down`), and tells a sink
what has changed. It knows no resources, no route tables and no BFD; sockets come from the fabric
through `listen`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from routeserver.bgp.events import Established
from routeserver.net.peering import PeerSettings
from routeserver.rib.rib import Rib
from routeserver.speaker.log_limit import LogLimit
from routeserver.speaker.owner import SLICE_SIZE
from routeserver.speaker.peer import Peer
from routeserver.speaker.pending import PendingConnections
from routeserver.speaker.route_server import RunningRouteServer, Surroundings
from routeserver.speaker.spec import Follower, Limits, Listen, RouteServerSpec, Sink, Timers
from routeserver.speaker.tally import PeerTally
from routeserver.speaker.taps import Taps

_NOT_RUN: Final = "it is not served yet"


class Speaker:
    """To be made and used in a running event loop; `clock` is monotonic seconds. The process came
    up at `started_at` by it, now if None."""

    def __init__(
        self,
        *,
        listen: Listen,
        port: int,
        clock: Callable[[], float],
        sink: Sink,
        timers: Timers | None = None,
        limits: Limits | None = None,
        slice_size: int = SLICE_SIZE,
        started_at: float | None = None,
        follower: Follower | None = None,
    ) -> None:
        limits = limits or Limits()
        self._not_held_by_bfd: set[str] = set()
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
            strangers=PendingConnections(
                limit=limits.max_pending_strangers,
                limit_per_address=limits.max_pending_per_address,
            ),
            log_limit=LogLimit(),
            bfd_permits=self._not_held_by_bfd.__contains__,
            started_at=clock() if started_at is None else started_at,
            follower=follower,
        )
        self._running: dict[str, RunningRouteServer] = {}
        self._leaving: list[RunningRouteServer] = []
        self._peers: dict[str, Peer] = {}
        self._taps: dict[str, Taps] = {}
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
            before = self._peers.keys()
            self._peers = {
                peer.spec.peer_id: peer
                for running in self._running.values()
                for peer in running.peers()
            }
            # A BFD session that is no longer wanted says nothing at its end.
            watched = {peer_id for peer_id, peer in self._peers.items() if peer.spec.bfd}
            self._not_held_by_bfd -= before - watched
            for peer_id, taps in self._taps.items():
                if peer_id in self._peers:
                    self._peers[peer_id].listen_in(taps)
            return reasons

    def bfd_up(self, peer_id: str) -> None:
        """BFD with the peer is up: from now on it may have a session, if it had to wait."""
        self._not_held_by_bfd.add(peer_id)

    def bfd_not_up(self, peer_id: str, *, admin_down: bool) -> None:
        """BFD with the peer is not up, which is no failure: a session that is established stays.
        `admin_down`: the peer has taken BFD down itself, and is not waited for (RFC 5882 §3.2)."""
        if admin_down:
            self._not_held_by_bfd.add(peer_id)
            return
        self._not_held_by_bfd.discard(peer_id)
        peer = self._peers.get(peer_id)
        if peer is not None:
            peer.bfd_not_up()

    def bfd_down(self, peer_id: str, *, independent: bool = False) -> None:
        """BFD has lost the peer. `independent`: BFD shares the fate of neither side's control plane
        (bit C), so that even a peer that is restarting has failed."""
        self._not_held_by_bfd.discard(peer_id)
        peer = self._peers.get(peer_id)
        if peer is not None:
            peer.bfd_down(independent=independent)

    def is_established(self, peer_id: str) -> bool:
        peer = self._peers.get(peer_id)
        return peer is not None and peer.is_established

    def listen_in(self, peer_id: str, taps: Taps | None) -> None:
        """Show a peer's sessions to `taps` from now on, whatever becomes of its configuration, or
        to nobody."""
        if taps is None:
            self._taps.pop(peer_id, None)
        else:
            self._taps[peer_id] = taps
        peer = self._peers.get(peer_id)
        if peer is not None:
            peer.listen_in(taps)

    def tally(self, peer_id: str) -> PeerTally | None:
        """What was counted of the peer since it is configured."""
        peer = self._peers.get(peer_id)
        return None if peer is None else peer.tally

    def refused(self) -> dict[str, Counter[str]]:
        """Connections that got no session, by endpoint and what kept them from it."""
        return {
            listener.endpoint_id: listener.refused
            for running in self._running.values()
            for listener in running.listeners()
        }

    def negotiated(self, peer_id: str) -> Established | None:
        """What the peer's session has agreed on; None without a session."""
        peer = self._peers.get(peer_id)
        return None if peer is None else peer.negotiated

    def settings(self, peer_id: str) -> PeerSettings | None:
        """What the peer is run with now, which is what is asked for after the next `converge`."""
        peer = self._peers.get(peer_id)
        return None if peer is None else peer.spec.settings

    def refresh(self, peer_id: str) -> str | None:
        """Ask the peer for its routes again; why not, when that cannot be."""
        peer = self._peers.get(peer_id)
        return _NOT_RUN if peer is None else peer.refresh()

    def reset(self, peer_id: str, text: str = "", *, hard: bool = False) -> str | None:
        """End the peer's session, telling it why (RFC 9003); why not, when that cannot be."""
        peer = self._peers.get(peer_id)
        return _NOT_RUN if peer is None else peer.reset(text, hard=hard)

    def refresh_asked_at(self, peer_id: str) -> float | None:
        """Since when the peer has been asked for its routes again and has not begun."""
        peer = self._peers.get(peer_id)
        return None if peer is None else peer.refreshing.asked_at

    def is_reimporting(self, peer_id: str) -> bool:
        """Some of its routes are still as older import rules made them."""
        peer = self._peers.get(peer_id)
        return peer is not None and peer.is_reimporting

    def each_rib(self) -> Iterator[tuple[str, Rib]]:
        for route_server_id, running in self._running.items():
            yield route_server_id, running.owner.rib

    def rib(self, route_server_id: str) -> Rib | None:
        running = self._running.get(route_server_id)
        return None if running is None else running.owner.rib

    def is_deciding(self, route_server_id: str) -> bool:
        """Its FIB does not show yet what its peers have said, or waits for peers of before."""
        running = self._running.get(route_server_id)
        return running is not None and running.owner.is_settling

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
