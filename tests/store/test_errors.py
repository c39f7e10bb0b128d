"""Every accident of storage is one line with a remedy, and never a driver's exception."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from tests.store.samples import HERE, vpc

from routeserver.domain.resources import Vpc
from routeserver.store import Store, StoreError
from routeserver.store.errors import BusyError, DuplicateError, translate


def one_line(error: StoreError) -> str:
    text = str(error)
    assert "\n" not in text
    return text


async def refusal(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        await Store.open(url)
    return one_line(caught.value)


# --- by accident ----------------------------------------------------------------------------------


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "state.db"
    assert await refusal(f"sqlite:///{path}") == (
        f"{path}: it does not exist; create it or name another data directory"
    )


async def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    assert "it is a directory" in await refusal(f"sqlite:///{tmp_path}")


async def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "not a directory" in await refusal(f"sqlite:///{tmp_path / 'file' / 'state.db'}")


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"my holiday pictures" * 100)
    assert "it is no database; move it away" in await refusal(f"sqlite:///{path}")
    assert path.read_bytes() == b"my holiday pictures" * 100


async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = await Store.open(f"sqlite:///{path}")
    async with store.write(HERE) as tx:
        await tx.insert(*(vpc(f"vpc-{n}") for n in range(200)))
    await store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StoreError, match="the file is damaged"):
        await read_all(path)


async def read_all(path: Path) -> None:
    store = await Store.open(f"sqlite:///{path}")
    try:
        async with store.read() as tx:
            await tx.list(Vpc)
    finally:
        await store.close()


async def test_another_databases_tables_are_not_mixed_with_ours(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE vpc (id TEXT)")
    other.commit()
    other.close()
    assert "table vpc already exists" in await refusal(f"sqlite:///{path}")


async def test_a_full_disk_loses_only_the_transaction_that_did_not_fit(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}", synchronous="OFF")
    async with store.write(HERE) as tx:
        await tx.insert(vpc())

    def fill(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    async with store._engine.writer() as lease:
        await lease.run(fill)
    with pytest.raises(StoreError, match="the disk is full; free some space"):
        async with store.write(HERE) as tx:
            await tx.insert(*(vpc(f"vpc-{n}", cidr="x" * 1000) for n in range(2, 2000)))
    async with store.write(HERE) as tx:
        assert await tx.list(Vpc) == [vpc()]
    await store.close()


async def test_a_lock_that_is_not_given_back_ends_the_wait(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = await Store.open(f"sqlite:///{path}", busy_timeout_s=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError, match="locked; stop that process or try again"):
        async with store.write(HERE) as tx:
            await tx.insert(vpc())
    other.execute("ROLLBACK")
    other.close()
    async with store.write(HERE) as tx:
        await tx.insert(vpc())
    await store.close()


async def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    modes = modes_in(tmp_path)
    await store.close()
    assert modes == {0o600}


def modes_in(directory: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in directory.iterdir()}


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
async def test_a_database_in_memory_is_refused(url: str) -> None:
    assert "in memory keeps nothing" in await refusal(url)


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite:/relative"])
async def test_a_text_that_is_no_url_is_refused(url: str) -> None:
    assert "use sqlite:////path/to/file or postgresql://" in await refusal(url)


async def test_an_engine_that_is_not_supported_is_named(tmp_path: Path) -> None:
    assert "'mysql' are not supported; use sqlite" in await refusal("mysql://localhost/db")


async def test_a_password_in_the_url_is_not_shown() -> None:
    text = await refusal("postgresql://user:hunter2@127.0.0.1:9/database")
    assert "hunter2" not in text
    assert "user:***@127.0.0.1:9/database" in text


# --- by table -------------------------------------------------------------------------------------


def sqlite_error(code: int) -> OperationalError:
    cause = sqlite3.OperationalError("some\nthing")
    cause.sqlite_errorcode = code
    return OperationalError("SELECT 1", {}, cause)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (sqlite3.SQLITE_FULL, "free some space"),
        (sqlite3.SQLITE_READONLY, "make file and directory writable"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "make file and directory writable"),
        (sqlite3.SQLITE_CANTOPEN, "may write its directory"),
        (sqlite3.SQLITE_PERM, "readable and writable"),
        (sqlite3.SQLITE_CORRUPT, "restore a backup"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "restore a backup"),
        (sqlite3.SQLITE_NOTADB, "move it away"),
        (sqlite3.SQLITE_IOERR_FSYNC, "check the disk"),
        (sqlite3.SQLITE_MISUSE, "some thing"),
    ],
)
def test_what_sqlite_reports_gets_a_remedy(code: int, remedy: str) -> None:
    error = translate(sqlite_error(code), "/data/state.db")
    assert one_line(error).startswith("/data/state.db: ")
    assert remedy in str(error)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED])
def test_a_locked_sqlite_file_may_be_tried_again(code: int) -> None:
    assert isinstance(translate(sqlite_error(code), "/data/state.db"), BusyError)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "readable and writable by this user"),
        (errno.EROFS, "on a writable one"),
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.ENOENT, "create it"),
        (errno.EMFILE, "ulimit"),
        (errno.ECONNREFUSED, "check that the server is up"),
        (errno.ENOTTY, "Inappropriate ioctl"),
    ],
)
def test_what_the_operating_system_reports_gets_a_remedy(number: int, remedy: str) -> None:
    error = translate(OSError(number, os.strerror(number)), "/data")
    assert remedy in one_line(error)


class PostgresError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("something")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "remedy"),
    [
        ("28P01", "check user and password"),
        ("3D000", "createdb"),
        ("42501", "grant it rights"),
        ("53100", "free some space"),
        ("53300", "max_connections"),
        ("57P01", "try again when it is up"),
        ("08006", "check that the server is up"),
        ("25006", "name the primary"),
        ("XX000", "SQLSTATE XX000"),
    ],
)
def test_what_postgresql_reports_gets_a_remedy(sqlstate: str, remedy: str) -> None:
    error = OperationalError("SELECT 1", {}, PostgresError(sqlstate))
    assert remedy in one_line(translate(error, "postgresql://host/db"))


def test_what_postgresql_reports_of_competition_may_be_told_apart() -> None:
    def translated(sqlstate: str) -> StoreError:
        return translate(OperationalError("SELECT 1", {}, PostgresError(sqlstate)), "db")

    assert isinstance(translated("40001"), BusyError)
    assert isinstance(translated("40P01"), BusyError)
    assert isinstance(translated("23505"), DuplicateError)
