"""Every state and every answer of the world, against the life-cycle tables."""

from __future__ import annotations

import pytest

from routeserver.control.reconcile.advance import (
    next_endpoint_state,
    next_peer_state,
    next_server_state,
    settled_persist_state,
)
from routeserver.domain.lifecycle import RECONCILER, may_advance
from routeserver.domain.resources import (
    EndpointState,
    PeerState,
    PersistState,
    RouteServer,
    RouteServerState,
)


@pytest.mark.parametrize("state", RouteServerState)
def test_a_route_server_only_moves_as_its_life_cycle_allows(state: RouteServerState) -> None:
    following = next_server_state(state)
    assert following is None or may_advance(state, following, RECONCILER)


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize("state", EndpointState)
def test_an_endpoint_only_moves_as_its_life_cycle_allows(state: EndpointState, bound: bool) -> None:
    following = next_endpoint_state(state, bound=bound)
    assert following is None or may_advance(state, following, RECONCILER)


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("state", PeerState)
def test_a_peer_only_moves_as_its_life_cycle_allows(state: PeerState, runs: bool) -> None:
    following = next_peer_state(state, runs=runs)
    assert following is None or may_advance(state, following, RECONCILER)


@pytest.mark.parametrize("minutes", [None, 3])
@pytest.mark.parametrize("state", PersistState)
def test_a_change_of_persistence_settles(state: PersistState, minutes: int | None) -> None:
    server = RouteServer(
        id="rs-1",
        account_id="1",
        region="us-east-1",
        created_at=0.0,
        amazon_side_asn=65000,
        state=RouteServerState.MODIFYING,
        persist_routes_state=state,
        persist_routes_duration_min=minutes,
    )
    settled = settled_persist_state(server)
    assert settled in (PersistState.ENABLED, PersistState.DISABLED)
    assert settled is state or may_advance(state, settled, RECONCILER)


def test_a_failure_shows_before_it_is_final_and_heals() -> None:
    assert next_endpoint_state(EndpointState.AVAILABLE, bound=False) is EndpointState.FAILING
    assert next_endpoint_state(EndpointState.FAILING, bound=False) is EndpointState.FAILED
    assert next_endpoint_state(EndpointState.FAILED, bound=False) is None
    assert next_endpoint_state(EndpointState.FAILED, bound=True) is EndpointState.AVAILABLE
