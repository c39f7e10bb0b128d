"""Accounts: each has its own resources, users and root, and sees nothing of any other.

An account is there as soon as its root has an access key. The first one is made with the server
and its key lies in a file; further ones are made by the operator, who is shown their keys once.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from routeserver.store import AccessKey, Transaction
from routeserver.store.seal import Seal

_ROOT: str = ":root"


@dataclass(frozen=True, slots=True)
class NewKey:
    """An access key of an account's root, as its owner needs it."""

    account_id: str
    access_key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    account_id: str
    created_at: float
    """UTC seconds; 0 for the one that was made with the server."""
    root_key_ids: tuple[str, ...]


def new_account_id(random_bytes: Callable[[int], bytes]) -> str:
    """12 digits."""
    return f"{1 + int.from_bytes(random_bytes(8)) % (10**12 - 1):012d}"


def new_key(account_id: str, random_bytes: Callable[[int], bytes]) -> NewKey:
    """In Amazon's forms: AKIA and 16 of base 32; 40 of base 64."""
    return NewKey(
        account_id,
        "AKIA" + b32encode(random_bytes(10)).decode(),
        b64encode(random_bytes(30)).decode(),
    )


def row_of(key: NewKey, seal: Seal, created_at: float) -> AccessKey:
    return AccessKey(
        access_key_id=key.access_key_id,
        secret=seal.seal(key.secret, key.access_key_id),
        account_id=key.account_id,
        user_id=key.account_id,
        principal_arn=f"arn:aws:iam::{key.account_id}:root",
        created_at=created_at,
    )


async def root_keys(tx: Transaction) -> Sequence[AccessKey]:
    """Of all accounts, oldest first: the server's own account begins."""
    found = await tx.access_keys_of(_ROOT)
    return sorted(found, key=lambda key: (key.created_at, key.access_key_id))


async def accounts(tx: Transaction) -> list[Account]:
    """Oldest first."""
    found: dict[str, list[AccessKey]] = {}
    for key in await root_keys(tx):
        found.setdefault(key.account_id, []).append(key)
    return [
        Account(account_id, keys[0].created_at, tuple(key.access_key_id for key in keys))
        for account_id, keys in found.items()
    ]
