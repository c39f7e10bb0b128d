"""The helper at work: one order after the other, from one client, until that one is gone.

What it has built in the kernel stays when it ends.
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from typing import Final, TypeAlias, assert_never

from routeserver.netd import checks
from routeserver.netd.errors import OrderError
from routeserver.netd.guard import set_guard
from routeserver.netd.links import Links
from routeserver.netd.netns import Namespaces
from routeserver.netd.orders import (
    HERE,
    Answer,
    Done,
    Failed,
    Guard,
    ListNamespaces,
    MakeBridge,
    MakeNamespace,
    MakeOutside,
    OpenBfdReceiver,
    OpenBfdSender,
    OpenListener,
    OpenNetlink,
    Order,
    Plug,
    Probe,
    RemoveLink,
    RemoveNamespace,
    Write,
)
from routeserver.netd.probe import probe
from routeserver.netd.protocol import (
    LONGEST_PACKET,
    decode_order,
    encode_answer,
    put_beside,
    take_beside,
)
from routeserver.netd.rtnetlink import open_listening_socket
from routeserver.netd.sockets import (
    bound_addresses,
    open_bfd_receiver,
    open_bfd_sender,
    open_listener,
)
from routeserver.netd.writing import HereJudge, Scope, pieces

_DESCRIPTORS: Final = 4

_Changing: TypeAlias = (
    MakeNamespace | RemoveNamespace | MakeBridge | Plug | Guard | MakeOutside | RemoveLink
)


class Helper:
    """To be used by the only thread of its process."""

    def __init__(self, namespaces: Namespaces, scope: Scope) -> None:
        self._namespaces = namespaces
        self._links = Links(namespaces, scope)
        self._scope = scope

    def serve(self, client: socket.socket) -> None:
        """Until the client has closed its end."""
        while True:
            try:
                packet, descriptors, flags, _ = socket.recv_fds(
                    client, LONGEST_PACKET, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
                )
            except ConnectionError:
                return
            try:
                if not packet and not descriptors and _has_hung_up(client):
                    return
                answer, opened = self._answer(packet, descriptors, flags)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            try:
                _say(client, answer, opened)
            except ConnectionError:
                return
            except OSError as error:
                _say(client, Failed(f"the answer cannot be sent: {error.strerror}"), None)
            finally:
                if opened is not None:
                    opened.close()

    def _answer(
        self, packet: bytes, descriptors: list[int], flags: int
    ) -> tuple[Answer, socket.socket | None]:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(descriptors) > 1:
            return Failed("an order that is too long, or with more than goes beside one"), None
        try:
            beside = take_beside(descriptors[0]) if descriptors else b""
            order = decode_order(packet, beside)
        except OrderError as error:
            return Failed(str(error), error.errno), None
        try:
            return self.carry_out(order)
        except OrderError as error:
            return Failed(str(error), error.errno), None
        except OSError as error:
            number = error.errno or 0
            what = f" ({error.filename})" if error.filename else ""
            reason = error.strerror or str(error)
            if type(order).__name__.startswith("Open"):
                return Failed(reason, number), None
            return Failed(f"{type(order).__name__}: {reason}{what}", number), None
        except Exception as error:  # whatever it is, the next order is carried out
            return Failed(f"{type(order).__name__}: {type(error).__name__}: {error}"), None

    def carry_out(self, order: Order) -> tuple[Answer, socket.socket | None]:
        """The answer, and what goes with it. Raises OrderError, OSError."""
        match order:
            case OpenListener() | OpenBfdReceiver() | OpenBfdSender() | OpenNetlink():
                return Done(), self._open(order)
            case Probe():
                return Done(probe(self._namespaces)), None
            case ListNamespaces():
                return Done(self._namespaces.names()), None
            case Write():
                return self._write(order), None
            case _:
                self._change(order)
                return Done(), None

    def _change(self, order: _Changing) -> None:
        match order:
            case MakeNamespace(name):
                self._namespaces.make(name)
            case RemoveNamespace(name):
                self._namespaces.remove(name)
            case MakeBridge():
                self._links.make_bridge(order)
            case Plug():
                self._links.plug(order)
            case MakeOutside():
                self._links.make_outside(order)
            case RemoveLink():
                self._links.remove(order)
            case Guard():
                set_guard(self._namespaces, order)
            case _:
                assert_never(order)

    def _open(
        self, order: OpenListener | OpenBfdReceiver | OpenBfdSender | OpenNetlink
    ) -> socket.socket:
        with self._namespaces.inside(order.namespace):
            match order:
                case OpenNetlink():
                    return open_listening_socket()
                case OpenListener(_, address, port):
                    return open_listener(checks.address(address), checks.port(port))
                case OpenBfdReceiver(_, address, port):
                    local = checks.address(address)
                    bound = bound_addresses(local.version, checks.port(port))
                    return open_bfd_receiver(local, port, bound)
                case OpenBfdSender(_, address):
                    return open_bfd_sender(checks.address(address))
                case _:
                    assert_never(order)

    def _write(self, order: Write) -> Done:
        netlink = self._namespaces.netlink(order.namespace)
        if order.namespace == HERE:
            ends = HereJudge(order.messages, self._scope, netlink).pieces()
        else:
            ends = pieces(order.messages)
        return Done(refused=tuple(netlink.write(order.messages, ends)))


def _has_hung_up(client: socket.socket) -> bool:
    """An empty packet looks like the end."""
    look = select.poll()
    look.register(client, select.POLLIN)
    return any(events & select.POLLHUP for _, events in look.poll(0))


def _say(client: socket.socket, answer: Answer, opened: socket.socket | None) -> None:
    packet, beside = encode_answer(answer)
    descriptors = [] if opened is None else [opened.fileno()]
    memory = put_beside(beside) if beside else None
    try:
        if memory is not None:
            descriptors.append(memory)
        socket.send_fds(client, [packet], descriptors)
    finally:
        if memory is not None:
            with suppress(OSError):
                os.close(memory)
