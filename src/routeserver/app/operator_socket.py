"""The operator's door: a Unix socket in the data directory that only the server's own user (and
root) may open.

Whoever holds the data directory's lock owns the socket, so one that is already there is what a
server that was killed has left behind, and goes. A Unix address has room for about a hundred
characters; a deeper data directory is reached through ``/proc/self/fd``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from routeserver.app.data_dir import readable_errors
from routeserver.app.errors import StartError

OPERATOR: Final = "operator.sock"

_BACKLOG: Final = 16
_LONGEST_ADDRESS: Final = 100


@contextmanager
def operator_socket(data_dir: Path) -> Iterator[socket.socket]:
    """A listening socket, mode 0600, gone again behind the block. To be used with the data
    directory taken.

    Raises StartError.
    """
    path = data_dir / OPERATOR
    _clear(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before bind: at no moment does the file exist with any other mode.
        os.fchmod(listening.fileno(), 0o600)
        with readable_errors(data_dir), reachable(path) as address:
            listening.bind(address)
            path.chmod(0o600)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
        yield listening
    finally:
        listening.close()
        with contextlib.suppress(OSError):
            path.unlink()


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """An address that leads to `path` and is short enough for a socket, inside the block."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _clear(path: Path) -> None:
    with readable_errors(path.parent):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise StartError(f"{path} is no socket; move it away and start again")
        path.unlink()
