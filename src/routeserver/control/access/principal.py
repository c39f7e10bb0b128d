"""Who asks: the principal that a signature proved, and the credential that it was proved with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from routeserver.ec2.iam_evaluate import Policies


class PrincipalKind(StrEnum):
    """As CloudTrail's ``userIdentity.type`` calls them."""

    ROOT = "Root"
    USER = "IAMUser"
    ASSUMED_ROLE = "AssumedRole"


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What temporary credentials say beyond their owner."""

    issued_at: float
    expires_at: float
    issuer_arn: str
    issuer_id: str
    issuer_name: str


@dataclass(frozen=True, slots=True)
class Principal:
    """`policies` of None may do everything: the account's root."""

    kind: PrincipalKind
    account_id: str
    arn: str
    user_id: str
    name: str
    policies: Policies | None
    access_key_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    session: SessionFacts | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The ARNs that a trust policy may know it by."""
        if self.kind is PrincipalKind.ASSUMED_ROLE and self.session is not None:
            return self.arn, self.session.issuer_arn
        return (self.arn,)


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret and who holds it. `expires_at` is UTC seconds; None is never."""

    secret: str = field(repr=False)
    principal: Principal
    expires_at: float | None = None


def root(account_id: str, access_key_id: str = "") -> Principal:
    return Principal(
        kind=PrincipalKind.ROOT,
        account_id=account_id,
        arn=f"arn:aws:iam::{account_id}:root",
        user_id=account_id,
        name="root",
        policies=None,
        access_key_id=access_key_id,
    )
