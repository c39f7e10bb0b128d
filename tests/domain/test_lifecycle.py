"""The life-cycle tables against the service model, and against themselves."""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from typing import Any, Final

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from routeserver.domain.lifecycle import (
    LIFECYCLES,
    Cause,
    Lifecycle,
    check,
    may_advance,
    may_be_removed,
)
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    PeerState,
    PersistState,
    PropagationState,
    RouteServerState,
)

SHAPES: Final[dict[type[StrEnum], str]] = {
    RouteServerState: "RouteServerState",
    PersistState: "RouteServerPersistRoutesState",
    AssociationState: "RouteServerAssociationState",
    EndpointState: "RouteServerEndpointState",
    PropagationState: "RouteServerPropagationState",
    PeerState: "RouteServerPeerState",
}

MACHINES = [pytest.param(states, LIFECYCLES[states], id=SHAPES[states]) for states in SHAPES]


@pytest.fixture(scope="module")
def ec2() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("ec2", "service-2"))


def test_there_is_a_table_for_every_state_machine() -> None:
    assert set(LIFECYCLES) == set(SHAPES)


@pytest.mark.parametrize(("states", "shape"), SHAPES.items(), ids=SHAPES.values())
def test_the_states_are_exactly_those_of_the_service_model(
    ec2: ServiceModel, states: type[StrEnum], shape: str
) -> None:
    assert [state.value for state in states] == ec2.shape_for(shape).enum


@pytest.mark.parametrize(("states", "machine"), MACHINES)
def test_every_state_can_be_reached(states: type[StrEnum], machine: Lifecycle[Any]) -> None:
    reached = set(machine.initial)
    while more := {end for start, end in machine.transitions if start in reached} - reached:
        reached |= more
    assert reached == set(states)


@pytest.mark.parametrize(("states", "machine"), MACHINES)
def test_no_state_is_a_dead_end(states: type[StrEnum], machine: Lifecycle[Any]) -> None:
    left = {start for start, _ in machine.transitions} | machine.removed_from
    assert left == set(states)


@pytest.mark.parametrize(("states", "machine"), MACHINES)
def test_a_state_that_says_something_is_going_on_is_left_by_the_reconciler_alone(
    states: type[StrEnum], machine: Lifecycle[Any]
) -> None:
    going_on = {state for state in states if state.value.endswith("ing")}
    causes = {by for (start, _), by in machine.transitions.items() if start in going_on}
    assert causes <= {Cause.RECONCILER}


@pytest.mark.parametrize(("states", "machine"), MACHINES)
def test_a_client_call_only_ever_leads_to_a_state_in_which_something_is_going_on(
    states: type[StrEnum], machine: Lifecycle[Any]
) -> None:
    asked_for = {end for (_, end), by in machine.transitions.items() if by is Cause.CLIENT}
    assert all(state.value.endswith("ing") for state in asked_for)


@pytest.mark.parametrize(("states", "machine"), MACHINES)
def test_every_pair_of_states_is_allowed_to_the_one_in_the_table_or_to_nobody(
    states: type[StrEnum], machine: Lifecycle[Any]
) -> None:
    for start, end, cause in product(states, states, Cause):
        allowed = machine.transitions.get((start, end)) is cause
        assert may_advance(start, end, cause) is allowed
        if allowed:
            check("it", start, end, cause)
        else:
            with pytest.raises(Refusal) as caught:
                check("it", start, end, cause)
            assert caught.value.code == "IncorrectState"


@pytest.mark.parametrize(("states", "machine"), MACHINES)
def test_a_row_is_removed_only_from_where_the_table_says(
    states: type[StrEnum], machine: Lifecycle[Any]
) -> None:
    assert {state for state in states if may_be_removed(state)} == machine.removed_from


def test_a_refused_move_says_what_would_lead_there() -> None:
    with pytest.raises(Refusal) as caught:
        check("rsp-1", PeerState.PENDING, PeerState.DELETING, Cause.CLIENT)
    assert caught.value.message == (
        "rsp-1 is pending and cannot become deleting: only available or failed leads there."
    )


def test_a_move_that_nobody_of_that_kind_can_make_says_so() -> None:
    with pytest.raises(Refusal) as caught:
        check("rsp-1", PeerState.DELETING, PeerState.DELETED, Cause.CLIENT)
    assert caught.value.message == (
        "rsp-1 is deleting and cannot become deleted: no client call leads there."
    )


def test_states_of_different_resources_never_mix() -> None:
    with pytest.raises(TypeError, match="different resources"):
        may_advance(PeerState.PENDING, EndpointState.AVAILABLE, Cause.RECONCILER)
