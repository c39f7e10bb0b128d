"""The data directory: one server at a time, the root access key, and where the server listens.

``lock`` is held (flock) for as long as the server lives and holds its process id. ``root-key.json``
is the root access key, mode 0600, made at the first start; ``secret-key.json``, of the same mode,
is what the secrets in the database are sealed with. ``server.json`` is the address of the
last start, so that ``routeserver env`` finds it; ``instance.json`` says whose work in the kernel is
this server's. The embedded database lives beside them, and so do
``bfd.sock`` and ``bfd.log`` of the BFD daemon, which outlives the server.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from inspect import get_annotations
from pathlib import Path
from typing import Any, Final, TypeVar

from routeserver.app.errors import StartError

LOCK: Final = "lock"
ROOT_KEY: Final = "root-key.json"
SECRET_KEY: Final = "secret-key.json"  # noqa: S105 - a file's name
AUDIT: Final = "audit.jsonl"
SERVER: Final = "server.json"
INSTANCE: Final = "instance.json"
DATABASE: Final = "routeserver.db"

_REMEDIES: Final[dict[int, str]] = {
    errno.EACCES: "make it readable and writable by this user, or choose another with --data-dir",
    errno.EPERM: "make it readable and writable by this user, or choose another with --data-dir",
    errno.EROFS: "its file system is read-only; choose another with --data-dir",
    errno.ENOTDIR: "a part of the path is not a directory; choose another with --data-dir",
    errno.EEXIST: "it is not a directory; choose another with --data-dir",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.ENAMETOOLONG: "its name is too long; choose another with --data-dir",
    errno.EISDIR: "a directory is where a file should be; move it away",
    errno.ELOOP: "a symbolic link is where a file should be; remove it",
}

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class RootKey:
    """The access key of the account's root user, as a client needs it."""

    account_id: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True)
class SecretKey:
    """What secrets are sealed with, in hexadecimal digits."""

    key: str


@dataclass(frozen=True, slots=True)
class Instance:
    """What marks this server's work in the kernel."""

    instance: str


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """How the server that last started here is reached."""

    pid: int
    endpoint_url: str
    region: str
    bgp_port: int
    bfd_port: int


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Make the directory (mode 0700) where it is missing and hold it for this process alone.

    Raises StartError when it cannot be used or another server holds it.
    """
    make(path)
    # Root opens it in a directory that is another user's: whatever a link leads to is not ours.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with readable_errors(path):
        descriptor = os.open(path / LOCK, flags, 0o600)
    try:
        if os.fstat(descriptor).st_nlink > 1:
            raise StartError(f"{path / LOCK} has another name elsewhere; remove it")
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def make(path: Path) -> None:
    """Mode 0700 where it is missing. Raises StartError."""
    with readable_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def must_be_the_servers_own(path: Path, home: str) -> None:
    """Before all of it is given to another user: raises StartError for a directory that looks like
    somebody's who would not want that. `home` is this user's."""
    with readable_errors(path):
        about = path.stat()
        is_private = not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        is_used = (path / LOCK).exists()
        is_fresh = is_private or not any(path.iterdir())
    if path.resolve() in {Path("/"), Path(home).resolve()} or not (is_used or is_fresh):
        raise StartError(
            f"{path} is no data directory, and others may read what is in it; name one that is "
            "empty or does not exist with --data-dir"
        )


def ensure_instance(path: Path) -> str:
    """Who this server is among those that share a kernel: a word kept from the first start on.

    Raises StartError.
    """
    found = _read(path, INSTANCE, Instance)
    if found is None:
        found = Instance(secrets.token_hex(8))
        _write(path, INSTANCE, asdict(found))
    if not re.fullmatch(r"[0-9a-f]{16}", found.instance):
        raise StartError(f"{path / INSTANCE} is damaged; restore it from a backup")
    return found.instance


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise StartError(
            f"another server (process {holder}) already runs on {path}; "
            "stop that one, or choose another directory with --data-dir"
        ) from error
    with readable_errors(path):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


@contextmanager
def readable_errors(path: Path) -> Iterator[None]:
    """What the operating system refuses inside leaves as a StartError about the directory."""
    try:
        yield
    except OSError as error:
        reason = _REMEDIES.get(error.errno or 0) or (error.strerror or str(error)).lower()
        raise StartError(f"cannot use the data directory {path}; {reason}") from error


def database_url(path: Path) -> str:
    """The embedded database of the data directory."""
    return f"sqlite:///{path / DATABASE}"


def read_root_key(path: Path) -> RootKey | None:
    """The root access key, or None where no server has been started. Raises StartError."""
    key = _read(path, ROOT_KEY, RootKey)
    if key is not None:
        _must_be_private(path / ROOT_KEY, "the root key")
    return key


def _must_be_private(file: Path, what: str) -> None:
    with readable_errors(file.parent):
        mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StartError(
            f"others may read or change {what} (mode {mode:04o}); run chmod 600 {file}"
        )


def write_root_key(path: Path, key: RootKey) -> None:
    _write(path, ROOT_KEY, asdict(key))


def read_secret_key(file: Path) -> SecretKey | None:
    """The key in this file, or None where there is none. Raises StartError."""
    key = _read(file.parent, file.name, SecretKey)
    if key is not None:
        _must_be_private(file, "the secret key")
    return key


def write_secret_key(file: Path, key: SecretKey) -> None:
    _write(file.parent, file.name, asdict(key))


def read_server_info(path: Path) -> ServerInfo | None:
    """Where the last server listened, or None where none has been started. Raises StartError."""
    return _read(path, SERVER, ServerInfo)


def has_been_used(path: Path) -> bool:
    """Whether a server has ever come up on this directory. Raises StartError."""
    with readable_errors(path):
        return (path / SERVER).exists()


def write_server_info(path: Path, info: ServerInfo) -> None:
    _write(path, SERVER, asdict(info))


def _read(path: Path, name: str, into: type[Record]) -> Record | None:
    with readable_errors(path):
        try:
            # Without waiting, should somebody have left a pipe there.
            descriptor = os.open(path / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            written = file.read()
    try:
        return _sound(into(**json.loads(written)))
    except (ValueError, TypeError, RecursionError) as error:
        raise StartError(
            f"{path / name} is damaged; restore it from a backup, or move it away and start again"
        ) from error


def _sound(record: Record) -> Record:
    """The record. Raises TypeError or ValueError for a value that no server has written."""
    for name, type_name in get_annotations(type(record)).items():
        value = getattr(record, name)
        if type(value).__name__ != type_name:
            raise TypeError(name)
        if isinstance(value, str) and not (value and value.isascii() and value.isprintable()):
            raise ValueError(name)
    return record


def _write(path: Path, name: str, record: Mapping[str, Any]) -> None:
    """Whole or not at all, and only this user's to read, whatever happens meanwhile."""
    draft = path / f"{name}.new"
    with readable_errors(path):
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(record, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path / name)
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
