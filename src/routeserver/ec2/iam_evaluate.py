"""Whether policies permit a request, and why.

Follows the IAM user guide, "Policy evaluation logic", for one account's identity-based policies: a
statement that denies wins over everything; otherwise an identity policy must allow, and so must the
permissions boundary and the session policies where there are any. What nothing allows is denied.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final

from routeserver.ec2.iam_pattern import Context
from routeserver.ec2.iam_policy import Policy, Statement


class Layer(StrEnum):
    """The kinds of policy, as Amazon's messages call them."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    TRUST = "resource-based policy"


@dataclass(frozen=True)
class Policies:
    """What a principal's rights come from. A boundary or session of None does not limit."""

    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None

    @cached_property
    def keys(self) -> frozenset[str]:
        """Every condition key that any of them looks at."""
        return frozenset().union(*(policy.keys for _, part in self.layers for policy in part))

    @cached_property
    def layers(self) -> tuple[tuple[Layer, tuple[Policy, ...]], ...]:
        found: list[tuple[Layer, tuple[Policy, ...]]] = [(Layer.IDENTITY, self.identity)]
        if self.boundary is not None:
            found.append((Layer.BOUNDARY, (self.boundary,)))
        if self.session is not None:
            found.append((Layer.SESSION, self.session))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: bool
    layer: Layer
    """What denied, or for want of what it is denied; the identity policies when it is allowed."""
    explicit: bool = False
    """A statement said Deny, rather than none saying Allow."""
    matched: tuple[Statement, ...] = field(default=(), repr=False)

    @property
    def reason(self) -> str:
        """The end of Amazon's sentence: "… because {reason}"."""
        if self.allowed:
            return f"a {self.layer} allows it"
        article = "an" if self.layer is Layer.IDENTITY else "a"
        if self.explicit:
            return f"with an explicit deny in {article} {self.layer}"
        return f"because no {self.layer} allows the {{action}} action"


def evaluate(policies: Policies, action: str, resource: str, context: Context) -> Decision:
    """`action` is ``service:Name``; `resource` an ARN, whose id is ``*`` for what is yet to be."""
    lacking: Layer | None = None
    allowing: tuple[Statement, ...] = ()
    for layer, part in policies.layers:
        matched = _matched(part, action, resource, context)
        denying = tuple(each for each in matched if not each.allows)
        if denying:
            return Decision(False, layer, explicit=True, matched=denying)
        if not matched and lacking is None:
            lacking = layer
        if layer is Layer.IDENTITY:
            allowing = matched
    if lacking is not None:
        return Decision(False, lacking)
    return Decision(True, Layer.IDENTITY, matched=allowing)


def _matched(
    policies: Iterable[Policy], action: str, resource: str, context: Context
) -> tuple[Statement, ...]:
    return tuple(
        statement
        for policy in policies
        for statement in policy.statements
        if statement.covers(action, resource, context)
    )


# --- trust policies -------------------------------------------------------------------------------


class Trust(StrEnum):
    """What a role's trust policy says to a principal."""

    NONE = "none"
    ACCOUNT = "account"
    """It trusts the principal's account, whose own policies must permit the call, too."""
    PRINCIPAL = "principal"
    """It names the principal itself."""
    DENIED = "denied"


ANYBODY: Final = "*"


def trust(
    policy: Policy, action: str, names: Iterable[str], account: str, context: Context
) -> Trust:
    """`names` are the ARNs a principal goes by (a session its own and its role's)."""
    known = frozenset(names)
    best = Trust.NONE
    for statement in policy.statements:
        said = _named(statement, known, account)
        if said is Trust.NONE or not statement.covers(action, ANYBODY, context):
            continue
        if not statement.allows:
            return Trust.DENIED
        if best is not Trust.PRINCIPAL:
            best = said
    return best


def _named(statement: Statement, names: frozenset[str], account: str) -> Trust:
    given = {name for kind, name in statement.principals if kind == "AWS"}
    accounts = {account, f"arn:aws:iam::{account}:root"}
    if statement.not_principals:
        return Trust.NONE if given & (names | accounts | {ANYBODY}) else Trust.PRINCIPAL
    if given & names or ANYBODY in given:
        return Trust.PRINCIPAL
    return Trust.ACCOUNT if given & accounts else Trust.NONE
