"""Capabilities of an OPEN (RFC 5492): the ones we know as values, all others as the bytes they
came in.

Known: multiprotocol (RFC 4760 §8), route refresh (RFC 2918), enhanced route refresh (RFC 7313),
graceful restart (RFC 4724) and 4-octet AS numbers (RFC 6793). A malformed one of those the session
depends on is an error in the OPEN; a malformed one that is only informative is kept raw, so that
it never costs a session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from routeserver.bgp.errors import OpenError, open_error
from routeserver.net.prefix import Family

MULTIPROTOCOL: Final = 1
ROUTE_REFRESH: Final = 2
GRACEFUL_RESTART: Final = 64
FOUR_OCTET_ASN: Final = 65
ENHANCED_ROUTE_REFRESH: Final = 70

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
class GracefulRestart:
    """`flags` are the four high bits; `families` are (AFI, SAFI, flags)."""

    flags: int
    restart_time_s: int
    families: tuple[tuple[int, int, int], ...] = ()


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
    | EnhancedRouteRefresh
    | GracefulRestart
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
        case (70, 0):
            return EnhancedRouteRefresh()
        case (64, length) if length % 4 == 2:
            return GracefulRestart(
                value[0] >> 4,
                (value[0] & 0x0F) << 8 | value[1],
                tuple(
                    (value[i] << 8 | value[i + 1], value[i + 2], value[i + 3])
                    for i in range(2, length, 4)
                ),
            )
        case _:
            return RawCapability(code, value)


def encode_capabilities(capabilities: Iterable[Capability]) -> bytes:
    """The value of a Capabilities optional parameter."""
    out = bytearray()
    for capability in capabilities:
        code, value = _encode_one(capability)
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
        case GracefulRestart(flags, restart_time_s, families):
            value = (flags << 12 | restart_time_s).to_bytes(2, "big")
            for afi, safi, family_flags in families:
                value += afi.to_bytes(2, "big") + bytes([safi, family_flags])
            return GRACEFUL_RESTART, value
        case FourOctetAsn(asn):
            return FOUR_OCTET_ASN, asn.to_bytes(4, "big")
        case RawCapability(code, value):
            return code, value
