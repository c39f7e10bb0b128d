"""The rows that are not resources: tags, client tokens, access keys."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TagRow:
    resource_id: str
    resource_kind: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A ClientToken as first used: `params_hash` tells a repetition from a mismatch."""

    action: str
    token: str
    params_hash: str
    resource_id: str
    created_at: float


@dataclass(frozen=True, slots=True)
class AccessKey:
    access_key_id: str
    secret: str = field(repr=False)
    account_id: str
    user_id: str
    principal_arn: str
