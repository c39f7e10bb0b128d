"""Where the engine's sockets come from: opened here, in this process's own network, or handed over
by the server, which has them from a process that may enter other networks.

What was handed over stays in store as long as a session wants it: one that starts anew, because its
authentication was changed, must find its sockets again.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Protocol, TypeVar

from routeserver.bfdd.spec import BfdSpec
from routeserver.netd.sockets import (
    Address,
    SocketError,
    bound_addresses,
    open_bfd_receiver,
    open_bfd_sender,
)

Key = TypeVar("Key", bound=tuple[str, ...])


class Sockets(Protocol):
    """What is answered is the caller's to close. Both raise SocketError."""

    def begin(self) -> None:
        """A round of requests begins; what was looked up for the last one may have changed."""

    def receiver(self, network: str, local: Address, port: int) -> socket.socket: ...

    def sender(self, session_id: str, network: str, local: Address) -> socket.socket: ...

    def keep_only(self, desired: Mapping[str, BfdSpec]) -> None:
        """Nothing will be asked for any more for other sessions than these."""


class OwnSockets:
    """Opened by this process."""

    def __init__(self) -> None:
        self._bound: dict[int, frozenset[str]] = {}  # one look for all receivers of a round

    def begin(self) -> None:
        self._bound.clear()

    def receiver(self, network: str, local: Address, port: int) -> socket.socket:
        _must_be_here(network, local)
        if local.version not in self._bound:
            self._bound[local.version] = bound_addresses(local.version, port)
        return open_bfd_receiver(local, port, self._bound[local.version])

    def sender(
        self,
        session_id: str,  # noqa: ARG002 - all are alike here
        network: str,
        local: Address,
    ) -> socket.socket:
        _must_be_here(network, local)
        return open_bfd_sender(local)

    def keep_only(self, desired: Mapping[str, BfdSpec]) -> None:
        pass


class StoredSockets:
    """Those of other networks are handed over (`take_receiver`, `take_sender`) before they are
    asked for; this process's own network is `OwnSockets`' business."""

    def __init__(self) -> None:
        self._own = OwnSockets()
        self._receivers: dict[tuple[str, str], socket.socket] = {}
        self._senders: dict[tuple[str, str, str], socket.socket] = {}

    def take_receiver(self, network: str, local: str, receiver: socket.socket) -> None:
        _replace(self._receivers, (network, local), receiver)

    def take_sender(self, session_id: str, network: str, local: str, sender: socket.socket) -> None:
        _replace(self._senders, (session_id, network, local), sender)

    def begin(self) -> None:
        self._own.begin()

    def receiver(self, network: str, local: Address, port: int) -> socket.socket:
        if not network:
            return self._own.receiver(network, local, port)
        stored = self._receivers.get((network, str(local)))
        return _copy(stored, f"{network} has no socket for {local} port {port}")

    def sender(self, session_id: str, network: str, local: Address) -> socket.socket:
        if not network:
            return self._own.sender(session_id, network, local)
        stored = self._senders.get((session_id, network, str(local)))
        return _copy(stored, f"{network} has no socket to send from {local}")

    def keep_only(self, desired: Mapping[str, BfdSpec]) -> None:
        senders = {(spec.session_id, spec.network, spec.local) for spec in desired.values()}
        receivers = {(spec.network, spec.local) for spec in desired.values()}
        for key in self._senders.keys() - senders:
            self._senders.pop(key).close()
        for pair in self._receivers.keys() - receivers:
            self._receivers.pop(pair).close()

    def close(self) -> None:
        self.keep_only({})


def _must_be_here(network: str, local: Address) -> None:
    if network:
        raise SocketError(f"{local} is in {network}, and this process is not")


def _replace(store: dict[Key, socket.socket], key: Key, made: socket.socket) -> None:
    old = store.get(key)
    store[key] = made
    if old is not None:
        old.close()


def _copy(stored: socket.socket | None, what: str) -> socket.socket:
    if stored is None:
        raise SocketError(f"{what}; it was not handed over")
    try:
        copy = stored.dup()
    except OSError as error:
        raise SocketError(f"{what}: {error.strerror}", error.errno or 0) from error
    copy.setblocking(False)
    return copy
