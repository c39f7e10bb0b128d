"""What BFD reads of a packet beside its octets: the TTL (RFC 5881 §5). The sockets themselves are
`netd.sockets`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from typing import Final

ANCILLARY_SIZE: Final = socket.CMSG_SPACE(4)


def received_ttl(ancillary: Sequence[tuple[int, int, bytes]]) -> int | None:
    for level, kind, value in ancillary:
        if (level == socket.IPPROTO_IP and kind == socket.IP_TTL) or (
            level == socket.IPPROTO_IPV6 and kind == socket.IPV6_HOPLIMIT
        ):
            return int.from_bytes(value[:4], sys.byteorder)
    return None
