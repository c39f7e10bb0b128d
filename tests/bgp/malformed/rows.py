"""What a row of the malformed-UPDATE suite is, and the octets rows are made of.

A row is one bad UPDATE, the RFC section that says what it leads to, and the same UPDATE without its
fault (`control`): the fault alone makes the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from routeserver.bgp.errors import Notification, UpdateError
from tests.bgp.support import AS_PATH, MANDATORY, NEXT_HOP, ORIGIN, attribute, nlri, update

ROUTE: Final = "192.0.2.0/24"
ROUTE6: Final = "2001:db8:1::/48"
PEER: Final = "0000fde9"
OWN: Final = "0000fde8"


class Fate(Enum):
    """Of the route that stood before the bad UPDATE, when the session lives on.

    `KEPT` is the route as the UPDATE has it, with nothing to remark; `DISCARDED` the same without
    the bad attribute; `WITHDRAWN` covers routes that are malformed and routes that are refused;
    `UNTOUCHED` is the route from before.
    """

    KEPT = "kept"
    DISCARDED = "attribute discarded"
    WITHDRAWN = "withdrawn"
    UNTOUCHED = "untouched"


KEPT, DISCARDED, WITHDRAWN, UNTOUCHED = Fate


class Kind(Enum):
    """What was negotiated with the peer that sends the UPDATE."""

    EXTERNAL = "external, four-octet AS numbers"
    INTERNAL = "internal"
    TWO_OCTET = "external, two-octet AS numbers"
    SETS = "external, AS_SET accepted"
    NEXT_HOP6 = "external, IPv6 next hops for IPv4"
    ONLY_IPV4 = "external, IPv4 only"


@dataclass(frozen=True, slots=True)
class Row:
    """`outcome` is a NOTIFICATION when the session has to end; `reason` stands in what is told of
    the UPDATE.
    """

    name: str
    section: str
    frame: bytes
    control: bytes
    outcome: Fate | Notification
    reason: str = ""
    kind: Kind = Kind.EXTERNAL
    route: str = ROUTE

    def __str__(self) -> str:
        return f"{self.section}: {self.name}"


def mandatory(kind: Kind) -> bytes:
    """The well-known attributes as this kind of peer writes them."""
    match kind:
        case Kind.INTERNAL:
            return ORIGIN + attribute(0x40, 2, b"") + NEXT_HOP
        case Kind.TWO_OCTET:
            return ORIGIN + attribute(0x40, 2, bytes.fromhex("0201fde9")) + NEXT_HOP
        case _:
            return MANDATORY


def announced(attributes: bytes) -> bytes:
    return update(attributes, nlri(ROUTE))


def reset(subcode: UpdateError, data: bytes = b"") -> Notification:
    return Notification(3, subcode, data)


def path(hex_: str) -> bytes:
    return ORIGIN + attribute(0x40, 2, bytes.fromhex(hex_)) + NEXT_HOP


def via(hex_: str) -> bytes:
    return ORIGIN + AS_PATH + attribute(0x40, 3, bytes.fromhex(hex_))
