"""What the unprivileged side may ask for, as the adapters see it: the client of the helper, or a
stand-in in tests."""

from __future__ import annotations

import socket
from typing import Protocol

from routeserver.netd.orders import (
    Done,
    Guard,
    ListNamespaces,
    MakeBridge,
    MakeNamespace,
    MakeOutside,
    OpenBfdReceiver,
    OpenBfdSender,
    OpenListener,
    OpenNetlink,
    Plug,
    Probe,
    RemoveLink,
    RemoveNamespace,
    Write,
)

Opening = OpenListener | OpenBfdReceiver | OpenBfdSender | OpenNetlink
Doing = (
    Probe
    | MakeNamespace
    | RemoveNamespace
    | ListNamespaces
    | MakeBridge
    | Plug
    | Guard
    | MakeOutside
    | RemoveLink
    | Write
)


class NetdError(OSError):
    """Why an order was not carried out, in one line with the remedy; `errno` where the kernel gave
    one."""


class Netd(Protocol):
    """Orders are carried out one after the other, in the order in which they were given."""

    async def open(self, order: Opening) -> socket.socket:
        """The socket, non-blocking, the caller's to close. Raises NetdError."""
        ...

    async def do(self, order: Doing) -> Done:
        """Raises NetdError. What the kernel refused of a Write is in the answer instead."""
        ...
