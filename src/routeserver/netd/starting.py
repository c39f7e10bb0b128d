"""How the server starts its helper, as the first thing it does: before the event loop, before
anything is listened to, and while this process still has the privilege to pass on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from routeserver.netd.process import OUTSIDE


@dataclass(frozen=True, slots=True)
class HelperProcess:
    """`connection` is this side's end; the helper ends when it is closed."""

    process: subprocess.Popen[bytes]
    connection: socket.socket

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self) -> int:
        """The exit status. Blocks until the order under way is carried out."""
        self.connection.close()
        return self.process.wait()


def start_helper(
    instance: str,
    *,
    interface: str = "",
    tables: Iterable[int] = (),
    is_outside: bool = False,
) -> HelperProcess:
    """`instance` is whose namespaces it works on; `interface` and `tables` are what it may write to
    in its own namespace, and `is_outside` lets internet gateways lead there. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, and words of our own
            [
                sys.executable,
                # -P: the working directory must not decide what is imported.
                "-P",
                "-m",
                "routeserver.netd",
                str(theirs.fileno()),
                instance,
                interface,
                ",".join(str(number) for number in tables),
                *([OUTSIDE] if is_outside else []),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return HelperProcess(process, ours)
