"""The way of an API call below the wire: find the operation, run it in one transaction, wake the
reconcilers.

The caller is known and the parameters have their right form when a request arrives here. An
operation's transaction commits whole or not at all; the wake-up behind it carries nothing, because
a reconciler reads what is wanted for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from routeserver.control.call import Answer, Call
from routeserver.control.observed import Observed
from routeserver.control.policy import Policy
from routeserver.control.registry import OPERATIONS
from routeserver.domain.refusal import Refusal
from routeserver.net.ids import new_id
from routeserver.store import AccessKey, Scope, Store

DRY_RUN_OPERATION: Final = Refusal(
    "DryRunOperation",
    "Request would have succeeded, but DryRun flag is set.",
    status=412,
)


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A signed, well-formed request: who, where, what."""

    service: str
    action: str
    params: Mapping[str, Any]
    account_id: str
    principal_arn: str
    user_id: str
    region: str
    request_id: str


class Api:
    def __init__(
        self,
        store: Store,
        observed: Observed,
        policy: Policy,
        *,
        wall_clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._observed = observed
        self._policy = policy
        self._wall_clock = wall_clock
        self._random_bytes = random_bytes
        self._wake = wake

    async def secret_of(self, access_key_id: str) -> AccessKey | None:
        """The access key of this id with its secret and owner, or None."""
        async with self._store.read() as tx:
            return await tx.access_key(access_key_id)

    async def call(self, request: ApiRequest) -> Answer:
        """Answer a request, in botocore's Python shape of the operation's output.

        Raises Refusal (or ec2's Fault) with the code the client gets; nothing is changed then.
        """
        operation = OPERATIONS[request.service].get(request.action)
        if operation is None:
            raise Refusal(
                "InvalidAction", f"The action {request.action} is not valid for this web service."
            )
        if request.params.get("DryRun"):
            raise DRY_RUN_OPERATION
        scope = Scope(request.account_id, request.region)
        open_transaction = self._store.write if operation.writes else self._store.read
        async with open_transaction(scope) as tx:
            answer = await operation.run(
                Call(
                    action=request.action,
                    request_id=request.request_id,
                    account_id=request.account_id,
                    principal_arn=request.principal_arn,
                    user_id=request.user_id,
                    region=request.region,
                    now=self._wall_clock(),
                    tx=tx,
                    observed=self._observed,
                    policy=self._policy,
                    random_bytes=self._random_bytes,
                    new_id=lambda type_prefix: new_id(type_prefix, self._random_bytes),
                ),
                request.params,
            )
        if operation.writes:
            self._wake()
        return answer
