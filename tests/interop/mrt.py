"""A routing table as a file of MRT (RFC 6396, TABLE_DUMP_V2), which is how some daemons take many
routes at once."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path
from struct import pack
from typing import Final

_TABLE_DUMP_V2: Final = 13
_PEER_INDEX_TABLE: Final = 1
_RIB_IPV4_UNICAST: Final = 2
_AS_OF_FOUR_OCTETS: Final = 2


def write_table(path: Path, prefixes: Iterable[str], next_hop: str) -> None:
    """Every prefix with ORIGIN IGP, an empty AS_PATH and the same NEXT_HOP."""
    hop = socket.inet_aton(next_hop)
    attributes = b"\x40\x01\x01\x00\x40\x02\x00\x40\x03\x04" + hop
    peer = pack("!B4s4sI", _AS_OF_FOUR_OCTETS, hop, hop, 0)
    entry = pack("!HIH", 0, 0, len(attributes)) + attributes
    with path.open("wb") as file:
        file.write(_record(_PEER_INDEX_TABLE, hop + pack("!HH", 0, 1) + peer))
        for number, text in enumerate(prefixes):
            prefix = IPv4Network(text)
            address = prefix.network_address.packed[: (prefix.prefixlen + 7) // 8]
            head = pack("!IB", number, prefix.prefixlen) + address + pack("!H", 1)
            file.write(_record(_RIB_IPV4_UNICAST, head + entry))


def _record(subtype: int, body: bytes) -> bytes:
    return pack("!IHHI", 0, _TABLE_DUMP_V2, subtype, len(body)) + body
