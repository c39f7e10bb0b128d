"""What can go wrong with storage, in one line with its remedy. Drivers' exceptions end here."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError


class StoreError(Exception):
    """Storage cannot do what was asked; the message is one line and says what to do."""


class DuplicateError(StoreError):
    """A row with this identity is already there."""


class GoneError(StoreError):
    """The row to change is no longer there, or is not in this transaction's scope."""


class BusyError(StoreError):
    """Another writer was faster; the same transaction may succeed when tried again."""


_SQLITE_REMEDIES: Final[dict[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "it is read-only; make file and directory writable by this user",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that this user may write its directory",
    sqlite3.SQLITE_PERM: "access is denied; make the file readable and writable by this user",
    sqlite3.SQLITE_AUTH: "access is denied; make the file readable and writable by this user",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; move it away and restore a backup",
    sqlite3.SQLITE_NOTADB: "it is no database; move it away or name another data directory",
    sqlite3.SQLITE_IOERR: "the disk reports an input/output error; check the disk",
    sqlite3.SQLITE_TOOBIG: "a value is too large for the database; send less in one request",
}

_OS_REMEDIES: Final[dict[int, str]] = {
    errno.EACCES: "permission is denied; make it readable and writable by this user",
    errno.EPERM: "permission is denied; make it readable and writable by this user",
    errno.EROFS: "the file system is read-only; name a data directory on a writable one",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.ENOENT: "it does not exist; create it or name another data directory",
    errno.ENOTDIR: "a part of the path is not a directory; name another data directory",
    errno.EISDIR: "it is a directory where a file is expected; move it away",
    errno.EIO: "the disk reports an input/output error; check the disk",
    errno.ECONNREFUSED: "nothing answers there; check that the server is up",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
}

# PostgreSQL, by SQLSTATE class or code: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES_REMEDIES: Final[dict[str, str]] = {
    "28": "the server refuses the login; check user and password in the database URL",
    "3D": "the database does not exist; create it with createdb",
    "42501": "the user may not do this; grant it rights on the database",
    "53100": "the server's disk is full; free some space",
    "53300": "the server has no free connection; raise max_connections or use fewer workers",
    "57P": "the server is shutting down or starting; try again when it is up",
    "08": "the connection was lost; check that the server is up",
    "25006": "the server is read-only; name the primary in the database URL",
}


def translate(error: BaseException, what: str) -> StoreError:
    """`error` as one line about `what` (a file, a URL without its password) with a remedy."""
    match error:
        case StoreError():
            return error
        case CommandError():
            return StoreError(
                f"{what}: it was written by a newer version ({_one_line(error)}); "
                "upgrade routeserver or name another data directory"
            )
        case DBAPIError(orig=BaseException() as cause):
            return _translate_cause(cause, what, duplicate=isinstance(error, IntegrityError))
        case _:
            return _translate_cause(error, what, duplicate=False)


def _translate_cause(error: BaseException, what: str, *, duplicate: bool) -> StoreError:
    sqlite_code = getattr(error, "sqlite_errorcode", None)
    if isinstance(sqlite_code, int):
        return _translate_sqlite(error, sqlite_code & 0xFF, what)
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(error, TimeoutError):
        return StoreError(f"{what}: it has not answered in time; check that the server is up")
    if isinstance(sqlstate, str):
        return _translate_postgres(error, sqlstate, what)
    if duplicate:
        return DuplicateError(f"{what}: {_one_line(error)}")
    if "connection is closed" in str(error) or "connection was closed" in str(error):
        return StoreError(f"{what}: {_POSTGRES_REMEDIES['08']}")
    if isinstance(error, OSError):
        remedy = _OS_REMEDIES.get(error.errno or 0, error.strerror or _one_line(error))
        return StoreError(f"{what}: {remedy}")
    return StoreError(f"{what}: {_one_line(error)}")


def _translate_sqlite(error: BaseException, code: int, what: str) -> StoreError:
    if code == sqlite3.SQLITE_CONSTRAINT:
        return DuplicateError(f"{what}: {_one_line(error)}")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return BusyError(f"{what}: another process holds it locked; stop that process or try again")
    return StoreError(f"{what}: {_SQLITE_REMEDIES.get(code, _one_line(error))}")


def _translate_postgres(error: BaseException, sqlstate: str, what: str) -> StoreError:
    if sqlstate == "23505":
        return DuplicateError(f"{what}: {_one_line(error)}")
    if sqlstate in {"40001", "40P01"}:
        return BusyError(f"{what}: another transaction was faster; try again")
    for length in (5, 3, 2):
        remedy = _POSTGRES_REMEDIES.get(sqlstate[:length])
        if remedy is not None:
            return StoreError(f"{what}: {remedy}")
    return StoreError(f"{what}: {_one_line(error)} (SQLSTATE {sqlstate})")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def translated(what: str) -> Iterator[None]:
    """The boundary: what a driver or the operating system raises inside leaves as StoreError."""
    try:
        yield
    except (SQLAlchemyError, CommandError, sqlite3.Error, OSError) as error:
        raise translate(error, what) from error
