"""One transaction: what operations and reconcilers do with the store.

It speaks resources; rows stay below it.
"""

from __future__ import annotations

import builtins
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Select, Table

from routeserver.domain.resources import NetworkInterface, Resource
from routeserver.domain.topology import Plugged
from routeserver.store import statements
from routeserver.store.deferred import Deferred
from routeserver.store.driver import begun, driver_of
from routeserver.store.engine import Lease
from routeserver.store.errors import GoneError
from routeserver.store.iam_rows import IamRows
from routeserver.store.records import AccessKey, PeerSettingsRow, TagRow, TokenRow
from routeserver.store.rows import CODECS, RowCodec
from routeserver.store.statements import AMONG, EQUAL, NULL, ConditionShape
from routeserver.store.steps import Insertion, Presence, Row, Step, Update

R = TypeVar("R", bound=Resource)
T = TypeVar("T")

MAX_AMONG: Final = 10_000
"""Values bound to one statement; SQLite stops at 32766, PostgreSQL at 32767."""

_BY_ID: Final[tuple[ConditionShape, ...]] = (("id", EQUAL),)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction may see and make."""

    account_id: str
    region: str


class Transaction:
    """Made by `Store.read` and `Store.write`; not to be used after that block.

    With a scope every query is limited to it and every insert must belong to it. Without one
    (reconcilers) all rows are seen. Raises StoreError when storage fails; a ValueError or TypeError
    is a mistake of the caller.
    """

    __slots__ = ("_bound_scope", "_give_back", "_lease", "_writes", "changed", "scope")

    def __init__(
        self,
        lease: Lease,
        scope: Scope | None,
        *,
        writes: bool,
        give_back: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._lease = Deferred(lease)
        self._writes = writes
        self._give_back = give_back
        self.scope = scope
        self.changed = False
        """Whether anything was written so far."""
        self._bound_scope: dict[str, Any] = (
            {}
            if scope is None
            else {"scope_account_id": scope.account_id, "scope_region": scope.region}
        )

    # --- resources --------------------------------------------------------------------------------

    async def get(self, type_: type[R], id: str) -> R | None:  # noqa: A002 - the field's name
        codec: RowCodec[R] = CODECS[type_]
        statement = statements.select_one(codec.table, self.scope is not None)
        bound = {"w_id": id, **self._bound_scope}
        rows = await self._rows(statement, bound)
        return self._resource(codec, rows[0]) if rows else None

    async def list(self, type_: type[R], **equals: Any) -> builtins.list[R]:
        """Oldest first.

        A list, tuple or set as a value means any of its members; None means the column is null.
        """
        codec: RowCodec[R] = CODECS[type_]
        shape: builtins.list[ConditionShape] = []
        bound = dict(self._bound_scope)
        for name, value in equals.items():
            if name not in codec.names:
                raise ValueError(f"{type_.__name__} has no field {name!r}")
            match value:
                case None:
                    shape.append((name, NULL))
                case list() | tuple() | set() | frozenset():
                    values = builtins.list(dict.fromkeys(value))
                    if not values:
                        return []
                    if len(values) > MAX_AMONG:
                        return await self._list_in_parts(type_, name, values, equals)
                    shape.append((name, AMONG))
                    bound[f"w_{name}"] = [codec.column_value(name, each) for each in values]
                case _:
                    shape.append((name, EQUAL))
                    bound[f"w_{name}"] = codec.column_value(name, value)
        statement = statements.select_many(codec.table, self.scope is not None, tuple(shape))
        rows = await self._rows(statement, bound)
        return [self._resource(codec, row) for row in rows]

    async def _rows(self, statement: Select[Any], bound: Mapping[str, Any]) -> Sequence[Any]:
        if self._lease.dialect == "sqlite":
            text, given = statements.driver_text(statement), statements.driver_bound(bound)
            return await self._lease.run(
                lambda connection: begun(connection).execute(text, given).fetchall()
            )
        return await self._lease.run(lambda connection: connection.execute(statement, bound).all())

    def _resource(self, codec: RowCodec[R], row: Any) -> R:
        is_driver_row = self._lease.dialect == "sqlite"
        return codec.from_driver_row(row) if is_driver_row else codec.from_row(row)

    async def _list_in_parts(
        self, type_: type[R], name: str, values: builtins.list[Any], equals: Mapping[str, Any]
    ) -> builtins.list[R]:
        found: builtins.list[R] = []
        for part in _parts(values):
            found += await self.list(type_, **{**equals, name: part})
        return sorted(found, key=lambda resource: (resource.created_at, resource.id))

    async def insert(self, *resources: Resource) -> None:
        """When an id is taken, a later step or the end of the block raises DuplicateError."""
        grouped: defaultdict[Table, builtins.list[Row]] = defaultdict(list)
        for resource in resources:
            self._must_be_in_scope(resource)
            codec = CODECS[type(resource)]
            grouped[codec.table].append(codec.to_row(resource))
        for table, rows in grouped.items():
            self._change_later(Insertion(table, rows))

    async def update(self, resource: R, **changes: Any) -> R:
        """By id, whatever the row says now. Raises GoneError when it is no longer there."""
        changed = replace(resource, **changes)
        if changes and not await self._update_where(resource, changes, _BY_ID, {}):
            raise GoneError(f"{resource.id} is no longer there")
        return changed

    async def advance(self, resource: R, to_state: str, **changes: Any) -> R | None:
        """Compare-and-set: to `to_state` if the row still has the state that `resource` shows.

        The type of `to_state` says which of a route server's two states is meant. None when someone
        else moved it.
        """
        codec: RowCodec[R] = CODECS[type(resource)]
        field = codec.state_field(to_state)
        changes[field] = to_state
        seen = {f"w_{field}": codec.column_value(field, getattr(resource, field))}
        changed = replace(resource, **changes)
        if await self._update_where(resource, changes, (*_BY_ID, (field, EQUAL)), seen):
            return changed
        return None

    async def advance_all(self, resources: Sequence[R], to_state: str, **changes: Any) -> None:
        """`advance` for many of one type, without being told which of them were moved."""
        if not resources:
            return
        codec: RowCodec[R] = CODECS[type(resources[0])]
        field = codec.state_field(to_state)
        changes[field] = to_state
        by_state: defaultdict[str, builtins.list[str]] = defaultdict(list)
        for resource in resources:
            by_state[getattr(resource, field)].append(resource.id)
        changed = tuple(sorted(changes))
        shape = (("id", AMONG), (field, EQUAL))
        statement = statements.update_where(codec.table, self.scope is not None, changed, shape)
        values = {f"v_{name}": codec.column_value(name, changes[name]) for name in changed}
        for state, ids in by_state.items():
            seen = codec.column_value(field, state)
            for part in _parts(ids):
                bound = {"w_id": part, f"w_{field}": seen, **values, **self._bound_scope}
                self._change_later(Update(statement, bound))

    def require(self, type_: type[Resource], id: str) -> None:  # noqa: A002 - the field's name
        """Without a look at it now: when it is not there, a later step or the end of the block
        raises GoneError."""
        statement = statements.select_one(CODECS[type_].table, self.scope is not None)
        bound = {"w_id": id, **self._bound_scope}
        self._change_later(Presence(statement, tuple(bound.items())))

    async def delete(self, resource: Resource) -> None:
        """Removes the row, its tags and where it was plugged; nothing happens when it is already
        gone."""
        scoped = self.scope is not None
        row = statements.delete_one(CODECS[type(resource)].table, scoped)
        tags = statements.delete_tags_of_one(scoped)
        bound = {"w_id": resource.id, **self._bound_scope}
        tags_bound = {"w_resource_id": resource.id, **self._bound_scope}

        def work(connection: Connection) -> None:
            connection.execute(row, bound)
            if resource.kind:
                connection.execute(tags, tags_bound)
            if isinstance(resource, NetworkInterface):
                connection.execute(statements.DELETE_PLUG, {"w_interface_id": resource.id})

        self._change_later(work)

    async def find_kind(self, id: str) -> str | None:  # noqa: A002 - the field's name
        """The EC2 tag resource type of what has this id; None when nothing that takes tags has."""
        statement = statements.select_kind(self.scope is not None)
        bound = {"w_id": id, **self._bound_scope}
        return await self._lease.run(
            lambda connection: connection.execute(statement, bound).scalar()
        )

    async def _update_where(
        self,
        resource: Resource,
        changes: Mapping[str, Any],
        shape: tuple[ConditionShape, ...],
        seen: Mapping[str, Any],
    ) -> bool:
        codec = CODECS[type(resource)]
        if "id" in changes or "account_id" in changes or "region" in changes:
            raise ValueError("a resource keeps its id, account and region")
        changed = tuple(sorted(changes))
        statement = statements.update_where(codec.table, self.scope is not None, changed, shape)
        bound = {"w_id": resource.id, **seen, **self._bound_scope}
        for name in changed:
            bound[f"v_{name}"] = codec.column_value(name, changes[name])
        if self._lease.dialect == "sqlite":
            text = statements.driver_text(statement)
            return await self._change(
                lambda connection: driver_of(connection).execute(text, bound).rowcount == 1
            )
        return await self._change(
            lambda connection: connection.execute(statement, bound).rowcount == 1
        )

    def _must_be_in_scope(self, resource: Resource) -> None:
        if self.scope is not None and (
            resource.account_id != self.scope.account_id or resource.region != self.scope.region
        ):
            raise ValueError(
                f"{resource.id} belongs to another account or region than this transaction"
            )

    # --- tags -------------------------------------------------------------------------------------

    async def tags_of(self, ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Tags by resource id; every id asked for is a key."""
        statement = statements.select_tags_of(self.scope is not None)
        tags: dict[str, dict[str, str]] = {each: {} for each in ids}
        for part in _parts(builtins.list(tags)):
            bound = {"w_resource_id": part, **self._bound_scope}
            for resource_id, key, value in await self._rows(statement, bound):
                tags[resource_id][key] = value
        return tags

    async def put_tags(
        self, resource_ids_with_kind: Sequence[tuple[str, str]], tags: Mapping[str, str]
    ) -> None:
        """Gives every resource every tag, overwriting values.

        Tags belong to the scope, so there must be one.
        """
        scope = self._required_scope()
        rows = [
            {
                "resource_id": resource_id,
                "key": key,
                "account_id": scope.account_id,
                "region": scope.region,
                "resource_kind": kind,
                "value": value,
            }
            for resource_id, kind in resource_ids_with_kind
            for key, value in tags.items()
        ]
        if rows:
            statement = statements.upsert_tag(self._lease.dialect)
            self._change_later(lambda connection: connection.execute(statement, rows))

    async def delete_tags(self, ids: Sequence[str], keys: Mapping[str, str | None]) -> None:
        """Takes the keys away from the resources; None matches whatever the tag's value is."""
        if not ids or not keys:
            return
        statement = statements.delete_tag(self.scope is not None)

        def work(connection: Connection) -> None:
            for part, (key, value) in product(_parts(ids), keys.items()):
                bound = {
                    "w_resource_id": part,
                    "w_key": key,
                    "any_value": value is None,
                    "w_value": value or "",
                    **self._bound_scope,
                }
                connection.execute(statement, bound)

        self._change_later(work)

    async def list_tags(self) -> builtins.list[TagRow]:
        """All tags of the scope, by resource id and key."""
        statement = statements.select_tags(self.scope is not None)
        rows = await self._rows(statement, self._bound_scope)
        return [TagRow(*row) for row in rows]

    # --- client tokens and access keys ------------------------------------------------------------

    async def token(self, action: str, token: str) -> TokenRow | None:
        self._required_scope()
        bound = {"w_action": action, "w_token": token, **self._bound_scope}
        rows = await self._rows(statements.SELECT_TOKEN, bound)
        return TokenRow(*rows[0]) if rows else None

    async def put_token(
        self, action: str, token: str, params_hash: str, resource_id: str, created_at: float
    ) -> None:
        """When the token was used before for this action, a later step or the end of the block
        raises DuplicateError."""
        scope = self._required_scope()
        row = {
            "account_id": scope.account_id,
            "region": scope.region,
            "action": action,
            "token": token,
            "params_hash": params_hash,
            "resource_id": resource_id,
            "created_at": created_at,
        }
        self._change_later(lambda connection: connection.execute(statements.INSERT_TOKEN, row))

    async def forget_tokens(self, before: float) -> None:
        """Drops the tokens first used before this time (UTC seconds)."""
        statement = statements.delete_old_tokens(self.scope is not None)
        bound = {"w_created_at": before, **self._bound_scope}
        self._change_later(lambda connection: connection.execute(statement, bound))

    async def access_key(self, id: str) -> AccessKey | None:  # noqa: A002 - the field's name
        """Looked up across accounts: it is the key that says whose request this is."""
        bound = {"w_access_key_id": id}
        row = await self._lease.run(
            lambda connection: connection.execute(statements.SELECT_ACCESS_KEY, bound).first()
        )
        return None if row is None else AccessKey(*row)

    async def access_keys_of(self, principal_arn_suffix: str) -> Sequence[AccessKey]:
        """The keys of principals whose ARN ends so, such as ``:root``, in order of their ids."""
        bound = {"w_suffix": principal_arn_suffix}
        rows = await self._lease.run(
            lambda connection: connection.execute(statements.SELECT_ACCESS_KEYS, bound).all()
        )
        return [AccessKey(*row) for row in rows]

    async def put_access_key(self, key: AccessKey) -> None:
        """Adds the key, or replaces what is known of it."""
        row = {
            "access_key_id": key.access_key_id,
            "secret": key.secret,
            "account_id": key.account_id,
            "user_id": key.user_id,
            "principal_arn": key.principal_arn,
            "user_name": key.user_name,
            "status": key.status,
            "created_at": key.created_at,
        }
        statement = statements.upsert_access_key(self._lease.dialect)
        self._change_later(lambda connection: connection.execute(statement, row))

    def iam(self, account_id: str) -> IamRows:
        """The users, roles, groups, policies and user keys of an account."""
        return IamRows(self._lease.run, self._change_later, account_id)

    # --- peer settings ----------------------------------------------------------------------------

    async def peer_settings(self) -> builtins.list[PeerSettingsRow]:
        """Of every peer for which something was set, in order of their ids."""
        rows = await self._lease.run(
            lambda connection: connection.execute(statements.SELECT_PEER_SETTINGS).all()
        )
        return [PeerSettingsRow(peer_id, json.loads(written)) for peer_id, written in rows]

    async def settings_of_peer(self, peer_id: str) -> Mapping[str, object]:
        """What was set for the peer; empty when nothing was."""
        bound = {"w_peer_id": peer_id}
        written = await self._lease.run(
            lambda connection: connection.execute(
                statements.SELECT_SETTINGS_OF_PEER, bound
            ).scalar()
        )
        found: Mapping[str, object] = {} if written is None else json.loads(written)
        return found

    async def put_peer_settings(self, peer_id: str, settings: Mapping[str, object]) -> None:
        """Replaces everything that was set for the peer; nothing set leaves no row."""
        bound = {"w_peer_id": peer_id}
        row = {"peer_id": peer_id, "settings": json.dumps(settings)}
        upsert = statements.upsert_peer_settings(self._lease.dialect)

        def work(connection: Connection) -> None:
            if settings:
                connection.execute(upsert, row)
            else:
                connection.execute(statements.DELETE_PEER_SETTINGS, bound)

        self._change_later(work)

    # --- plugs ------------------------------------------------------------------------------------

    async def plugs(self) -> builtins.list[Plugged]:
        """Where network interfaces shall be plugged, in order of their ids."""
        rows = await self._lease.run(
            lambda connection: connection.execute(statements.SELECT_PLUGS).all()
        )
        return [Plugged(*row) for row in rows]

    async def put_plug(self, plug: Plugged) -> None:
        """Replaces where the interface shall be plugged so far. It goes with the interface."""
        row = asdict(plug)
        upsert = statements.upsert_plug(self._lease.dialect)
        self._change_later(lambda connection: connection.execute(upsert, row))

    async def delete_plug(self, interface_id: str) -> None:
        bound = {"w_interface_id": interface_id}
        self._change_later(lambda connection: connection.execute(statements.DELETE_PLUG, bound))

    # --- its end ----------------------------------------------------------------------------------

    async def done_reading(self) -> None:
        """There are few connections to read with: this one is for others from now on, and this
        transaction not to be used any more."""
        if self._give_back is not None:
            self._lease.close()
            await self._give_back()

    async def commit(self) -> None:
        """The store's to call, at the end of the block."""
        await self._lease.commit()

    # --- inside -----------------------------------------------------------------------------------

    async def _change(self, work: Callable[[Connection], T]) -> T:
        self._must_write()
        return await self._lease.run(work)

    def _change_later(self, step: Step) -> None:
        """A change whose outcome nobody waits for: it goes with the next step."""
        self._must_write()
        self._lease.later(step)

    def _must_write(self) -> None:
        if not self._writes:
            raise TypeError("this transaction only reads; open it with Store.write")
        self.changed = True

    def _required_scope(self) -> Scope:
        if self.scope is None:
            raise ValueError("tags and client tokens need a transaction with a scope")
        return self.scope


def _parts(values: Sequence[T]) -> Iterator[list[T]]:
    """As many at a time as one statement takes."""
    for start in range(0, len(values), MAX_AMONG):
        yield list(values[start : start + MAX_AMONG])
