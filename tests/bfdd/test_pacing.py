"""What a restless remote system may cost the server: two changes and one handover a window."""

from __future__ import annotations

import pytest

from routeserver.bfd.events import Handover
from routeserver.bfdd.channel import Changed, HandedOver
from routeserver.bfdd.pacing import WINDOW_S, Pacing
from routeserver.bfdd.spec import BfdChange
from tests.bfdd.test_deadlines import FakeLoop


def change(state: str, session_id: str = "s") -> BfdChange:
    """`up`, `lost`, `stopped` for a loss that is no failure, or of a session that is down already
    `off` and `on` for what an administrator has done at the other end."""
    return BfdChange(
        session_id,
        up=state == "up",
        reason=state,
        at=0.0,
        failure=state == "lost",
        admin_down=state in {"stopped", "off"},
        already_down=state in {"off", "on"},
    )


def handover(number: int) -> Handover:
    return Handover(1, 2, number, number, 3)


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def told() -> list[Changed | HandedOver]:
    return []


@pytest.fixture
def pacing(loop: FakeLoop, told: list[Changed | HandedOver]) -> Pacing:
    return Pacing(loop, told.append)


def states(told: list[Changed | HandedOver]) -> list[str]:
    return [said.change.reason for said in told if isinstance(said, Changed)]


def test_what_changes_seldom_is_told_at_once(
    loop: FakeLoop, pacing: Pacing, told: list[Changed | HandedOver]
) -> None:
    for state in ("up", "lost", "up"):
        pacing.changed(change(state))
        assert states(told)[-1] == state
        loop.run_until(loop.now + 2 * WINDOW_S)
    assert states(told) == ["up", "lost", "up"]
    assert loop.timers == []


@pytest.mark.parametrize(
    ("after_up", "then"),
    [
        ("lost", ["lost"]),
        ("lost up", ["lost", "up"]),
        ("lost up stopped up", ["lost", "up"]),
        ("stopped up lost", ["lost"]),
        ("stopped up", ["stopped", "up"]),
        ("lost up stopped", ["lost", "stopped"]),
        ("lost off", ["lost", "off"]),
        ("lost off on off up", ["lost", "up"]),
        ("off on", ["on"]),
    ],
)
def test_within_a_window_a_loss_and_the_end_of_it_are_told(
    loop: FakeLoop,
    pacing: Pacing,
    told: list[Changed | HandedOver],
    after_up: str,
    then: list[str],
) -> None:
    pacing.changed(change("up"))
    pacing.changed(change("up", "another"))
    for state in after_up.split():
        pacing.changed(change(state))
    assert states(told) == ["up", "up"]
    loop.run_until(WINDOW_S)
    assert states(told)[2:] == then
    loop.run_until(9.0)
    assert states(told)[2:] == then


def test_a_restless_session_is_told_of_twice_a_window(
    loop: FakeLoop, pacing: Pacing, told: list[Changed | HandedOver]
) -> None:
    for step in range(1000):
        loop.run_until(step / 1000)
        pacing.changed(change("up" if step % 2 else "lost"))
        pacing.handed_over("s", handover(step))
    assert len(states(told)) <= 2 * (1 / WINDOW_S + 1)
    assert len(told) - len(states(told)) <= 1 / WINDOW_S + 1
    loop.run_until(9.0)
    assert states(told)[-1] == "up"
    assert loop.timers == []


def test_of_many_handovers_the_last_is_told_and_none_after_a_loss(
    loop: FakeLoop, pacing: Pacing, told: list[Changed | HandedOver]
) -> None:
    for number in range(5):
        pacing.handed_over("s", handover(number))
        pacing.handed_over("lost", handover(number))
    pacing.changed(change("lost", "lost"))
    loop.run_until(1.0)
    handovers = [said for said in told if isinstance(said, HandedOver)]
    assert handovers == [
        HandedOver("s", handover(0)),
        HandedOver("lost", handover(0)),
        HandedOver("s", handover(4)),
    ]


def test_what_waits_is_not_for_the_next_owner(
    loop: FakeLoop, pacing: Pacing, told: list[Changed | HandedOver]
) -> None:
    pacing.changed(change("up"))
    pacing.changed(change("lost"))
    pacing.forget()
    loop.run_until(9.0)
    assert states(told) == ["up"]
    pacing.changed(change("up"))
    assert states(told) == ["up", "up"]


def test_what_waits_is_told_before_an_order_is_taken(
    loop: FakeLoop, pacing: Pacing, told: list[Changed | HandedOver]
) -> None:
    pacing.flush()
    pacing.changed(change("up"))
    pacing.changed(change("lost"))
    pacing.flush()
    assert states(told) == ["up", "lost"]
    loop.run_until(9.0)
    assert states(told) == ["up", "lost"]
    assert loop.timers == []
