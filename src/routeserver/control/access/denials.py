"""What a caller is told who may not: the sentence, and the sealed account of why.

EC2 hides the reasons in an encoded message, which ``sts:DecodeAuthorizationMessage`` opens for
those who may call it; IAM and STS say what they say and no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from routeserver.control.access.principal import Principal
from routeserver.domain.refusal import Refusal
from routeserver.ec2.iam_evaluate import Decision
from routeserver.ec2.iam_pattern import Context
from routeserver.store.seal import Seal, SealError

_ABOUT: Final = "authorization message"


def unauthorized(  # noqa: PLR0917 - what an answer tells
    principal: Principal,
    action: str,
    resource: str,
    decision: Decision,
    context: Context,
    seal: Seal,
    *,
    service: str,
) -> Refusal:
    """The refusal of `action` (``service:Name``) on a resource, in the words of the service that
    was asked."""
    reason = decision.reason.format(action=action)
    sentence = (
        f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} "
        f"{reason}"
    )
    if service != "ec2":
        return Refusal("AccessDenied", sentence, 403)
    account = _account(principal, action, resource, decision, context)
    encoded = seal.seal(json.dumps(account), _ABOUT)
    return Refusal(
        "UnauthorizedOperation",
        f"You are not authorized to perform this operation. {sentence}. "
        f"Encoded authorization failure message: {encoded}",
        403,
    )


def decoded(message: str, seal: Seal) -> str:
    """The account in an encoded message, as JSON. Raises Refusal."""
    try:
        return seal.open(message, _ABOUT)
    except SealError:
        raise Refusal(
            "InvalidAuthorizationMessageException",
            "The message is not an encoded authorization message of this server.",
        ) from None


def _account(
    principal: Principal, action: str, resource: str, decision: Decision, context: Context
) -> Mapping[str, Any]:
    """In the form that DecodeAuthorizationMessage documents."""
    return {
        "allowed": False,
        "explicitDeny": decision.explicit,
        "matchedStatements": {
            "items": [
                {"statementId": each.sid, "effect": "ALLOW" if each.allows else "DENY"}
                for each in decision.matched
            ]
        },
        "failures": {"items": []},
        "context": {
            "principal": {"id": principal.user_id, "name": principal.name, "arn": principal.arn},
            "action": action,
            "resource": resource,
            "conditions": {
                "items": [
                    {"key": key, "values": {"items": [{"value": each} for each in values]}}
                    for key, values in sorted(context.items())
                ]
            },
        },
    }
