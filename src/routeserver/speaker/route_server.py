"""One route server as it runs: a RIB owner, a listener per endpoint, a peer per appliance.

`converge` is given the whole specification every time and moves what runs to it, touching only what
differs: a session restarts when its own parameters change and for no other reason. An endpoint that
cannot listen now is tried again by the next call.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address

from routeserver.bgp.session import SessionConfig
from routeserver.rib.deferral import SelectionDeferral
from routeserver.rib.retention import Retention
from routeserver.rib.returning import Returning
from routeserver.rib.rib import Rib
from routeserver.speaker import cease
from routeserver.speaker.listener import Listener
from routeserver.speaker.log_limit import LogLimit
from routeserver.speaker.owner import RibOwner
from routeserver.speaker.peer import Peer
from routeserver.speaker.pending import PendingConnections
from routeserver.speaker.session_settings import session_config
from routeserver.speaker.spec import (
    EndpointSpec,
    Follower,
    Limits,
    Listen,
    PeerSpec,
    RouteServerSpec,
    Sink,
    Timers,
)
from routeserver.speaker.surroundings import PeerSurroundings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all route servers of a speaker share."""

    listen: Listen
    port: int
    clock: Callable[[], float]
    sink: Sink
    timers: Timers
    limits: Limits
    slice_size: int
    pending: PendingConnections
    """Of configured peers."""
    strangers: PendingConnections
    """Those of everybody else have a room of their own, so that they cannot fill the peers'."""
    log_limit: LogLimit
    bfd_permits: Callable[[str], bool]
    started_at: float
    """When the process came up, by `clock`: sessions say for a while that it has restarted."""
    follower: Follower | None = None


class RunningRouteServer:
    """Holds the last specification only to see that a reset was asked for."""

    def __init__(self, spec: RouteServerSpec, around: Surroundings) -> None:
        self._around = around
        self._reset_serial = spec.reset_serial
        self._listeners: dict[str, Listener] = {}
        self._leaving: list[Listener] = []
        self.owner = RibOwner(
            spec.route_server_id,
            rib=Rib(
                max_routes_per_peer=around.limits.max_routes_per_peer,
                max_fib_routes=around.limits.max_fib_routes,
                seed=secrets.randbits(64),
            ),
            retention=Retention(spec.persist, spec.persist_duration_s),
            sink=around.sink,
            clock=around.clock,
            slice_size=around.slice_size,
            deferral=_deferral(spec, around),
            follower=around.follower,
            returning=_returning(spec, around),
        )
        self._for_peers = PeerSurroundings(
            owner=self.owner,
            sink=around.sink,
            clock=around.clock,
            server_limit=around.limits.max_routes_per_peer,
            bfd_permits=around.bfd_permits,
        )
        self._bases: dict[str, SessionConfig] = {}

    def listeners(self) -> Iterator[Listener]:
        yield from self._listeners.values()

    def peers(self) -> Iterator[Peer]:
        for listener in self._listeners.values():
            yield from listener.peers.values()

    async def converge(self, spec: RouteServerSpec) -> dict[str, str | None]:
        """What each endpoint lacks, in one line, None for nothing."""
        self.owner.configure(persist=spec.persist, duration_s=spec.persist_duration_s)
        if spec.reset_serial != self._reset_serial:
            self._reset_serial = spec.reset_serial
            self.owner.reset()
        desired = {endpoint.endpoint_id: endpoint for endpoint in spec.endpoints}
        for endpoint_id, listener in list(self._listeners.items()):
            endpoint = desired.get(endpoint_id)
            if endpoint is None or _place(endpoint) != (listener.network, listener.address):
                self._close_listener(endpoint_id, is_moving=endpoint is not None)
        self._leaving = [listener for listener in self._leaving if not listener.is_idle]
        return {
            endpoint.endpoint_id: await self._converge_endpoint(spec, endpoint)
            for endpoint in spec.endpoints
        }

    def stop(self) -> None:
        """The process ends: every session is told so, nothing is withdrawn from anywhere."""
        self.owner.close()
        for listener in self._listeners.values():
            listener.close()
            for peer in listener.peers.values():
                peer.stop(cease.PROCESS_ENDS, "the route server process ends")

    def remove(self) -> None:
        """The route server is no longer configured."""
        self.owner.remove()
        for endpoint_id in list(self._listeners):
            self._close_listener(endpoint_id, is_moving=False)

    @property
    def is_idle(self) -> bool:
        """No connection is left."""
        return all(listener.is_idle for listener in (*self._listeners.values(), *self._leaving))

    async def wait_idle(self) -> None:
        """Until no connection is left; to be called after `stop`."""
        for listener in (*self._listeners.values(), *self._leaving):
            await listener.wait_idle()

    def _close_listener(self, endpoint_id: str, *, is_moving: bool) -> None:
        listener = self._listeners.pop(endpoint_id)
        listener.close()
        for peer in listener.peers.values():
            if is_moving:
                peer.remove(cease.OTHER_CONFIGURATION_CHANGE, "the endpoint's address changed")
            else:
                peer.remove(cease.PEER_DE_CONFIGURED, "the endpoint was removed")
        listener.peers.clear()
        self._leaving.append(listener)

    async def _converge_endpoint(self, spec: RouteServerSpec, endpoint: EndpointSpec) -> str | None:
        listener = self._listeners.get(endpoint.endpoint_id)
        if listener is None:
            listener = Listener(
                endpoint.endpoint_id,
                endpoint.address,
                network=endpoint.network,
                pending=self._around.pending,
                strangers=self._around.strangers,
                log_limit=self._around.log_limit,
                clock=self._around.clock,
                write_buffer_bytes=self._around.limits.write_buffer_bytes,
            )
            self._listeners[endpoint.endpoint_id] = listener
        try:
            self._converge_peers(listener, spec, endpoint)
        except ValueError as error:
            return f"endpoint {endpoint.endpoint_id}: {error}"
        listener.protect()
        if listener.is_open:
            return None
        return await listener.open(self._around.listen, self._around.port)

    def _converge_peers(
        self, listener: Listener, spec: RouteServerSpec, endpoint: EndpointSpec
    ) -> None:
        base = _base_config(spec, endpoint)
        desired = {peer.peer_id: peer for peer in endpoint.peers}
        for wanted_peer in desired.values():
            # Refused before anything is changed.
            session_config(wanted_peer, self._around.timers, base)
        is_other = base != self._bases.get(endpoint.endpoint_id, base)
        self._bases[endpoint.endpoint_id] = base
        running = {peer.spec.peer_id: peer for peer in listener.peers.values()}
        for peer_id, peer in running.items():
            changed = desired.get(peer_id)
            if changed is None:
                del listener.peers[peer.spec.address]
                peer.remove(cease.PEER_DE_CONFIGURED, "the peer was removed")
            elif is_other or (changed.address, changed.asn) != (peer.spec.address, peer.spec.asn):
                del listener.peers[peer.spec.address]
                peer.remove(cease.OTHER_CONFIGURATION_CHANGE, "the peer's configuration changed")
            else:
                peer.configure(changed)
        for wanted in desired.values():
            if wanted.address not in listener.peers:
                listener.peers[wanted.address] = Peer(
                    wanted,
                    endpoint.endpoint_id,
                    partial(self._session_config, base),
                    self._for_peers,
                )

    def _session_config(self, base: SessionConfig, peer: PeerSpec) -> SessionConfig:
        timers = self._around.timers
        restarting = self._around.clock() < self._around.started_at + timers.restart_window_s
        return session_config(peer, timers, base, restarting=restarting)


def _place(endpoint: EndpointSpec) -> tuple[str, str]:
    return endpoint.network, endpoint.address


def _base_config(spec: RouteServerSpec, endpoint: EndpointSpec) -> SessionConfig:
    """What every session of an endpoint has in common; the peer's part is filled in later."""
    return SessionConfig(
        local_asn=spec.asn,
        local_router_id=IPv4Address(endpoint.address),
        peer_asn=spec.asn,
        accept_loopback_next_hops=spec.accept_loopback_next_hops,
        local_address=IPv4Address(endpoint.address),
    )


def _returning(spec: RouteServerSpec, around: Surroundings) -> Returning | None:
    """As `_deferral`, for all peers."""
    deadline = around.started_at + around.timers.restart_window_s
    if around.clock() >= deadline:
        return None
    peers = (peer.peer_id for endpoint in spec.endpoints for peer in endpoint.peers)
    return Returning(peers, deadline)


def _deferral(spec: RouteServerSpec, around: Surroundings) -> SelectionDeferral | None:
    """Only when the process has just started: a route server that is new later has no routes in the
    data plane."""
    deadline = around.started_at + around.timers.selection_deferral_s
    expected = [
        peer.peer_id
        for endpoint in spec.endpoints
        for peer in endpoint.peers
        if peer.settings.graceful_restart
    ]
    if not expected or around.clock() >= deadline:
        return None
    return SelectionDeferral(expected, deadline)
