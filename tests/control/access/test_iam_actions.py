"""The table of resource types: complete, and about parameters that exist."""

from __future__ import annotations

import pytest

from routeserver.control.registry import OPERATIONS
from routeserver.ec2 import iam_actions
from routeserver.ec2.model import Kind, Operation, operation

ABOUT_ALL = {"ModifyAvailabilityZoneGroup"}
"""Operations that write and are about ``*`` nevertheless."""


def modelled(action: str) -> Operation:
    found = operation("ec2", action)
    assert found is not None, action
    return found


@pytest.mark.parametrize(
    "action", [name for name, each in OPERATIONS["ec2"].items() if each.writes]
)
def test_everything_that_writes_says_what_it_is_about(action: str) -> None:
    assert action in ABOUT_ALL or iam_actions.targets(action)


@pytest.mark.parametrize("action", sorted(iam_actions._ROWS))
def test_the_parameters_of_a_row_exist(action: str) -> None:
    shape = modelled(action).input
    assert shape is not None
    for target in iam_actions.targets(action):
        at = shape
        for name in target.path:
            while at.kind is Kind.LIST:
                assert at.element is not None
                at = at.element
            members = {member.name: member.shape for member in at.members}
            assert name in members, f"{action} has no {name}"
            at = members[name]


def test_ids_are_found_wherever_they_are() -> None:
    (target, *_) = [
        each for each in iam_actions.targets("RunInstances") if "NetworkInterfaces" in each.path
    ]
    params = {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}, {"DeviceIndex": 0}]}
    assert list(iam_actions.ids(target, params)) == ["eni-1"]
    assert list(iam_actions.ids(target, {})) == []


@pytest.mark.parametrize(
    ("resource_id", "type_"),
    [("vpc-1", "vpc"), ("rtb-1", "route-table"), ("rse-1", "route-server-endpoint"), ("x-1", "*")],
)
def test_an_id_says_its_type(resource_id: str, type_: str) -> None:
    assert iam_actions.type_of(resource_id) == type_
