"""What a transaction does at its end, as values: so that writers who share a commit can share
statements, too.

An insertion and a look whether something is there are most of what is written under load, and each
statement costs the connection's thread a wait for the interpreter, which is busy with the next
requests meanwhile. `merged` makes one statement of many for each table. Nothing else is put in
another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Select, Table
from sqlalchemy import Update as UpdateStatement

from routeserver.store import statements
from routeserver.store.driver import begun, driver_of
from routeserver.store.errors import GoneError

Step: TypeAlias = Callable[[Connection], object]
Row: TypeAlias = tuple[Any, ...]

SIZES: Final = (64, 32, 16, 8)
"""Rows of one statement; what is left over goes one by one. Few sizes, so that the driver keeps the
statements prepared."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """Whole rows, their values in the order of the table's columns."""

    table: Table
    rows: Sequence[Row]

    def __call__(self, connection: Connection) -> None:
        if connection.dialect.name != "sqlite":
            names = self.table.c.keys()
            named = [dict(zip(names, row, strict=True)) for row in self.rows]
            connection.execute(statements.insert_one(self.table), named)
            return
        raw, rows = driver_of(connection), self.rows
        for size in SIZES:
            while len(rows) >= size:
                values = [value for row in rows[:size] for value in row]
                raw.execute(statements.insert_text(self.table, size), values)
                rows = rows[size:]
        raw.executemany(statements.insert_text(self.table), rows)


@dataclass(frozen=True, slots=True)
class Presence:
    """Raises GoneError unless the row is there. `bound` are `statement`'s parameters."""

    statement: Select[Any]
    bound: tuple[tuple[str, Any], ...]

    def __call__(self, connection: Connection) -> None:
        bound = dict(self.bound)
        if connection.dialect.name == "sqlite":
            text = statements.driver_text(self.statement)
            row = begun(connection).execute(text, bound).fetchone()
        else:
            row = connection.execute(self.statement, bound).first()
        if row is None:
            raise GoneError(f"{bound['w_id']} is no longer there")


@dataclass(frozen=True, slots=True)
class Update:
    """Whatever rows it meets. `bound` are `statement`'s parameters."""

    statement: UpdateStatement
    bound: Mapping[str, Any]

    def __call__(self, connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            text = statements.driver_text(self.statement)
            driver_of(connection).execute(text, statements.driver_bound(self.bound))
        else:
            connection.execute(self.statement, self.bound)


def perform(steps: Iterable[Step], connection: Connection) -> None:
    for step in steps:
        step(connection)


def merged(steps: Iterable[Step]) -> list[Step]:
    """The same changes by fewer statements; where one of these fails, one of those may not have.

    Between two steps of another kind, insertions become one for each table, and what has been asked
    for once is not asked for again.
    """
    result: list[Step] = []
    asked: set[Presence] = set()
    rows: dict[Table, list[Row]] = {}
    for step in steps:
        if isinstance(step, Presence):
            if step not in asked:
                asked.add(step)
                result.append(step)
        elif isinstance(step, Insertion):
            rows.setdefault(step.table, []).extend(step.rows)
        else:
            result += (Insertion(table, each) for table, each in rows.items())
            result.append(step)
            rows, asked = {}, set()
    result += (Insertion(table, each) for table, each in rows.items())
    return result
