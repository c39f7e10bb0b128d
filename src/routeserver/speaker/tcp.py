"""TCP options of BGP connections on Linux: MD5 signatures (RFC 2385) and the generalized TTL
security mechanism (RFC 5082).

A key belongs to the address of one peer and is put on a socket: on the listening one before the
peer's SYN comes, on a dialling one before it connects, and on a connection when the key changes
under it. The kernel drops what is signed wrongly without a word.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from struct import pack
from typing import Final

TCP_MD5SIG: Final = 14
IP_MINTTL: Final = 21
"""linux/tcp.h, linux/in.h; the socket module names neither."""

KEEPALIVE_IDLE_S: Final = 60
KEEPALIVE_INTERVAL_S: Final = 15
KEEPALIVE_COUNT: Final = 4

MAX_KEY_OCTETS: Final = 80
MAX_TTL: Final = 255

_UNSUPPORTED: Final = frozenset({errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EINVAL})


class TransportError(OSError):
    """Why a connection cannot be protected as configured, in one line with the remedy."""


def set_md5(sock: socket.socket, peer: str, password: str | None) -> None:
    """Sign and expect signatures of what is exchanged with `peer` (IPv4); None: no more.

    Raises TransportError.
    """
    key = b"" if password is None else password.encode()
    if len(key) > MAX_KEY_OCTETS:
        raise TransportError(f"the MD5 password of {peer} is longer than {MAX_KEY_OCTETS} octets")
    # struct tcp_md5sig: sockaddr_storage, flags, prefix length, key length, interface, key.
    address = pack("=HH4s120x", socket.AF_INET, 0, IPv4Address(peer).packed)
    option = address + pack("=BBHi80s", 0, 0, len(key), 0, key)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, option)
    except OSError as error:
        if password is None and error.errno == errno.ENOENT:
            return
        raise TransportError(f"TCP MD5 for {peer}: {_sentence(error)}") from error


def set_ttl(sock: socket.socket) -> None:
    """Send with the TTL that a peer with TTL security expects."""
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, MAX_TTL)


def set_ttl_security(sock: socket.socket, hops: int | None) -> None:
    """Take only packets that have come `hops` hops at most, 1 for a direct neighbour; None: any.

    Raises TransportError.
    """
    try:
        if hops is not None:
            set_ttl(sock)
        least = 0 if hops is None else MAX_TTL + 1 - hops
        sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, least)
    except OSError as error:
        raise TransportError(f"TTL security: {error.strerror or error}") from error


def watch(sock: socket.socket) -> None:
    """Have TCP find out within two minutes that the other side is gone, for sessions without a hold
    timer: nothing else would, and the peer that comes back would be refused for the old session.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S),
        (socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S),
        (socket.TCP_KEEPCNT, KEEPALIVE_COUNT),
    ):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


@contextmanager
def borrowed(sock: object) -> Iterator[socket.socket]:
    """The socket of a transport, to set options on: event loops hand out look-alikes that have no
    `setsockopt`."""
    fileno: int = sock.fileno()  # type: ignore[attr-defined]
    with socket.socket(fileno=os.dup(fileno)) as duplicate:
        yield duplicate


def _sentence(error: OSError) -> str:
    if error.errno in _UNSUPPORTED:
        return (
            "this kernel has no TCP MD5 signatures (CONFIG_TCP_MD5SIG); remove the password or "
            "use another kernel"
        )
    if error.errno == errno.ENOMEM:
        return (
            "no room for another key: raise net.core.optmem_max, "
            "which holds all the keys of one endpoint"
        )
    return error.strerror or str(error)
