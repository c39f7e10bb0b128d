"""The way of an API call below the wire: find the operation, ask whether its caller may, run it in
one transaction, wake the reconcilers.

The caller is known and the parameters have their right form when a request arrives here. A DryRun
ends where the caller's permission is known, before anything of the operation itself. An operation's
transaction commits whole or not at all; the wake-up behind it carries nothing, because a reconciler
reads what is wanted for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from routeserver.control.access.access import Access
from routeserver.control.access.authorizer import Authorizer
from routeserver.control.access.principal import Credential
from routeserver.control.call import Answer, Call
from routeserver.control.memory import Memory
from routeserver.control.observed import Observed
from routeserver.control.operation import Operation
from routeserver.control.policy import Policy
from routeserver.control.registry import OPERATIONS
from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.net.ids import new_id
from routeserver.store import GoneError, Scope, Store, StoreError
from routeserver.store.errors import BusyError

__all__ = ["Api", "ApiRequest"]

DRY_RUN_OPERATION: Final = Refusal(
    "DryRunOperation",
    "Request would have succeeded, but DryRun flag is set.",
    status=412,
)


UNAVAILABLE: Final = Refusal(
    "Unavailable",
    "The service cannot reach its database or write to it at present. Try again later.",
    status=503,
)
TRIES: Final = 8
"""How often a call is made when others write what it looks at; each waits a little longer."""
FIRST_PAUSE_S: Final = 0.005
LAST_TRY_S: Final = 2.0
"""After so long none is made any more."""

_log = structlog.get_logger()


class Api:
    """Without `access` there is one of this process alone; without `id_bytes`, ids are made of
    `random_bytes`."""

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
        id_bytes: Callable[[int], bytes] | None = None,
    ) -> None:
        self._access = access or Access.of_one_process(store, random_bytes)
        self._authorizer = Authorizer(store, self._access.seal)
        self._store = store
        self._observed = observed
        self._policy = policy
        self._wall_clock = wall_clock
        self._random_bytes = random_bytes
        id_bytes = id_bytes or random_bytes
        self._new_id: Callable[[str], str] = lambda type_prefix: new_id(type_prefix, id_bytes)
        self._wake = wake
        self._memory = Memory()

    async def credential(self, access_key_id: str, session_token: str | None) -> Credential | None:
        """The credential of this access key (with this session token), or None.

        Raises Refusal Unavailable when it cannot be known.
        """
        try:
            return await self._access.directory.credential(access_key_id, session_token)
        except StoreError as error:
            _log.error("store_failed", reason=str(error))
            raise UNAVAILABLE from error

    async def call(self, request: ApiRequest) -> Answer:
        """Answer a request, in botocore's Python shape of the operation's output.

        Raises Refusal (or ec2's Fault) with the code the client gets; nothing is changed then,
        except that Unavailable may hide a commit whose outcome nobody was told.
        """
        try:
            return await self._call(request)
        except StoreError as error:
            _log.error("store_failed", request_id=request.request_id, reason=str(error))
            raise UNAVAILABLE from error

    async def _call(self, request: ApiRequest) -> Answer:
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
            answer = await self._run_again(operation, request, now)
        finally:
            if request.service == "iam" and operation.writes:
                # Also when it failed on the way: it may have been committed.
                self._access.directory.forget()
        if operation.writes and request.service != "iam":
            self._wake()
        return answer

    async def _run_again(self, operation: Operation, request: ApiRequest, now: float) -> Answer:
        """As often as somebody else was faster."""
        for number in range(TRIES):
            try:
                return await self._run(operation, request, now)
            except (BusyError, GoneError):
                self._memory.forget()
                if number + 1 == TRIES or self._wall_clock() - now > LAST_TRY_S:
                    raise
            (chance,) = self._random_bytes(1)
            await asyncio.sleep(FIRST_PAUSE_S * 2**number * (1 + chance / 256))
        raise AssertionError("unreachable")

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
                    new_id=self._new_id,
                    principal=request.caller,
                    request=request,
                    seal=self._access.seal,
                    memory=self._memory,
                ),
                request.params,
            )
