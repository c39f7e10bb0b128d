"""Accounts as the operator makes and lists them. A key's secret is in the answer that makes it and
nowhere else."""

from __future__ import annotations

import structlog

from routeserver.control.access.accounts import (
    NewKey,
    accounts,
    new_account_id,
    new_key,
    root_keys,
    row_of,
)
from routeserver.control.operator.desk import NOT_FOUND, Answer, Desk, Params, required
from routeserver.domain.refusal import Refusal

_log = structlog.get_logger()


async def account_create(desk: Desk, params: Params) -> Answer:  # noqa: ARG001 - a question's form
    """A new account with a key of its root."""
    key = new_key(new_account_id(desk.random_bytes), desk.random_bytes)
    async with desk.store.write() as tx:
        await tx.put_access_key(row_of(key, desk.access.seal, desk.wall_clock()))
    return _shown(key)


async def account_list(desk: Desk, params: Params) -> Answer:  # noqa: ARG001 - a question's form
    """Every account and the ids of its root's keys."""
    async with desk.store.read() as tx:
        found = await accounts(tx)
    return {
        "accounts": [
            {
                "account": each.account_id,
                "created_at": each.created_at or None,
                "root_keys": list(each.root_key_ids),
            }
            for each in found
        ]
    }


async def account_new_key(desk: Desk, params: Params) -> Answer:
    """Another key for the root of an account whose key is lost or known to others."""
    account_id = required(params, "account")
    async with desk.store.write() as tx:
        if all(key.account_id != account_id for key in await root_keys(tx)):
            raise _no_account(account_id)
        key = new_key(account_id, desk.random_bytes)
        await tx.put_access_key(row_of(key, desk.access.seal, desk.wall_clock()))
    return _shown(key)


async def account_delete_key(desk: Desk, params: Params) -> Answer:
    """Take a key away from the root of an account; not the last one."""
    key_id = required(params, "key")
    async with desk.store.write() as tx:
        keys = await root_keys(tx)
        found = next((key for key in keys if key.access_key_id == key_id), None)
        if found is None:
            raise Refusal("NotFound", f"No account's root has a key {key_id}.", NOT_FOUND)
        if sum(key.account_id == found.account_id for key in keys) == 1:
            raise Refusal(
                "LastKey",
                f"{key_id} is the only key of account {found.account_id}'s root; make another one "
                "first.",
            )
        await tx.iam(found.account_id).delete_key(key_id)
    desk.access.directory.forget()
    _log.info("root_key_deleted", account=found.account_id, access_key_id=key_id)
    return {"account": found.account_id, "key": key_id}


def _shown(key: NewKey) -> Answer:
    _log.info("root_key_made", account=key.account_id, access_key_id=key.access_key_id)
    return {"account": key.account_id, "key": key.access_key_id, "secret": key.secret}


def _no_account(account_id: str) -> Refusal:
    return Refusal(
        "NotFound",
        f"There is no account {account_id}; routeserver account list shows them.",
        NOT_FOUND,
    )
