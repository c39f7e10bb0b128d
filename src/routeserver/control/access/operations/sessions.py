"""STS: who am I, and temporary credentials (STS API 2011-06-15)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from routeserver.control.access import context as contexts
from routeserver.control.access import denials, lookup, tokens
from routeserver.control.access.entities import Entity, EntityKind, entity_of
from routeserver.control.access.principal import PrincipalKind
from routeserver.control.access.rights import compiled, document_of
from routeserver.control.access.tokens import Session
from routeserver.control.call import Answer, Call, Params
from routeserver.domain.refusal import Refusal
from routeserver.ec2.iam_evaluate import Decision, Layer, Trust, evaluate, trust
from routeserver.ec2.iam_pattern import Values
from routeserver.ec2.iam_policy import Kind
from routeserver.store.iam_rows import IamRows

ASSUME_ROLE: Final = "sts:AssumeRole"
DEFAULT_USER_SESSION_S: Final = 43_200
DEFAULT_ROOT_SESSION_S: Final = 3600
MAX_CHAINED_S: Final = 3600
MAX_SESSION_POLICY: Final = 2048

_ROLE_ARN: Final = re.compile(r"arn:aws:iam::([0-9]{12}):role(/|/[!-~]+/)([\w+=,.@-]+)", re.A)


async def get_caller_identity(call: Call, params: Params) -> Answer:  # noqa: ARG001 - it takes none
    return {"UserId": call.user_id, "Account": call.account_id, "Arn": call.principal_arn}


async def get_access_key_info(call: Call, params: Params) -> Answer:
    key = await call.tx.access_key(params["AccessKeyId"])
    if key is None:
        raise Refusal("ValidationError", f"There is no access key {params['AccessKeyId']}.")
    return {"Account": key.account_id}


async def decode_authorization_message(call: Call, params: Params) -> Answer:
    return {"DecodedMessage": denials.decoded(params["EncodedMessage"], call.seal)}


async def get_session_token(call: Call, params: Params) -> Answer:
    caller = call.principal
    if caller.session is not None:
        raise Refusal("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    if "SerialNumber" in params or "TokenCode" in params:
        raise Refusal("AccessDenied", "There are no MFA devices here.", 403)
    is_user = caller.kind is PrincipalKind.USER
    duration = params.get("DurationSeconds")
    if duration is None or (not is_user and duration > DEFAULT_ROOT_SESSION_S):
        duration = DEFAULT_USER_SESSION_S if is_user else DEFAULT_ROOT_SESSION_S
    key_id, secret = tokens.new_key(call.random_bytes)
    session = Session(
        access_key_id=key_id,
        secret=secret,
        account_id=call.account_id,
        issued_at=call.now,
        expires_at=call.now + duration,
        user_name=caller.name if is_user else None,
    )
    return {"Credentials": _credentials(call, session)}


async def assume_role(call: Call, params: Params) -> Answer:
    caller, arn = call.principal, params["RoleArn"]
    if caller.kind is PrincipalKind.ROOT:
        raise Refusal("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    found = _ROLE_ARN.fullmatch(arn)
    if found is None:
        raise Refusal("ValidationError", f"{arn} is invalid")
    account = found[1]
    rows = call.tx.iam(account)
    document = await rows.get(EntityKind.ROLE, found[3])
    role = None if document is None else entity_of(document)
    _require_permission(call, params, arn, None if role is None or role.arn != arn else role)
    assert role is not None  # noqa: S101 - nobody may assume what is not there
    duration = _duration(call, params, role)
    key_id, secret = tokens.new_key(call.random_bytes)
    session = Session(
        access_key_id=key_id,
        secret=secret,
        account_id=account,
        issued_at=call.now,
        expires_at=call.now + duration,
        role_name=role.name,
        role_id=role.id,
        session_name=lookup.checked_name(params["RoleSessionName"], "roleSessionName", 64),
        policies=await _session_policies(rows, params),
    )
    return {
        "Credentials": _credentials(call, session),
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role.id}:{session.session_name}",
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role.name}/{session.session_name}",
        },
    }


def _require_permission(call: Call, params: Params, arn: str, role: Entity | None) -> None:
    """The role must trust the caller, and the caller's own policies must let it, unless the role
    names that very principal of its own account."""
    caller = call.principal
    assert caller.policies is not None  # noqa: S101 - only root has none
    context: Mapping[str, Values] = {
        **contexts.of_request(call.request, call.now),
        "sts:rolesessionname": (params["RoleSessionName"],),
        **({"sts:externalid": (params["ExternalId"],)} if "ExternalId" in params else {}),
    }
    own = evaluate(caller.policies, ASSUME_ROLE, arn, context)
    said = Trust.NONE
    if role is not None:
        said = trust(
            compiled(role.trust or "", Kind.TRUST),
            ASSUME_ROLE,
            caller.names,
            caller.account_id,
            context,
        )
    is_named = said is Trust.PRINCIPAL and role is not None and role.account_id == caller.account_id
    if said is Trust.DENIED or said is Trust.NONE:
        own = Decision(False, Layer.TRUST, explicit=said is Trust.DENIED)
    elif own.allowed or (is_named and not own.explicit):
        return
    raise denials.unauthorized(caller, ASSUME_ROLE, arn, own, context, call.seal, service="sts")


def _duration(call: Call, params: Params, role: Entity) -> int:
    duration = int(params.get("DurationSeconds", min(3600, role.max_session_s)))
    if duration > role.max_session_s:
        raise Refusal(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )
    if call.principal.session is not None and duration > MAX_CHAINED_S:
        raise Refusal(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining",
        )
    return duration


async def _session_policies(rows: IamRows, params: Params) -> tuple[str, ...] | None:
    documents: list[str] = []
    if "Policy" in params:
        text = lookup.checked_document(params["Policy"], Kind.IDENTITY, MAX_SESSION_POLICY)
        documents.append(text)
    for given in params.get("PolicyArns", ()):
        found = await document_of(rows, given.get("arn", ""))
        if found is None:
            raise lookup.no_such_entity(f"Policy {given.get('arn', '')}")
        documents.append(found)
    return tuple(documents) or None


def _credentials(call: Call, session: Session) -> Answer:
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": tokens.token_of(session, call.seal),
        "Expiration": session.expires_at,
    }
