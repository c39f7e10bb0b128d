"""What IAM keeps: users, roles, groups, policies and instance profiles of an account, and the keys
of its users.

Each of the five is read and written whole, so it is one row: its name and a JSON document, which
`control.access` gives its form. Names are found whatever their case, as IAM finds them. Secrets
arrive here sealed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select

from routeserver.store.records import AccessKey
from routeserver.store.schema import ACCESS_KEY, IAM_ENTITY

T = TypeVar("T")

Document: TypeAlias = Mapping[str, Any]

_ONE: Final = (
    IAM_ENTITY.c.account_id == bindparam("w_account_id"),
    IAM_ENTITY.c.kind == bindparam("w_kind"),
    IAM_ENTITY.c.name_key == bindparam("w_name_key"),
)
_SELECT_ONE: Final = select(IAM_ENTITY.c.document).where(*_ONE)
_SELECT_ALL: Final = select(IAM_ENTITY.c.document).where(*_ONE[:2]).order_by(IAM_ENTITY.c.name_key)
_DELETE: Final = delete(IAM_ENTITY).where(*_ONE)
_INSERT: Final = insert(IAM_ENTITY)
_SELECT_KEYS: Final = (
    select(*ACCESS_KEY.c)
    .where(
        ACCESS_KEY.c.account_id == bindparam("w_account_id"),
        ACCESS_KEY.c.user_name == bindparam("w_user_name"),
    )
    .order_by(ACCESS_KEY.c.created_at, ACCESS_KEY.c.access_key_id)
)
_DELETE_KEY: Final = delete(ACCESS_KEY).where(
    ACCESS_KEY.c.account_id == bindparam("w_account_id"),
    ACCESS_KEY.c.access_key_id == bindparam("w_access_key_id"),
)


class Run(Protocol):
    def __call__(self, work: Callable[[Connection], T], /) -> Awaitable[T]: ...


class IamRows:
    """Made by `Transaction.iam`; as long-lived as its transaction, and limited to one account."""

    __slots__ = ("_account_id", "_change", "_run")

    def __init__(
        self, run: Run, change: Callable[[Callable[[Connection], object]], None], account_id: str
    ) -> None:
        self._run = run
        self._change = change
        self._account_id = account_id

    async def get(self, kind: str, name: str) -> Document | None:
        bound = self._bound(kind, name)
        written = await self._run(
            lambda connection: connection.execute(_SELECT_ONE, bound).scalar()
        )
        return None if written is None else _document(written)

    async def list(self, kind: str) -> Sequence[Document]:
        """In order of their names."""
        bound = {"w_account_id": self._account_id, "w_kind": kind}
        rows = await self._run(lambda connection: connection.execute(_SELECT_ALL, bound).all())
        return [_document(row[0]) for row in rows]

    async def put(self, kind: str, name: str, document: Document) -> None:
        """Adds it, or replaces what was there under this name."""
        bound = self._bound(kind, name)
        row = {
            "account_id": self._account_id,
            "kind": kind,
            "name_key": name.lower(),
            "document": json.dumps(document),
        }

        def work(connection: Connection) -> None:
            connection.execute(_DELETE, bound)
            connection.execute(_INSERT, row)

        self._change(work)

    async def delete(self, kind: str, name: str) -> None:
        bound = self._bound(kind, name)
        self._change(lambda connection: connection.execute(_DELETE, bound))

    async def keys_of(self, user_name: str) -> Sequence[AccessKey]:
        """A user's access keys, oldest first."""
        bound = {"w_account_id": self._account_id, "w_user_name": user_name}
        rows = await self._run(lambda connection: connection.execute(_SELECT_KEYS, bound).all())
        return [AccessKey(*row) for row in rows]

    async def delete_key(self, access_key_id: str) -> None:
        bound = {"w_account_id": self._account_id, "w_access_key_id": access_key_id}
        self._change(lambda connection: connection.execute(_DELETE_KEY, bound))

    def _bound(self, kind: str, name: str) -> dict[str, str]:
        return {
            "w_account_id": self._account_id,
            "w_kind": kind,
            "w_name_key": name.lower(),
        }


def _document(written: str) -> Document:
    found: Document = json.loads(written)
    return found
