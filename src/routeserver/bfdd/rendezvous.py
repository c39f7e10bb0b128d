"""Where a server and its BFD daemon find each other: Unix sockets in the data directory, one for
words and one for the sockets that the server hands over.

The socket files are mode 0600, and both ends look at who the other one is, so that nobody but this
user can order or impersonate the daemon. The way to it goes through a descriptor of the directory,
because a socket's path may not be longer than 107 bytes and a data directory's may.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOCKET: Final = "bfd.sock"
HANDING: Final = "bfd-sockets.sock"
LOG: Final = "bfd.log"
_CREDENTIALS: Final = struct.Struct("iII")
_ONLY_THIS_USER: Final = 0o177


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the other end of a connection is, as the kernel says."""

    pid: int
    uid: int


def credentials(connection: socket.socket) -> Credentials:
    """A listening process is the one that called listen, a dialling one that called connect."""
    pid, uid, _ = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Credentials(pid, uid)


def listen(folder: Path, name: str = SOCKET) -> socket.socket:
    """Take the place of a listener that is gone. Raises OSError.

    The file stays behind in the end: whoever removed it could remove a successor's.
    """
    listener = _socket(name)
    mask = os.umask(_ONLY_THIS_USER)
    try:
        with _path(folder, name) as path:
            with suppress(FileNotFoundError):
                path.unlink()
            listener.bind(str(path))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def dial(folder: Path, name: str = SOCKET) -> socket.socket | None:
    """A connection to the daemon that listens there, None when none does. Raises OSError."""
    connection = _socket(name)
    try:
        with _path(folder, name) as path:
            connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return connection


def _socket(name: str) -> socket.socket:
    kind = socket.SOCK_SEQPACKET if name == HANDING else socket.SOCK_STREAM
    return socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)


@contextmanager
def _path(folder: Path, name: str) -> Iterator[Path]:
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}") / name
    finally:
        os.close(descriptor)
