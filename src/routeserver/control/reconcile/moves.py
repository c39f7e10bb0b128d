"""The state moves that follow from what is wanted and what the world answered. Pure.

A move says which row goes to which state, with what it learns on the way; a move to nowhere removes
the row. The reconciler carries the list out in one transaction by compare-and-set, so a client that
was quicker wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from routeserver.control.reconcile.advance import (
    next_endpoint_state,
    next_peer_state,
    next_server_state,
    settled_persist_state,
)
from routeserver.control.reconcile.intent import LIVE_ENDPOINT, Intent
from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    PeerState,
    PropagationState,
    Resource,
    RouteServer,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteServerState,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the world answered: why an endpoint does not listen, why a peer does not run. Absent
    means all is well."""

    endpoint_faults: Mapping[str, str]
    peer_faults: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Move:
    resource: Resource
    to_state: str | None
    """The next state; None removes the row."""
    changes: Mapping[str, Any] = field(default_factory=dict)


def moves(intent: Intent, outcome: Outcome, *, now: float, expired_before: float) -> list[Move]:
    """Every move that is due; `expired_before` is the age from which a deleted object is
    forgotten."""
    return list(
        chain(
            _networks(intent),
            _servers(intent, now),
            _links(intent),
            _peers(intent, outcome, now),
            _endpoints(intent, outcome, now),
            _tombstones(intent, expired_before),
        )
    )


def _networks(intent: Intent) -> Iterator[Move]:
    for network in (*intent.pending_vpcs, *intent.pending_subnets):
        yield Move(network, "available")


def _servers(intent: Intent, now: float) -> Iterator[Move]:
    for server in intent.servers:
        state = next_server_state(server.state)
        if state is RouteServerState.DELETED:
            yield Move(server, state, {"deleted_at": now})
        elif state is not None:
            yield Move(server, state, {"persist_routes_state": settled_persist_state(server)})


def _links(intent: Intent) -> Iterator[Move]:
    for link in intent.associations:
        if link.state is AssociationState.ASSOCIATING:
            yield Move(link, AssociationState.ASSOCIATED)
        elif link.state is AssociationState.DISASSOCIATING:
            yield Move(link, None)
    for propagation in intent.propagations:
        if propagation.route_table_id not in intent.tables:
            yield Move(propagation, None)
        elif propagation.state is PropagationState.PENDING:
            yield Move(propagation, PropagationState.AVAILABLE)
        elif propagation.state is PropagationState.DELETING:
            yield Move(propagation, None)


def _peers(intent: Intent, outcome: Outcome, now: float) -> Iterator[Move]:
    for peer in intent.peers:
        fault = outcome.peer_faults.get(peer.id)
        state = next_peer_state(peer.state, runs=fault is None)
        if state is PeerState.DELETED:
            yield Move(peer, state, {"deleted_at": now})
        elif state is not None:
            yield Move(peer, state, {"failure_reason": fault})


def _endpoints(intent: Intent, outcome: Outcome, now: float) -> Iterator[Move]:
    interfaces = {interface.id: interface for interface in intent.interfaces}
    for endpoint in intent.endpoints:
        fault = outcome.endpoint_faults.get(endpoint.id)
        if fault is None and endpoint.eni_id is None and endpoint.state in LIVE_ENDPOINT:
            continue  # made since addresses were given out; the next activation sees to it
        state = next_endpoint_state(endpoint.state, bound=fault is None)
        if state is EndpointState.DELETED:
            if endpoint.eni_id in interfaces:
                yield Move(interfaces[endpoint.eni_id], None)
            yield Move(endpoint, state, {"deleted_at": now})
        elif state is not None:
            yield Move(endpoint, state, {"failure_reason": fault})


def _tombstones(intent: Intent, expired_before: float) -> Iterator[Move]:
    rows: tuple[RouteServer | RouteServerEndpoint | RouteServerPeer, ...] = (
        *intent.peers,
        *intent.endpoints,
        *intent.servers,
    )
    for row in rows:
        if row.deleted_at is not None and row.deleted_at <= expired_before:
            yield Move(row, None)
