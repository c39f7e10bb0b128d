"""Temporary credentials: an access key whose session token carries, sealed, everything about it.

Nothing is stored for them, so there is nothing to clean up and any process with the same key knows
them. What a role or user may do is not in the token but looked up when it is used: a policy that is
taken away is gone from running sessions, too.
"""

from __future__ import annotations

import json
from base64 import b32encode, b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final

from routeserver.store.seal import Seal, SealError

KEY_PREFIX: Final = "ASIA"


@dataclass(frozen=True, slots=True)
class Session:
    """`role_name` or `user_name` is whose; neither is the account's root."""

    access_key_id: str
    secret: str = field(repr=False)
    account_id: str
    issued_at: float
    expires_at: float
    role_name: str | None = None
    role_id: str | None = None
    session_name: str | None = None
    user_name: str | None = None
    policies: tuple[str, ...] | None = None
    """Session policy documents."""


def new_key(random_bytes: Callable[[int], bytes]) -> tuple[str, str]:
    """A temporary access key's id and secret, in Amazon's forms."""
    return (
        KEY_PREFIX + b32encode(random_bytes(10)).decode(),
        b64encode(random_bytes(30)).decode(),
    )


def token_of(session: Session, seal: Seal) -> str:
    return seal.seal(json.dumps(asdict(session)), _about(session.access_key_id))


def session_of(access_key_id: str, token: str, seal: Seal) -> Session | None:
    """The session of a token; None for one that this server did not give out for this key."""
    try:
        found = json.loads(seal.open(token, _about(access_key_id)))
    except SealError:
        return None
    policies = found.pop("policies")
    return Session(**found, policies=None if policies is None else tuple(policies))


def _about(access_key_id: str) -> str:
    return f"session {access_key_id}"
