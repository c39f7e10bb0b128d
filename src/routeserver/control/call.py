"""One API call on its way through an operation: who calls, when, and what the operation may
touch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from routeserver.control.access.principal import Principal
from routeserver.control.memory import Memory
from routeserver.control.observed import Observed
from routeserver.control.policy import Policy
from routeserver.control.request import ApiRequest
from routeserver.store.seal import Seal
from routeserver.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Call:
    """Everything outside the parameters that an operation works with.

    `tx` is scoped to the caller's account and region and commits when the operation returns;
    `new_id("vpc")` makes a fresh id; `now` is UTC seconds since the epoch; `random_bytes` is the
    only source of chance; `seal` closes what must not be read in the database;
    `memory` keeps ids between calls.
    """

    action: str
    request_id: str
    account_id: str
    principal_arn: str
    user_id: str
    region: str
    now: float
    tx: Transaction
    observed: Observed
    policy: Policy
    random_bytes: Callable[[int], bytes]
    new_id: Callable[[str], str]
    principal: Principal
    request: ApiRequest
    seal: Seal
    memory: Memory


Params: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]
OperationFn: TypeAlias = Callable[[Call, Params], Awaitable[Answer]]
