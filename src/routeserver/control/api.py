"""The way of an API call below the wire: find the operation, ask whether its caller may, run it in
one transaction, wake the reconcilers.

The caller is known and the parameters have their right form when a request arrives here. A DryRun
ends where the caller's permission is known, before anything of the operation itself. An operation's
transaction commits whole or not at all; the wake-up behind it carries nothing, because a reconciler
reads what is wanted for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from routeserver.control.access.access import Access
from routeserver.control.access.authorizer import Authorizer
from routeserver.control.access.principal import Credential
from routeserver.control.call import Answer, Call
from routeserver.control.observed import Observed
from routeserver.control.operation import Operation
from routeserver.control.policy import Policy
from routeserver.control.registry import OPERATIONS
from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.net.ids import new_id
from routeserver.store import Scope, Store

__all__ = ["Api", "ApiRequest"]

DRY_RUN_OPERATION: Final = Refusal(
    "DryRunOperation",
    "Request would have succeeded, but DryRun flag is set.",
    status=412,
)


class Api:
    """Without `access` there is one of this process alone."""

    def __init__(
        self,
        store: Store,
        observed: Observed,
        policy: Policy,
        *,
        wall_clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
        wake: Callable[[], None],
        access: Access | None = None,
    ) -> None:
        self._access = access or Access.of_one_process(store, random_bytes)
        self._authorizer = Authorizer(store, self._access.seal)
        self._store = store
        self._observed = observed
        self._policy = policy
        self._wall_clock = wall_clock
        self._random_bytes = random_bytes
        self._wake = wake

    async def credential(self, access_key_id: str, session_token: str | None) -> Credential | None:
        """The credential of this access key (with this session token), or None."""
        return await self._access.directory.credential(access_key_id, session_token)

    async def call(self, request: ApiRequest) -> Answer:
        """Answer a request, in botocore's Python shape of the operation's output.

        Raises Refusal (or ec2's Fault) with the code the client gets; nothing is changed then.
        """
        operation = OPERATIONS[request.service].get(request.action)
        if operation is None:
            raise Refusal(
                "InvalidAction", f"The action {request.action} is not valid for this web service."
            )
        if self._access.throttle is not None:
            self._access.throttle.take(request, writes=operation.writes)
        now = self._wall_clock()
        await self._authorizer.check(request, now)
        if request.params.get("DryRun"):
            raise DRY_RUN_OPERATION
        try:
            answer = await self._run(operation, request, now)
        finally:
            if request.service == "iam" and operation.writes:
                # Also when it failed on the way: it may have been committed.
                self._access.directory.forget()
        if operation.writes and request.service != "iam":
            self._wake()
        return answer

    async def _run(self, operation: Operation, request: ApiRequest, now: float) -> Answer:
        scope = Scope(request.account_id, request.region)
        open_transaction = self._store.write if operation.writes else self._store.read
        async with open_transaction(scope) as tx:
            return await operation.run(
                Call(
                    action=request.action,
                    request_id=request.request_id,
                    account_id=request.account_id,
                    principal_arn=request.principal_arn,
                    user_id=request.user_id,
                    region=request.region,
                    now=now,
                    tx=tx,
                    observed=self._observed,
                    policy=self._policy,
                    random_bytes=self._random_bytes,
                    new_id=lambda type_prefix: new_id(type_prefix, self._random_bytes),
                    principal=request.caller,
                    request=request,
                    seal=self._access.seal,
                ),
                request.params,
            )
