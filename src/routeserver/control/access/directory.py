"""Credentials by access key id, kept in memory: a request costs no transaction to know its signer.

What is kept is dropped whole whenever anything of IAM is written here, and after a while where
other processes may write, too. Keys that do not exist are kept as such for as long, so that asking
for one again and again costs nothing either.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from routeserver.control.access.entities import EntityKind, entity_of
from routeserver.control.access.principal import (
    Credential,
    Principal,
    PrincipalKind,
    SessionFacts,
    root,
)
from routeserver.control.access.rights import policies_of
from routeserver.control.access.tokens import KEY_PREFIX, Session, session_of
from routeserver.ec2.iam_evaluate import Policies
from routeserver.store import AccessKey, Store
from routeserver.store.iam_rows import IamRows
from routeserver.store.seal import Seal, SealError

MAX_KEPT: Final = 4096
ACTIVE: Final = "Active"

_log = structlog.get_logger()


class Directory:
    """`clock` is monotonic seconds. `keep_s` of None: nobody else writes what is read here."""

    def __init__(
        self,
        store: Store,
        seal: Seal,
        clock: Callable[[], float],
        keep_s: float | None = None,
    ) -> None:
        self._store = store
        self._seal = seal
        self._clock = clock
        self._keep_s = keep_s
        self._kept: OrderedDict[tuple[str, str | None], tuple[Credential | None, float]] = (
            OrderedDict()
        )
        self._generation = 0

    def forget(self) -> None:
        """Something of IAM was written."""
        self._generation += 1
        self._kept.clear()

    async def credential(self, access_key_id: str, session_token: str | None) -> Credential | None:
        """The credential of this key (with this token), or None: no such key, it is inactive, or
        the token is not its own. Whether it has expired is the caller's to compare."""
        name = (access_key_id, session_token)
        kept = self._kept.get(name)
        if kept is not None and (self._keep_s is None or self._clock() - kept[1] < self._keep_s):
            self._kept.move_to_end(name)
            return kept[0]
        generation, began = self._generation, self._clock()
        found = await self._look_up(access_key_id, session_token)
        # A write in between may not be in what was found.
        if generation == self._generation:
            self._kept[name] = (found, began)
            self._kept.move_to_end(name)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return found

    async def _look_up(self, access_key_id: str, token: str | None) -> Credential | None:
        is_temporary = access_key_id.startswith(KEY_PREFIX)
        if is_temporary is not (token is not None):
            return None
        session = None
        if token is not None:
            session = session_of(access_key_id, token, self._seal)
            if session is None:
                return None
        async with self._store.read() as tx:
            if session is not None:
                return await self._of_session(tx.iam(session.account_id), session)
            key = await tx.access_key(access_key_id)
            if key is None or key.status != ACTIVE:
                return None
            return await self._of_key(tx.iam(key.account_id), key)

    async def _of_key(self, rows: IamRows, key: AccessKey) -> Credential | None:
        try:
            secret = self._seal.open(key.secret, key.access_key_id)
        except SealError as error:
            _log.error("access_key_unreadable", access_key_id=key.access_key_id, reason=str(error))
            return None
        if key.user_name is None:
            return Credential(secret, root(key.account_id, key.access_key_id))
        owner = await user_principal(rows, key.user_name)
        if owner is None:
            return None
        return Credential(secret, replace(owner, access_key_id=key.access_key_id))

    async def _of_session(self, rows: IamRows, session: Session) -> Credential | None:
        if session.role_name is not None:
            holder = await _role_session(rows, session)
        elif session.user_name is not None:
            holder = await user_principal(rows, session.user_name)
        else:
            holder = root(session.account_id)
        if holder is None:
            return None
        facts = holder.session or SessionFacts(
            session.issued_at, session.expires_at, holder.arn, holder.user_id, holder.name
        )
        holder = replace(holder, access_key_id=session.access_key_id, session=facts)
        return Credential(session.secret, holder, session.expires_at)


async def user_principal(rows: IamRows, name: str) -> Principal | None:
    document = await rows.get(EntityKind.USER, name)
    if document is None:
        return None
    user = entity_of(document)
    return Principal(
        kind=PrincipalKind.USER,
        account_id=user.account_id,
        arn=user.arn,
        user_id=user.id,
        name=user.name,
        policies=await policies_of(rows, user),
        tags=user.tags,
    )


async def _role_session(rows: IamRows, session: Session) -> Principal | None:
    assert session.role_name is not None  # noqa: S101 - the caller looked
    document = await rows.get(EntityKind.ROLE, session.role_name)
    # A role made anew under an old name is another role.
    if document is None or document["id"] != session.role_id:
        return None
    role = entity_of(document)
    policies: Policies = await policies_of(rows, role, session.policies)
    account = session.account_id
    return Principal(
        kind=PrincipalKind.ASSUMED_ROLE,
        account_id=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{role.name}/{session.session_name}",
        user_id=f"{role.id}:{session.session_name}",
        name=session.session_name or "",
        policies=policies,
        tags=role.tags,
        session=SessionFacts(session.issued_at, session.expires_at, role.arn, role.id, role.name),
    )
