"""How far each resource has come: its state now and what the world answered, to its next state.
Pure.

`None` means that nothing moves. Every pair these functions return is in the life-cycle tables of
`domain.lifecycle`.
"""

from __future__ import annotations

from typing import assert_never

from routeserver.domain.resources import (
    EndpointState,
    PeerState,
    PersistState,
    RouteServer,
    RouteServerState,
)


def next_server_state(state: RouteServerState) -> RouteServerState | None:
    match state:
        case RouteServerState.PENDING | RouteServerState.MODIFYING:
            return RouteServerState.AVAILABLE
        case RouteServerState.DELETING:
            return RouteServerState.DELETED
        case RouteServerState.AVAILABLE | RouteServerState.DELETED:
            return None
        case _:
            assert_never(state)


def settled_persist_state(server: RouteServer) -> PersistState:
    """Where a change of persistence ends: with a duration routes are persisted, without one they
    are not."""
    match server.persist_routes_state:
        case PersistState.ENABLED | PersistState.ENABLING | PersistState.MODIFYING:
            return PersistState.ENABLED
        case PersistState.DISABLED | PersistState.DISABLING:
            return PersistState.DISABLED
        case PersistState.RESETTING:
            if server.persist_routes_duration_min is None:
                return PersistState.DISABLED
            return PersistState.ENABLED
        case other:
            assert_never(other)


def next_endpoint_state(state: EndpointState, *, bound: bool) -> EndpointState | None:
    """`bound`: the speaker listens on the endpoint's address."""
    match state:
        case EndpointState.PENDING:
            return EndpointState.AVAILABLE if bound else EndpointState.FAILING
        case EndpointState.AVAILABLE:
            return None if bound else EndpointState.FAILING
        case EndpointState.FAILING:
            return EndpointState.AVAILABLE if bound else EndpointState.FAILED
        case EndpointState.FAILED:
            return EndpointState.AVAILABLE if bound else None
        case EndpointState.DELETING:
            return EndpointState.DELETED
        case EndpointState.DELETED | EndpointState.DELETE_FAILED:
            return None
        case _:
            assert_never(state)


def next_peer_state(state: PeerState, *, runs: bool) -> PeerState | None:
    """`runs`: the speaker would accept the peer, and its BFD session (if it wants one) is being
    tried."""
    match state:
        case PeerState.PENDING:
            return PeerState.AVAILABLE if runs else PeerState.FAILING
        case PeerState.AVAILABLE:
            return None if runs else PeerState.FAILING
        case PeerState.FAILING:
            return PeerState.AVAILABLE if runs else PeerState.FAILED
        case PeerState.FAILED:
            return PeerState.AVAILABLE if runs else None
        case PeerState.DELETING:
            return PeerState.DELETED
        case PeerState.DELETED:
            return None
        case _:
            assert_never(state)
