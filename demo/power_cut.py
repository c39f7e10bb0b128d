"""Make SIGKILL look like a power cut to whoever is at the other end of a TCP connection.

When a process is killed the kernel closes its TCP connections at once, and a FIN tells the peer. A
machine that loses power says nothing. So before the kill the connection is duplicated into this
process (pidfd_getfd(2), Linux 5.6) and kept open: it falls silent, and BFD has to notice.
"""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path
from typing import Final

SYS_PIDFD_GETFD: Final = 438
"""The same number on every architecture."""


class NotAllowedError(Exception):
    """Why this kernel does not let us."""


def hold_connections(pid: int, remote: str) -> list[socket.socket]:
    """Duplicates of the process's TCP connections to `remote`; close them to let the FIN go out.

    Raises NotAllowedError.
    """
    held: list[socket.socket] = []
    try:
        pidfd = os.pidfd_open(pid)
        try:
            for descriptor in _sockets_of(pid):
                duplicate = _getfd(pidfd, descriptor)
                if _leads_to(duplicate, remote):
                    held.append(duplicate)
                else:
                    duplicate.close()
        finally:
            os.close(pidfd)
    except OSError as error:
        for duplicate in held:
            duplicate.close()
        raise NotAllowedError(error.strerror or str(error)) from error
    if not held:
        raise NotAllowedError(f"process {pid} has no connection to {remote}")
    return held


def _sockets_of(pid: int) -> list[int]:
    entries = Path(f"/proc/{pid}/fd").iterdir()
    return [int(e.name) for e in entries if str(e.readlink()).startswith("socket:")]


def _getfd(pidfd: int, descriptor: int) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    arguments = (SYS_PIDFD_GETFD, pidfd, descriptor, 0)
    duplicate = int(libc.syscall(*map(ctypes.c_long, arguments)))
    if duplicate < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return socket.socket(fileno=duplicate)


def _leads_to(candidate: socket.socket, remote: str) -> bool:
    if candidate.family != socket.AF_INET or candidate.type != socket.SOCK_STREAM:
        return False
    try:
        return bool(candidate.getpeername()[0] == remote)
    except OSError:
        return False
