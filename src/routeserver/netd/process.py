"""The helper as a process: what it keeps of what it was started with, and its end."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from routeserver.netd import linux
from routeserver.netd.helper import Helper
from routeserver.netd.netns import Namespaces
from routeserver.netd.writing import Scope

_NICENESS: Final = -10

OUTSIDE: Final = "outside"

NEEDED: Final = linux.mask(
    # Names under /run/netns, and the files of a namespace that another user's process holds.
    linux.CAP_DAC_OVERRIDE,
    linux.CAP_SYS_PTRACE,
    # Ports below 1024; links, routes, rules and buffers; entering and mounting namespaces.
    linux.CAP_NET_BIND_SERVICE,
    linux.CAP_NET_ADMIN,
    linux.CAP_SYS_ADMIN,
)


def run(arguments: Sequence[str]) -> None:
    """Serve the client at the other end of a descriptor until it is gone."""
    descriptor, instance, interface, tables, *outside = arguments
    # It ends when its client does, and not before: the client is told to end by the same signals.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # what it does is short, and a failover may wait for it
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    _give_up_the_rest()
    numbers = frozenset(int(number) for number in tables.split(",") if number)
    scope = Scope(numbers, interface, is_outside=outside == [OUTSIDE])
    helper = Helper(Namespaces(instance), scope)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(descriptor)) as client:
        helper.serve(client)


def _give_up_the_rest() -> None:
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    kept = linux.capabilities() & NEEDED
    with suppress(OSError):  # whoever may not shrink the bound has it as small as it was given
        linux.bound_capabilities(kept)
    linux.keep_capabilities(kept)
