"""STS GetCallerIdentity (STS API 2011-06-15): who signed this request."""

from __future__ import annotations

from routeserver.control.call import Answer, Call, Params


async def get_caller_identity(call: Call, params: Params) -> Answer:  # noqa: ARG001 - it takes none
    return {"UserId": call.user_id, "Account": call.account_id, "Arn": call.principal_arn}
