"""A resource as a row and back, by field name.

Enums and tuples end here: a row holds text, numbers and nulls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from types import UnionType
from typing import Any, Final, Generic, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import Table

from routeserver.domain.resources import Resource
from routeserver.store.schema import TABLES

R = TypeVar("R", bound=Resource)

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class RowCodec(Generic[R]):
    """How one resource type meets its table.

    `state_fields` maps a state's enum to the field that holds it.
    """

    type_: type[R]
    table: Table
    names: tuple[str, ...]
    values_of: Callable[[R], tuple[Any, ...]]
    to_column: Mapping[str, Convert]
    to_columns: tuple[tuple[int, Convert], ...]
    """The same by their place in a row."""
    from_column: tuple[tuple[int, Convert], ...]
    from_driver: tuple[tuple[int, Convert], ...]
    """For rows that come from SQLite's driver, which has no booleans."""
    state_fields: Mapping[type, str]

    def to_row(self, resource: R) -> tuple[Any, ...]:
        """The columns in the order of `names`."""
        if not self.to_columns:
            return self.values_of(resource)
        values = list(self.values_of(resource))
        for index, convert in self.to_columns:
            values[index] = convert(values[index])
        return tuple(values)

    def from_row(self, row: Sequence[Any]) -> R:
        """`row` holds the columns in the order of `names`."""
        values = list(row)
        for index, convert in self.from_column:
            values[index] = convert(values[index])
        return self.type_(*values)

    def from_driver_row(self, row: Sequence[Any]) -> R:
        values = list(row)
        for index, convert in self.from_driver:
            values[index] = convert(values[index])
        return self.type_(*values)

    def column_value(self, name: str, value: Any) -> Any:
        """One field's value as its column holds it."""
        convert = self.to_column.get(name)
        return value if convert is None else convert(value)

    def state_field(self, state: str) -> str:
        """The field that this state belongs to: a route server has two."""
        name = self.state_fields.get(type(state))
        if name is None:
            raise TypeError(f"{self.type_.__name__} has no state of type {type(state).__name__}")
        return name


def _to_json(value: tuple[str, ...]) -> str:
    return json.dumps(value) if value else "[]"


def _from_json(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _plain(value: str | None) -> str | None:
    """An enum member as the exact str the drivers bind fastest."""
    return None if value is None else str.__str__(value)


def _codec(type_: type[R]) -> RowCodec[R]:
    hints = get_type_hints(type_)
    names = tuple(f.name for f in fields(type_))
    to_column: dict[str, Convert] = {}
    from_column: list[tuple[int, Convert]] = []
    booleans: list[tuple[int, Convert]] = []
    state_fields: dict[type, str] = {}
    for index, name in enumerate(names):
        hint = hints[name]
        if isinstance(hint, UnionType):
            hint = next(arm for arm in get_args(hint) if arm is not type(None))
        if get_origin(hint) is tuple:
            to_column[name] = _to_json
            from_column.append((index, _from_json))
        elif hint is bool:
            booleans.append((index, bool))
        elif issubclass(hint, StrEnum):
            to_column[name] = _plain
            from_column.append((index, hint))
            state_fields[hint] = name
        elif name == "state":
            state_fields[str] = name
    return RowCodec(
        type_,
        TABLES[type_],
        names,
        attrgetter(*names),
        to_column,
        tuple((names.index(name), convert) for name, convert in to_column.items()),
        tuple(from_column),
        tuple(from_column + booleans),
        state_fields,
    )


CODECS: Final[Mapping[type[Resource], RowCodec[Any]]] = {type_: _codec(type_) for type_ in TABLES}
