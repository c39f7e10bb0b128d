"""Brings the tables up to date, inside the caller's transaction: all of it happens or none.

Revisions are files in `migrations/versions`, numbered, each with ``upgrade(op)``. They get
Alembic's operations as an argument instead of through its global ``op``, so that two stores may
open in one process at the same time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

_SCRIPTS: Final = ScriptDirectory(str(Path(__file__).parent / "migrations"))


def head() -> str:
    """The newest revision this version knows."""
    revision = _SCRIPTS.get_current_head()
    if revision is None:
        raise CommandError("the revisions of the database schema are not installed")
    return revision


def migrate(connection: Connection) -> None:
    """Raises alembic's CommandError when the database was written by a newer version."""
    context = MigrationContext.configure(
        connection,
        opts={
            # The call that `alembic upgrade head` makes; it has no public name.
            "fn": lambda revision, _context: _SCRIPTS._upgrade_revs("head", revision),  # noqa: SLF001
        },
    )
    if context.get_current_heads() == (head(),):
        return
    context.run_migrations(op=Operations(context))
