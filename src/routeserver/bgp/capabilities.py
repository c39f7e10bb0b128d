"""Capabilities of an OPEN (RFC 5492): the ones we know as values, all others as the bytes they
came in.

Known: multiprotocol (RFC 4760 §8), route refresh (RFC 2918), extended next hop (RFC 8950), extended
messages (RFC 8654), graceful restart (RFC 4724, RFC 8538), 4-octet AS numbers (RFC 6793), enhanced
route refresh (RFC 7313) and long-lived graceful restart (RFC 9494). A malformed one of those the
session depends on is an error in the OPEN; a malformed one that only adds something is kept raw,
so that it never costs a session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import iter_unpack, pack
from typing import Final, TypeAlias

from routeserver.bgp.errors import OpenError, open_error
from routeserver.net.prefix import Family

MULTIPROTOCOL: Final = 1
ROUTE_REFRESH: Final = 2
EXTENDED_NEXT_HOP: Final = 5
EXTENDED_MESSAGE: Final = 6
GRACEFUL_RESTART: Final = 64
FOUR_OCTET_ASN: Final = 65
ENHANCED_ROUTE_REFRESH: Final = 70
LONG_LIVED_GRACEFUL_RESTART: Final = 71

SAFI_UNICAST: Final = 1


@dataclass(frozen=True, slots=True)
class Multiprotocol:
    afi: int
    safi: int

    @property
    def family(self) -> Family | None:
        """The family when it is one this speaker understands."""
        return family_from(self.afi, self.safi)


@dataclass(frozen=True, slots=True)
class RouteRefreshCapability:
    pass


@dataclass(frozen=True, slots=True)
class EnhancedRouteRefresh:
    pass


@dataclass(frozen=True, slots=True)
class ExtendedMessage:
    pass


@dataclass(frozen=True, slots=True)
class ExtendedNextHop:
    """`tuples` are (AFI, SAFI, AFI of the next hop)."""

    tuples: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class GracefulRestart:
    """`flags` are the four high bits; `families` are (AFI, SAFI, flags)."""

    flags: int
    restart_time_s: int
    families: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class LongLivedGracefulRestart:
    """`families` are (AFI, SAFI, flags, stale time in seconds, which has 24 bits)."""

    families: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class FourOctetAsn:
    asn: int


@dataclass(frozen=True, slots=True)
class RawCapability:
    code: int
    value: bytes


Capability: TypeAlias = (
    Multiprotocol
    | RouteRefreshCapability
    | ExtendedNextHop
    | ExtendedMessage
    | EnhancedRouteRefresh
    | GracefulRestart
    | LongLivedGracefulRestart
    | FourOctetAsn
    | RawCapability
)


def family_from(afi: int, safi: int) -> Family | None:
    if safi != SAFI_UNICAST:
        return None
    if afi == Family.IPV4:
        return Family.IPV4
    return Family.IPV6 if afi == Family.IPV6 else None


def decode_capabilities(data: bytes) -> list[Capability]:
    """The capabilities in the value of one Capabilities optional parameter.

    Raises ProtocolError (OPEN Message Error, unspecific: RFC 4271 §6.2) when they are malformed.
    """
    out: list[Capability] = []
    position = 0
    while position < len(data):
        if len(data) - position < 2:
            raise open_error(OpenError.UNSPECIFIC, "a capability is cut off in its header")
        end = position + 2 + data[position + 1]
        if end > len(data):
            raise open_error(
                OpenError.UNSPECIFIC,
                f"capability {data[position]} is longer than the parameter around it",
            )
        out.append(_decode_one(data[position], data[position + 2 : end]))
        position = end
    return out


def _decode_one(code: int, value: bytes) -> Capability:
    match code, len(value):
        case (1, 4):
            return Multiprotocol(value[0] << 8 | value[1], value[3])
        case (2, 0):
            return RouteRefreshCapability()
        case (65, 4):
            return FourOctetAsn(int.from_bytes(value, "big"))
        case (1 | 2 | 65, length):
            raise open_error(OpenError.UNSPECIFIC, f"capability {code} has length {length}")
        case (6, 0):
            return ExtendedMessage()
        case (70, 0):
            return EnhancedRouteRefresh()
        case (5, length) if length % 6 == 0:
            return ExtendedNextHop(tuple(iter_unpack(">HHH", value)))
        case (71, length) if length % 7 == 0:
            return LongLivedGracefulRestart(
                tuple(
                    (afi, safi, flags, high << 16 | low)
                    for afi, safi, flags, high, low in iter_unpack(">HBBBH", value)
                )
            )
        case (64, length) if length % 4 == 2:
            return GracefulRestart(
                value[0] >> 4,
                (value[0] & 0x0F) << 8 | value[1],
                tuple(iter_unpack(">HBB", value[2:])),
            )
        case _:
            return RawCapability(code, value)


def encode_capabilities(capabilities: Iterable[Capability]) -> bytes:
    """The value of a Capabilities optional parameter. Raises ValueError for one of more than 255
    octets.
    """
    out = bytearray()
    for capability in capabilities:
        code, value = _encode_one(capability)
        if len(value) > 0xFF:
            raise ValueError(f"capability {code} of {len(value)} octets has no encoding")
        out += bytes([code, len(value)]) + value
    return bytes(out)


def _encode_one(capability: Capability) -> tuple[int, bytes]:
    match capability:
        case Multiprotocol(afi, safi):
            return MULTIPROTOCOL, afi.to_bytes(2, "big") + bytes([0, safi])
        case RouteRefreshCapability():
            return ROUTE_REFRESH, b""
        case EnhancedRouteRefresh():
            return ENHANCED_ROUTE_REFRESH, b""
        case ExtendedMessage():
            return EXTENDED_MESSAGE, b""
        case ExtendedNextHop(tuples):
            return EXTENDED_NEXT_HOP, b"".join([pack(">HHH", *one) for one in tuples])
        case GracefulRestart(flags, restart_time_s, families):
            each = [pack(">HBB", *one) for one in families]
            return GRACEFUL_RESTART, pack(">H", flags << 12 | restart_time_s) + b"".join(each)
        case LongLivedGracefulRestart(stale):
            return LONG_LIVED_GRACEFUL_RESTART, b"".join(
                [
                    pack(">HBB", afi, safi, flags) + time_s.to_bytes(3, "big")
                    for afi, safi, flags, time_s in stale
                ]
            )
        case FourOctetAsn(asn):
            return FOUR_OCTET_ASN, asn.to_bytes(4, "big")
        case RawCapability(code, value):
            return code, value
