"""One entry of a registry of operations: the function and whether it writes."""

from __future__ import annotations

from dataclasses import dataclass

from routeserver.control.call import OperationFn


@dataclass(frozen=True, slots=True)
class Operation:
    run: OperationFn
    writes: bool


def reads(run: OperationFn) -> Operation:
    return Operation(run, writes=False)


def writes(run: OperationFn) -> Operation:
    return Operation(run, writes=True)
