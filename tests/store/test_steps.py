"""Steps of many writers as few statements: what is put together, and what stays where it is."""

from __future__ import annotations

from sqlalchemy import Connection

from routeserver.store import statements
from routeserver.store.schema import TABLES, TAG
from routeserver.store.steps import Insertion, Presence, Step, merged

VPC, SUBNET = list(TABLES.values())[:2]


def other(_connection: Connection) -> None:
    """A step of which nothing is known."""


def presence(id: str) -> Presence:  # noqa: A002 - what it is
    return Presence(statements.select_one(VPC, scoped=False), (("w_id", id),))


def test_insertions_become_one_for_each_table() -> None:
    steps = [
        Insertion(VPC, [("a",)]),
        Insertion(SUBNET, [("b",), ("c",)]),
        Insertion(VPC, [("d",)]),
        Insertion(SUBNET, [("e",)]),
    ]
    assert merged(steps) == [
        Insertion(VPC, [("a",), ("d",)]),
        Insertion(SUBNET, [("b",), ("c",), ("e",)]),
    ]


def test_what_is_asked_for_twice_is_asked_for_once() -> None:
    steps: list[Step] = [presence("x"), Insertion(VPC, [("a",)]), presence("y"), presence("x")]
    assert merged(steps) == [presence("x"), presence("y"), Insertion(VPC, [("a",)])]


def test_nothing_passes_a_step_of_which_nothing_is_known() -> None:
    first, second = Insertion(VPC, [("a",)]), Insertion(VPC, [("b",)])
    steps: list[Step] = [presence("x"), first, other, presence("x"), second]
    assert merged(steps) == steps


def test_the_steps_given_are_left_as_they_are() -> None:
    first = Insertion(TAG, [("a",)])
    merged([first, Insertion(TAG, [("b",)])])
    assert first == Insertion(TAG, [("a",)])


def test_no_steps() -> None:
    assert merged([]) == []
