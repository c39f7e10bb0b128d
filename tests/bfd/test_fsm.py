"""The state machine of RFC 5880 §6.2, listed a second time: as each arrow of its figure says."""

from __future__ import annotations

from itertools import product

import pytest

from routeserver.bfd.fsm import ON_DETECTION_TIME_EXPIRED, ON_RECEIVED
from routeserver.bfd.packet import Diagnostic, State

ADMIN_DOWN, DOWN, INIT, UP = State

# Own state -> the states it goes to on receiving AdminDown, Down, Init, Up.
ARROWS = {
    ADMIN_DOWN: (ADMIN_DOWN, ADMIN_DOWN, ADMIN_DOWN, ADMIN_DOWN),
    DOWN: (DOWN, INIT, UP, DOWN),
    INIT: (DOWN, INIT, UP, UP),
    UP: (DOWN, DOWN, UP, UP),
}


@pytest.mark.parametrize(("own", "received"), list(product(State, State)))
def test_every_pair_of_states_goes_where_the_rfc_says(own: State, received: State) -> None:
    assert ON_RECEIVED[own, received][0] is ARROWS[own][received]


def test_the_table_has_every_pair_and_no_other() -> None:
    assert set(ON_RECEIVED) == set(product(State, State))
    assert set(ON_DETECTION_TIME_EXPIRED) == set(State)


@pytest.mark.parametrize(("own", "received"), list(product(State, State)))
def test_a_diagnostic_is_set_exactly_when_a_session_falls_or_comes_up(
    own: State, received: State
) -> None:
    state, diagnostic = ON_RECEIVED[own, received]
    if state is own or state is INIT:
        assert diagnostic is None
    elif state is DOWN:
        assert diagnostic is Diagnostic.NEIGHBOR_SIGNALED_DOWN
    else:
        assert diagnostic is Diagnostic.NONE


def test_silence_ends_a_session_that_was_getting_or_being_up() -> None:
    expired = (DOWN, Diagnostic.DETECTION_TIME_EXPIRED)
    assert ON_DETECTION_TIME_EXPIRED[INIT] == ON_DETECTION_TIME_EXPIRED[UP] == expired
    assert ON_DETECTION_TIME_EXPIRED[DOWN][0] is DOWN
    assert ON_DETECTION_TIME_EXPIRED[ADMIN_DOWN][0] is ADMIN_DOWN
