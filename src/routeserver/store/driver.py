"""SQLite's own connection beneath SQLAlchemy's, for what is done most: SQLAlchemy's share of a
statement is several times the work itself.

Either of the two may have begun the transaction; whatever is done here knows both.
"""

from __future__ import annotations

from sqlite3 import Connection as RawConnection
from typing import Final

from sqlalchemy import Connection

BEGIN: Final = "routeserver_begin"
"""The execution option that says how a connection begins."""


def driver_of(connection: Connection) -> RawConnection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, RawConnection)  # noqa: S101 - the engine is SQLite's
    return raw


def begun(connection: Connection) -> RawConnection:
    """The driver's connection, in a transaction."""
    raw = driver_of(connection)
    if not raw.in_transaction:
        raw.execute(connection.get_execution_options().get(BEGIN, "BEGIN"))
    return raw


def commit(connection: Connection) -> None:
    if connection.in_transaction():
        connection.commit()
    else:
        driver_of(connection).commit()


def rollback(connection: Connection) -> None:
    if connection.in_transaction():
        connection.rollback()
    driver_of(connection).rollback()
