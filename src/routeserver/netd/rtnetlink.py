"""A netlink socket that waits for its answers. It stays in the namespace that it was opened in."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from routeserver.netd.orders import Refusal
from routeserver.netlink.decoding import Heard, Said, Thing, decode, decode_message
from routeserver.netlink.framing import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    Acknowledgement,
    Flag,
    Message,
    acknowledgement,
    messages,
)
from routeserver.netlink.link import Link, get_link
from routeserver.netlink.nftables import NETLINK_NETFILTER

T = TypeVar("T", bound=Thing)

SOL_NETLINK: Final = 270
NETLINK_CAP_ACK: Final = 10
NETLINK_EXT_ACK: Final = 11
NETLINK_GET_STRICT_CHK: Final = 12
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33

_SEND_BUFFER: Final = 1 << 20
_RECEIVE_BUFFER: Final = 4 << 20
_READ: Final = 1 << 16
_LISTENING_BUFFER: Final = 16 << 20
_ATTEMPTS: Final = 5
_TIMEOUT: Final = struct.pack("@ll", 10, 0)

CHUNK_OCTETS: Final = 128 << 10
CHUNK_MESSAGES: Final = 2048
"""What is sent at once: were every message refused, the reports, of about a kilobyte each as the
kernel counts them, would still fit in the receive buffer."""


class RefusedError(OSError):
    """The kernel does not do what it was asked; `strerror` is its own explanation where it has
    one."""


def _refused(said: Acknowledgement) -> RefusedError:
    return RefusedError(said.errno, said.text or os.strerror(said.errno))


def open_socket(protocol: int = socket.NETLINK_ROUTE) -> socket.socket:
    """In the namespace that this thread is in. Raises OSError."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    made = socket.socket(socket.AF_NETLINK, kind, protocol)
    try:
        made.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        made.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        if protocol == socket.NETLINK_ROUTE:
            with suppress(OSError):  # older kernels list more than was asked for
                made.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
    except BaseException:
        made.close()
        raise
    return made


def open_listening_socket() -> socket.socket:
    """For the server, to look and to hear what changes: with room for a great many changes."""
    made = open_socket()
    made.setblocking(False)
    with suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _LISTENING_BUFFER)
    return made


class Netlink:
    """Made in the namespace that this thread is in; `close` when done."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        """Raises OSError."""
        self._socket = open_socket(protocol)
        for option, size in ((_SO_SNDBUFFORCE, _SEND_BUFFER), (_SO_RCVBUFFORCE, _RECEIVE_BUFFER)):
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, option, size)
        # The kernel answers before `send` returns; this is for one that does not at all. (Python's
        # own timeout would also wait where there is nothing to wait for.)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)

    def close(self) -> None:
        self._socket.close()

    def do(self, *requests: bytes) -> None:
        """One after the other, until one is refused. Raises RefusedError."""
        for asked in requests:
            said = self._ask(asked, Flag.ACK)[-1]
            if isinstance(said, Acknowledgement) and said.errno:
                raise _refused(said)

    def all(self, question: bytes, kind: type[T]) -> list[T]:
        """What a list holds of this kind. Raises RefusedError."""
        for _ in range(_ATTEMPTS):
            self._send(question)
            found: list[T] = []
            changed = False
            for message in self._messages():
                changed = changed or bool(message.flags & Flag.DUMP_INTERRUPTED)
                heard = decode_message(message)
                if isinstance(heard, Acknowledgement) and heard.errno:
                    raise _refused(heard)
                if isinstance(heard, Said) and isinstance(heard.value, kind):
                    found.append(heard.value)
            if not changed:
                return found
        raise RefusedError(errno.EAGAIN, "it changes all the time while it is listed")

    def raw(self, question: bytes) -> Iterator[Message]:
        """The messages of a list, up to its end."""
        self._send(question)
        return self._messages()

    def link(self, name: str) -> Link | None:
        """The interface of this name. Raises RefusedError."""
        heard = self._ask(get_link(name), Flag.ACK)
        for said in heard:
            if isinstance(said, Said) and isinstance(said.value, Link):
                return said.value
        last = heard[-1]
        if isinstance(last, Acknowledgement) and last.errno not in {0, errno.ENODEV}:
            raise _refused(last)
        return None

    def batch(self, octets: bytes) -> None:
        """A batch of nf_tables, each message of which asks for an acknowledgement. Raises
        RefusedError for the first that has not been carried out."""
        self._socket.send(octets)
        said = [
            acknowledgement(message) for message in self._waiting() if message.type == NLMSG_ERROR
        ]
        if not said:
            raise RefusedError(errno.EPROTO, "the kernel says nothing to a batch of rules")
        for one in said:
            if one.errno:
                raise _refused(one)

    def write(self, octets: bytes, ends: Sequence[int]) -> list[Refusal]:
        """Messages back to back, none of which asks for an answer, in pieces that end at `ends`;
        what the kernel refused. Raises OSError."""
        refused: list[Refusal] = []
        view = memoryview(octets)
        begin = 0
        for end in ends:
            self._socket.send(view[begin:end])
            begin = end
            refused.extend(
                Refusal(said.sequence, said.errno)
                for message in self._waiting()
                if message.type == NLMSG_ERROR and (said := acknowledgement(message)).errno
            )
        return refused

    def _send(self, octets: bytes) -> None:
        for _ in self._waiting():  # what an earlier question left behind
            pass
        self._socket.send(octets)

    def _ask(self, asked: bytes, flags: int) -> list[Heard]:
        octets = bytearray(asked)
        length, kind, own, sequence, to = HEADER.unpack_from(octets)
        HEADER.pack_into(octets, 0, length, kind, own | flags, sequence, to)
        self._send(bytes(octets))
        heard: list[Heard] = []
        while not (heard and isinstance(heard[-1], Acknowledgement)):
            heard.extend(decode(self._receive()))
        return heard

    def _messages(self) -> Iterator[Message]:
        while True:
            for message in messages(self._receive()):
                yield message
                if message.type in {NLMSG_DONE, NLMSG_ERROR}:
                    return

    def _receive(self, flags: int = 0) -> bytes:
        octets, _, told, _ = self._socket.recvmsg(_READ, 0, flags)
        if told & socket.MSG_TRUNC:
            raise RefusedError(errno.EMSGSIZE, "an answer of the kernel that is too long")
        return octets

    def _waiting(self) -> Iterator[Message]:
        while True:
            try:
                octets = self._receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            yield from messages(octets)


def open_rules() -> Netlink:
    """A socket of nf_tables. Raises OSError."""
    return Netlink(NETLINK_NETFILTER)
