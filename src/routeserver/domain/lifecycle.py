"""How each resource may live: which state follows which, and who may cause it.

One table for each state machine of the service model; documentation and tests read the same tables.
A client call asks for something and moves a resource into a state that says so (`deleting`,
`modifying`); a reconciler reports what became of it. The states are those of the EC2 API
2016-11-15, the paths those that clients of the service observe. `rules` decides when a move makes
sense in view of other resources; this is only what can never be otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, Generic, TypeVar

from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    PeerState,
    PersistState,
    PropagationState,
    RouteServerState,
)

S = TypeVar("S", bound=StrEnum)


class Cause(Enum):
    """Who moves a resource to its next state."""

    CLIENT = "client call"
    RECONCILER = "reconciler"


CLIENT: Final = Cause.CLIENT
RECONCILER: Final = Cause.RECONCILER


@dataclass(frozen=True, slots=True)
class Lifecycle(Generic[S]):
    """`initial`: the states it can be created in. `removed_from`: those its row may vanish from."""

    initial: frozenset[S]
    transitions: Mapping[tuple[S, S], Cause]
    removed_from: frozenset[S] = frozenset()


ROUTE_SERVER: Final = Lifecycle(
    initial=frozenset({RouteServerState.PENDING}),
    transitions={
        (RouteServerState.PENDING, RouteServerState.AVAILABLE): RECONCILER,
        (RouteServerState.AVAILABLE, RouteServerState.MODIFYING): CLIENT,
        (RouteServerState.MODIFYING, RouteServerState.AVAILABLE): RECONCILER,
        (RouteServerState.AVAILABLE, RouteServerState.DELETING): CLIENT,
        (RouteServerState.DELETING, RouteServerState.DELETED): RECONCILER,
    },
    # Deleted route servers, endpoints and peers stay listed for a while.
    removed_from=frozenset({RouteServerState.DELETED}),
)

PERSIST_ROUTES: Final = Lifecycle(
    # Born in its final state: Terraform compares the setting with the answer to the create call.
    initial=frozenset({PersistState.DISABLED, PersistState.ENABLED}),
    transitions={
        (PersistState.DISABLED, PersistState.ENABLING): CLIENT,
        (PersistState.ENABLING, PersistState.ENABLED): RECONCILER,
        (PersistState.ENABLED, PersistState.MODIFYING): CLIENT,
        (PersistState.MODIFYING, PersistState.ENABLED): RECONCILER,
        (PersistState.ENABLED, PersistState.DISABLING): CLIENT,
        (PersistState.DISABLED, PersistState.DISABLING): CLIENT,
        (PersistState.DISABLING, PersistState.DISABLED): RECONCILER,
        (PersistState.ENABLED, PersistState.RESETTING): CLIENT,
        (PersistState.DISABLED, PersistState.RESETTING): CLIENT,
        (PersistState.RESETTING, PersistState.ENABLED): RECONCILER,
        (PersistState.RESETTING, PersistState.DISABLED): RECONCILER,
    },
)

ASSOCIATION: Final = Lifecycle(
    initial=frozenset({AssociationState.ASSOCIATING}),
    transitions={
        (AssociationState.ASSOCIATING, AssociationState.ASSOCIATED): RECONCILER,
        (AssociationState.ASSOCIATED, AssociationState.DISASSOCIATING): CLIENT,
    },
    removed_from=frozenset({AssociationState.DISASSOCIATING}),
)

ENDPOINT: Final = Lifecycle(
    initial=frozenset({EndpointState.PENDING}),
    transitions={
        (EndpointState.PENDING, EndpointState.AVAILABLE): RECONCILER,
        (EndpointState.PENDING, EndpointState.FAILING): RECONCILER,
        (EndpointState.AVAILABLE, EndpointState.FAILING): RECONCILER,
        (EndpointState.FAILING, EndpointState.AVAILABLE): RECONCILER,
        (EndpointState.FAILING, EndpointState.FAILED): RECONCILER,
        (EndpointState.FAILED, EndpointState.AVAILABLE): RECONCILER,
        (EndpointState.AVAILABLE, EndpointState.DELETING): CLIENT,
        (EndpointState.FAILED, EndpointState.DELETING): CLIENT,
        (EndpointState.DELETE_FAILED, EndpointState.DELETING): CLIENT,
        (EndpointState.DELETING, EndpointState.DELETED): RECONCILER,
        (EndpointState.DELETING, EndpointState.DELETE_FAILED): RECONCILER,
    },
    removed_from=frozenset({EndpointState.DELETED}),
)

PROPAGATION: Final = Lifecycle(
    initial=frozenset({PropagationState.PENDING}),
    transitions={
        (PropagationState.PENDING, PropagationState.AVAILABLE): RECONCILER,
        (PropagationState.AVAILABLE, PropagationState.DELETING): CLIENT,
    },
    # From every state: it goes with its route table.
    removed_from=frozenset(PropagationState),
)

PEER: Final = Lifecycle(
    initial=frozenset({PeerState.PENDING}),
    transitions={
        (PeerState.PENDING, PeerState.AVAILABLE): RECONCILER,
        (PeerState.PENDING, PeerState.FAILING): RECONCILER,
        (PeerState.AVAILABLE, PeerState.FAILING): RECONCILER,
        (PeerState.FAILING, PeerState.AVAILABLE): RECONCILER,
        (PeerState.FAILING, PeerState.FAILED): RECONCILER,
        (PeerState.FAILED, PeerState.AVAILABLE): RECONCILER,
        (PeerState.AVAILABLE, PeerState.DELETING): CLIENT,
        (PeerState.FAILED, PeerState.DELETING): CLIENT,
        (PeerState.DELETING, PeerState.DELETED): RECONCILER,
    },
    removed_from=frozenset({PeerState.DELETED}),
)

LIFECYCLES: Final[Mapping[type[StrEnum], Lifecycle[Any]]] = {
    RouteServerState: ROUTE_SERVER,
    PersistState: PERSIST_ROUTES,
    AssociationState: ASSOCIATION,
    EndpointState: ENDPOINT,
    PropagationState: PROPAGATION,
    PeerState: PEER,
}


def may_advance(from_state: S, to_state: S, cause: Cause) -> bool:
    """Whether `cause` may move a resource from one state to another; staying is no move."""
    if type(from_state) is not type(to_state):
        # Members of different enums are equal when their text is, and would be found in the table.
        raise TypeError(f"{from_state!r} and {to_state!r} are states of different resources")
    return LIFECYCLES[type(from_state)].transitions.get((from_state, to_state)) is cause


def may_be_removed(state: StrEnum) -> bool:
    """Whether a row in this state may vanish."""
    return state in LIFECYCLES[type(state)].removed_from


def check(what: str, from_state: S, to_state: S, cause: Cause) -> None:
    """Raises Refusal ``IncorrectState``; `what` names the resource, such as its id."""
    if may_advance(from_state, to_state, cause):
        return
    ready = [
        start.value
        for (start, end), by in LIFECYCLES[type(from_state)].transitions.items()
        if end is to_state and by is cause
    ]
    needed = f"only {' or '.join(ready)} leads there" if ready else f"no {cause.value} leads there"
    raise Refusal(
        "IncorrectState",
        f"{what} is {from_state.value} and cannot become {to_state.value}: {needed}.",
    )
