"""The sockets that BGP and BFD live on, opened in the namespace that this thread is in.

Here because the privileged helper opens them where there is one, and the server and its BFD daemon
open the very same for themselves where there is none.

BGP: a listener on one address. BFD (RFC 5881 §4, §5), receiving: SO_REUSEADDR, so that a daemon
bound to the wildcard address may share the machine; the kernel prefers the socket bound to the
exact address. That option would also let two processes take the same address in silence, one of
them deaf, so a receiver first looks whether the exact address is taken. Sending: an unconnected
socket, to which Linux does not report ICMP errors of the other end, with TTL 255 and a source port
of its own.

Addresses may be bound before they exist on the machine; packets flow as soon as they do.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import sys
from collections.abc import Container
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from typing import Final

BACKLOG: Final = 128
LOOPBACK: Final = IPv4Network("127.0.0.0/8")

# Linux numbers that Python's socket module does not name.
_IP_FREEBIND: Final = 15
_IP_RECVTTL: Final = 12
_IPV6_FREEBIND: Final = 78
_SO_RCVBUFFORCE: Final = 33

_TTL: Final = 255
_CLASS_SELECTOR_6: Final = 0xC0
_RECEIVE_BUFFER: Final = 1 << 20
_SOURCE_PORTS: Final = range(49152, 65536)
_SOURCE_PORT_ATTEMPTS: Final = 64

_LISTEN_REMEDIES: Final[dict[int, str]] = {
    errno.EADDRINUSE: (
        "the port is busy: stop what listens there or choose another one with --bgp-port"
    ),
    errno.EACCES: "ports below 1024 need privilege: choose a higher one with --bgp-port",
    errno.EPERM: "ports below 1024 need privilege: choose a higher one with --bgp-port",
    errno.EADDRNOTAVAIL: "the address is not on this machine: add it to an interface first",
    errno.EMFILE: "too many open files: raise the limit with ulimit -n",
    errno.ENFILE: "the machine has too many open files",
}

Address = IPv4Address | IPv6Address


class SocketError(OSError):
    """A socket cannot be had; one line that says why and what to do. `errno` is the kernel's, 0
    where it has not been asked."""

    def __init__(self, reason: str, number: int = 0) -> None:
        super().__init__(reason)
        self.errno = number


def open_listener(local: Address, port: int) -> socket.socket:
    """A non-blocking TCP socket that listens; port 0 takes a free one. Raises SocketError."""
    family = socket.AF_INET if local.version == 4 else socket.AF_INET6
    try:
        listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise _listen_failure(local, port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if local.version == 6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if not (local.version == 4 and local in LOOPBACK):
            _bind_freely(listening, local)
        listening.bind((str(local), port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise _listen_failure(local, port, error) from error
    return listening


def _listen_failure(local: Address, port: int, error: OSError) -> SocketError:
    number = error.errno or 0
    remedy = _LISTEN_REMEDIES.get(number, error.strerror or str(error))
    return SocketError(f"cannot listen on {local} port {port}: {remedy}", number)


def open_bfd_receiver(local: Address, port: int, bound: Container[str]) -> socket.socket:
    """A non-blocking socket whose `recvmsg` also gives the TTL. Raises SocketError.

    `bound` is what `bound_addresses` gave; many receivers may be judged by one look.
    """
    if _in_kernel_words(local) in bound:
        raise SocketError(
            f"UDP {local} port {port} is in use by another process; stop the BFD daemon that holds "
            "it or choose another BFD port",
            errno.EADDRINUSE,
        )
    receiver = _datagram_socket(local)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _widen(receiver)
        if local.version == 4:
            receiver.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        else:
            receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        receiver.bind((str(local), port))
    except OSError as error:
        receiver.close()
        raise _bind_failure(local, port, error) from error
    return receiver


def open_bfd_sender(local: Address) -> socket.socket:
    """A non-blocking socket on a source port of its own, TTL 255. Raises SocketError."""
    sender = _datagram_socket(local)
    try:
        if local.version == 4:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _TTL)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _CLASS_SELECTOR_6)
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _TTL)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _CLASS_SELECTOR_6)
        _bind_source_port(sender, local)
    except OSError as error:
        sender.close()
        raise _bind_failure(local, None, error) from error
    return sender


def _datagram_socket(local: Address) -> socket.socket:
    family = socket.AF_INET if local.version == 4 else socket.AF_INET6
    try:
        made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise SocketError(f"no UDP socket for BFD: {error.strerror}", error.errno or 0) from error
    with suppress(OSError):  # only a convenience: without it the address has to exist first
        _bind_freely(made, local)
    return made


def _bind_freely(made: socket.socket, local: Address) -> None:
    if local.version == 4:
        made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)


def _bind_source_port(sender: socket.socket, local: Address) -> None:
    for _ in range(_SOURCE_PORT_ATTEMPTS - 1):
        try:
            return sender.bind((str(local), secrets.choice(_SOURCE_PORTS)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return sender.bind((str(local), secrets.choice(_SOURCE_PORTS)))


def _bind_failure(local: Address, port: int | None, error: OSError) -> SocketError:
    where = f"UDP {local} port {port}" if port is not None else f"UDP {local}"
    number = error.errno or 0
    match number:
        case errno.EADDRINUSE:
            reason = (
                f"{where} is in use by a process that does not share it; stop that BFD daemon or "
                "choose another BFD port"
            )
        case errno.EACCES | errno.EPERM:
            reason = f"{where} may not be bound by this user; choose a BFD port above 1023"
        case errno.EADDRNOTAVAIL:
            reason = f"{where} cannot be bound: this machine does not have the address"
        case _:
            reason = f"{where} cannot be bound: {error.strerror or os.strerror(number)}"
    return SocketError(reason, number)


def bound_addresses(version: int, port: int) -> frozenset[str]:
    """The addresses that some socket here has at this UDP port, as the kernel prints them; empty
    where it does not tell. Reading this takes time for each socket of the machine."""
    table = Path("/proc/net/udp" if version == 4 else "/proc/net/udp6")
    try:
        lines = table.read_text("ascii").splitlines()
    except OSError:
        return frozenset()
    suffix = f":{port:04X}"
    locals_ = (line.split(maxsplit=2)[1] for line in lines[1:])
    return frozenset(text.removesuffix(suffix) for text in locals_ if text.endswith(suffix))


def _in_kernel_words(local: Address) -> str:
    # The kernel prints an address as 32-bit words in the machine's byte order.
    words = (local.packed[at : at + 4] for at in range(0, len(local.packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


def _widen(receiver: socket.socket) -> None:
    """Room for what a thousand sessions send while their process is kept from running."""
    with suppress(OSError):
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    with suppress(OSError):  # beyond the system's limit, for those who may
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
