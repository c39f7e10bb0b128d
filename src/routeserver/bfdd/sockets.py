"""The UDP sockets of single-hop BFD (RFC 5881 §4, §5): TTL 255, one source port per session.

Receiving: SO_REUSEADDR, so that a daemon bound to the wildcard address may share the machine; the
kernel prefers the socket bound to the exact address. That option would also let two processes take
the same address in silence, one of them deaf, so a listener first looks whether the exact address
is taken.

Sending: an unconnected socket, to which Linux does not report ICMP errors of the other end.

Addresses may be bound before they exist on the machine; packets flow as soon as they do.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import sys
from collections.abc import Container, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

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

ANCILLARY_SIZE: Final = socket.CMSG_SPACE(4)

Address = IPv4Address | IPv6Address


class SocketError(Exception):
    """A session cannot have its sockets; one line that says why and what to do."""


def open_listener(local: Address, port: int, bound: Container[str]) -> socket.socket:
    """A non-blocking socket whose `recvmsg` also gives the TTL. Raises SocketError.

    `bound` is what `bound_addresses` gave; many listeners may be judged by one look.
    """
    if _in_kernel_words(local) in bound:
        raise SocketError(
            f"UDP {local} port {port} is in use by another process; stop the BFD daemon that holds "
            "it or choose another BFD port"
        )
    listener = _socket(local)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _widen(listener)
        if local.version == 4:
            listener.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        else:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        listener.bind((str(local), port))
    except OSError as error:
        listener.close()
        raise SocketError(_bind_failure(local, port, error)) from error
    return listener


def open_sender(local: Address) -> socket.socket:
    """A non-blocking socket on a source port of its own, TTL 255. Raises SocketError."""
    sender = _socket(local)
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
        raise SocketError(_bind_failure(local, None, error)) from error
    return sender


def received_ttl(ancillary: Sequence[tuple[int, int, bytes]]) -> int | None:
    for level, kind, value in ancillary:
        if (level == socket.IPPROTO_IP and kind == socket.IP_TTL) or (
            level == socket.IPPROTO_IPV6 and kind == socket.IPV6_HOPLIMIT
        ):
            return int.from_bytes(value[:4], sys.byteorder)
    return None


def _socket(local: Address) -> socket.socket:
    family = socket.AF_INET if local.version == 4 else socket.AF_INET6
    try:
        made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise SocketError(f"no UDP socket for BFD: {error.strerror}") from error
    with suppress(OSError):  # only a convenience: without it the address has to exist first
        if local.version == 4:
            made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    return made


def _bind_source_port(sender: socket.socket, local: Address) -> None:
    for _ in range(_SOURCE_PORT_ATTEMPTS - 1):
        try:
            return sender.bind((str(local), secrets.choice(_SOURCE_PORTS)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return sender.bind((str(local), secrets.choice(_SOURCE_PORTS)))


def _bind_failure(local: Address, port: int | None, error: OSError) -> str:
    where = f"UDP {local} port {port}" if port is not None else f"UDP {local}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{where} is in use by a process that does not share it; stop that BFD daemon or "
                "choose another BFD port"
            )
        case errno.EACCES | errno.EPERM:
            return f"{where} may not be bound by this user; choose a BFD port above 1023"
        case errno.EADDRNOTAVAIL:
            return f"{where} cannot be bound: this machine does not have the address"
        case _:
            return f"{where} cannot be bound: {error.strerror or os.strerror(error.errno or 0)}"


def bound_addresses(version: int, port: int) -> frozenset[str]:
    """The addresses that some socket here has at this port, as the kernel prints them; empty where
    it does not tell. Reading this takes time for each socket of the machine."""
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


def _widen(listener: socket.socket) -> None:
    """Room for what a thousand sessions send while this process is kept from running."""
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    with suppress(OSError):  # beyond the system's limit, for those who may
        listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
