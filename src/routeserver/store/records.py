"""The rows that are not resources: tags, client tokens, access keys, peer settings."""

from __future__ import annotations

from collections.abc import Mapping
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
    """`secret` is sealed; a key of the account's root has no `user_name`."""

    access_key_id: str
    secret: str = field(repr=False)
    account_id: str
    user_id: str
    principal_arn: str
    user_name: str | None = None
    status: str = "Active"
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class PeerSettingsRow:
    """What was set for one peer, as it was written; secrets are kept as access keys are."""

    peer_id: str
    settings: Mapping[str, object] = field(repr=False)
