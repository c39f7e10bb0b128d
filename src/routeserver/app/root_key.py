"""The account and its root access key: made at the first start, the same ever after.

The key file is written before the database learns of the key, and the database is told at every
start, so that a crash between the two leaves a server whose key file works. A file that is lost is
written again from the database.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from routeserver.app.data_dir import RootKey, read_root_key, write_root_key
from routeserver.app.errors import StartError
from routeserver.control.access.accounts import NewKey, new_account_id, new_key, root_keys, row_of
from routeserver.store import AccessKey, Store
from routeserver.store.seal import Seal, SealError


async def ensure_root_key(
    data_dir: Path, store: Store, seal: Seal, random_bytes: Callable[[int], bytes]
) -> RootKey:
    """The root key of this data directory, known to the store. Raises StartError or StoreError."""
    key = read_root_key(data_dir)
    if key is None:
        key = await _known_key(store, seal) or new_root_key(random_bytes)
        write_root_key(data_dir, key)
    async with store.write() as tx:
        known = await tx.access_key(key.access_key_id)
        if known is None or _opened(known, seal) != key.secret_access_key:
            own = NewKey(key.account_id, key.access_key_id, key.secret_access_key)
            await tx.put_access_key(row_of(own, seal, created_at=0.0))
    return key


async def _known_key(store: Store, seal: Seal) -> RootKey | None:
    """The key of an earlier start whose file is gone: without it, its account's resources would be
    out of reach.
    """
    async with store.read() as tx:
        for known in await root_keys(tx):
            secret = _opened(known, seal)
            if secret is None:
                raise StartError(
                    "the root key's file is missing, and the database's copy was sealed with "
                    "another secret key; restore either file from a backup"
                )
            return RootKey(known.account_id, known.access_key_id, secret)
    return None


def _opened(key: AccessKey, seal: Seal) -> str | None:
    try:
        return seal.open(key.secret, key.access_key_id)
    except SealError:
        return None


def new_root_key(random_bytes: Callable[[int], bytes]) -> RootKey:
    """Of a new account."""
    key = new_key(new_account_id(random_bytes), random_bytes)
    return RootKey(key.account_id, key.access_key_id, key.secret)
