"""ClientToken: the same request sent twice makes one resource ("Ensuring idempotency in Amazon EC2
API requests").

The token is kept in the transaction that makes the resource, beside a digest of the parameters, so
that a client that never saw its answer gets it the second time, and one that uses a token for
something else is told. After a day it is forgotten.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final, TypeVar

from routeserver.control.call import Call, Params
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Resource

R = TypeVar("R", bound=Resource)

MAX_TOKEN_LENGTH = 64

TOKEN_LIFETIME_S: Final = 86_400
"""How long a repetition is recognised at least."""


async def once(call: Call, params: Params, type_: type[R]) -> R | None:
    """What this request has made before; None when it is new or carries no token.

    Raises Refusal IdempotentParameterMismatch when the token was used with other parameters, or
    made something that is gone: making it again would not be a repetition.
    """
    token = params.get("ClientToken")
    if not token:
        return None
    if len(token) > MAX_TOKEN_LENGTH:
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid value for ClientToken: it is longer than {MAX_TOKEN_LENGTH} characters.",
        )
    row = await call.tx.token(call.action, token)
    if row is None:
        return None
    if row.params_hash != digest(params):
        raise Refusal(
            "IdempotentParameterMismatch",
            f"The client token '{token}' was used before with different parameters.",
        )
    made = await call.tx.get(type_, row.resource_id)
    if made is None:
        raise Refusal(
            "IdempotentParameterMismatch",
            f"The client token '{token}' made {row.resource_id}, which has been deleted since; "
            "use a new token to make another.",
        )
    return made


async def remember(call: Call, params: Params, resource: Resource) -> None:
    """Keep that this request made `resource`; nothing when it carries no token.

    A client's old tokens go with each new one: SDKs put one into every request.
    """
    token = params.get("ClientToken")
    if token:
        await call.tx.forget_tokens(call.now - TOKEN_LIFETIME_S)
        await call.tx.put_token(call.action, token, digest(params), resource.id, call.now)


def digest(params: Params) -> str:
    """The parameters that make the request what it is, whatever their order."""
    meant = {name: value for name, value in params.items() if name not in {"ClientToken", "DryRun"}}
    return sha256(json.dumps(meant, sort_keys=True, default=str).encode()).hexdigest()
