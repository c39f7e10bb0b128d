"""The root access key of an account, in a file that only its owner may read.

Written whole or not at all: a temporary file beside it, synced and renamed. Read only when its mode
shows that nobody else could have read or changed it.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from routeserver.store.errors import StoreError, translated

_MODE: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class RootKey:
    account_id: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    user_arn: str


def write_root_key(path: Path | str, key: RootKey) -> None:
    """Creates the file, or replaces it. Raises StoreError."""
    path = Path(path)
    text = json.dumps(asdict(key), indent=2) + "\n"
    with translated(str(path)):
        # mkstemp makes the file with mode 0600, before anything is in it.
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                os.fchmod(fd, _MODE)
                file.write(text)
                file.flush()
                os.fsync(fd)
            Path(temporary).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
        _sync_directory(path.parent)


def read_root_key(path: Path | str) -> RootKey | None:
    """None when there is no such file. Raises StoreError when it cannot be read or trusted."""
    path = Path(path)
    with translated(str(path)):
        try:
            file = path.open(encoding="utf-8")
        except FileNotFoundError:
            return None
        with file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHERS:
                raise StoreError(
                    f"{path}: others may read this secret key (mode {mode:04o}); "
                    f"run: chmod 600 {path}"
                )
            try:
                return _parse(json.load(file))
            except ValueError as error:
                raise StoreError(
                    f"{path}: this is no root key file ({error}); restore it from a backup"
                ) from error


def _parse(content: Any) -> RootKey:
    names = [each.name for each in fields(RootKey)]
    if not isinstance(content, dict):
        raise ValueError("it holds no object")  # noqa: TRY004 - a fault of the file's content
    for name in names:
        if not isinstance(content.get(name), str) or not content[name]:
            raise ValueError(f"{name} is missing")
    return RootKey(**{name: content[name] for name in names})


def _sync_directory(directory: Path) -> None:
    """Makes the rename itself survive a power failure."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
