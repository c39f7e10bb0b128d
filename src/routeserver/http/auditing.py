"""What the endpoint knows of a request, as the audit trail writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from routeserver.control.access.principal import Principal, PrincipalKind
from routeserver.ec2.sigv4 import Claim
from routeserver.observe.audit import AuditedCall


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request came from."""

    ip: str
    user_agent: str
    is_encrypted: bool


def claimed(claim: Claim, source: Source, request_id: str, at: float) -> AuditedCall:
    """A call of which nothing is known yet but who claims to have signed it."""
    return AuditedCall(
        at=at,
        service=claim.service,
        action="",
        region=claim.region,
        identity={"type": "Unknown", "accessKeyId": claim.access_key_id},
        params={},
        source_ip=source.ip,
        user_agent=source.user_agent,
        request_id=request_id,
        account_id="",
    )


def identity(caller: Principal) -> dict[str, Any]:
    """CloudTrail's ``userIdentity``."""
    found: dict[str, Any] = {
        "type": caller.kind.value,
        "principalId": caller.user_id,
        "arn": caller.arn,
        "accountId": caller.account_id,
        "accessKeyId": caller.access_key_id,
    }
    if caller.kind is PrincipalKind.USER:
        found["userName"] = caller.name
    if caller.session is not None:
        issued = datetime.fromtimestamp(caller.session.issued_at, UTC)
        facts: dict[str, Any] = {
            "attributes": {
                "creationDate": f"{issued:%Y-%m-%dT%H:%M:%SZ}",
                "mfaAuthenticated": "false",
            }
        }
        if caller.kind is PrincipalKind.ASSUMED_ROLE:
            facts["sessionIssuer"] = {
                "type": "Role",
                "principalId": caller.session.issuer_id,
                "arn": caller.session.issuer_arn,
                "accountId": caller.account_id,
                "userName": caller.session.issuer_name,
            }
        found["sessionContext"] = facts
    return found
