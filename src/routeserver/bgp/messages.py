"""The messages other than UPDATE: OPEN, NOTIFICATION, KEEPALIVE and ROUTE-REFRESH as values.

RFC 4271 §4.2, §4.4 and §4.5, RFC 2918 and RFC 9072. Decoding takes the body of a frame and gives a
whole message or a `ProtocolError`; whether what it says is acceptable to us is decided in
`negotiation`. UPDATE, which is most of the work, has a module of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Final

from routeserver.bgp.capabilities import (
    Capability,
    decode_capabilities,
    encode_capabilities,
    family_from,
)
from routeserver.bgp.errors import (
    ErrorCode,
    Notification,
    OpenError,
    ProtocolError,
    RouteRefreshError,
    open_error,
)
from routeserver.bgp.framing import (
    EXTENDED_MESSAGE_OCTETS,
    HEADER_OCTETS,
    MAX_MESSAGE_OCTETS,
    MessageType,
    encode_frame,
)
from routeserver.net.prefix import Family

VERSION: Final = 4
AS_TRANS: Final = 23456  # RFC 6793 §9: stands for an AS number that does not fit two octets

_CAPABILITIES_PARAMETER: Final = 2
_EXTENDED_LENGTH: Final = 255  # RFC 9072
_MAX_NOTIFICATION_DATA: Final = MAX_MESSAGE_OCTETS - HEADER_OCTETS - 2

KEEPALIVE: Final = encode_frame(MessageType.KEEPALIVE, b"")


@dataclass(frozen=True, slots=True)
class Open:
    """`asn` is the two-octet My Autonomous System field, which is not always the AS number (RFC
    6793).
    """

    asn: int
    hold_time_s: int
    router_id: IPv4Address
    capabilities: tuple[Capability, ...] = ()

    @classmethod
    def decode(cls, body: bytes) -> Open:
        if len(body) < 10:
            raise open_error(OpenError.UNSPECIFIC, "the OPEN is cut off")
        if body[0] != VERSION:
            raise open_error(
                OpenError.UNSUPPORTED_VERSION_NUMBER,
                f"the peer speaks BGP version {body[0]}, not {VERSION}",
                VERSION.to_bytes(2, "big"),
            )
        return cls(
            asn=body[1] << 8 | body[2],
            hold_time_s=body[3] << 8 | body[4],
            router_id=IPv4Address(body[5:9]),
            capabilities=_decode_optional_parameters(body[9:]),
        )

    def encode(self) -> bytes:
        """Raises ValueError when the capabilities do not fit a message."""
        return encode_frame(
            MessageType.OPEN,
            bytes([VERSION])
            + self.asn.to_bytes(2, "big")
            + self.hold_time_s.to_bytes(2, "big")
            + self.router_id.packed
            + _encode_optional_parameters(encode_capabilities(self.capabilities)),
        )


@dataclass(frozen=True, slots=True)
class NotificationMessage:
    notification: Notification

    @classmethod
    def decode(cls, body: bytes) -> NotificationMessage:
        return cls(Notification(body[0], body[1], body[2:]))

    def encode(self) -> bytes:
        """Data beyond what one message holds is cut: it only quotes what the peer sent."""
        n = self.notification
        return encode_frame(
            MessageType.NOTIFICATION, bytes([n.code, n.subcode]) + n.data[:_MAX_NOTIFICATION_DATA]
        )


@dataclass(frozen=True, slots=True)
class Keepalive:
    @classmethod
    def decode(cls, body: bytes) -> Keepalive:  # noqa: ARG003 - framing knows that it is empty
        return cls()

    def encode(self) -> bytes:
        return KEEPALIVE


class RefreshSubtype(IntEnum):
    """RFC 7313 §3.2; the octet was reserved before."""

    REQUEST = 0
    BEGIN = 1  # BoRR
    END = 2  # EoRR


@dataclass(frozen=True, slots=True)
class RouteRefresh:
    """`subtype` is one of `RefreshSubtype`, or whatever else the peer sent."""

    afi: int
    safi: int
    subtype: int = 0

    @property
    def family(self) -> Family | None:
        return family_from(self.afi, self.safi)

    @classmethod
    def decode(cls, body: bytes) -> RouteRefresh:
        """Raises ProtocolError for another length, which only an enhanced refresh session lets
        through to here (RFC 7313 §5).
        """
        if len(body) != 4:
            raise ProtocolError(
                Notification(
                    ErrorCode.ROUTE_REFRESH_MESSAGE_ERROR,
                    RouteRefreshError.INVALID_MESSAGE_LENGTH,
                    encode_frame(MessageType.ROUTE_REFRESH, body, EXTENDED_MESSAGE_OCTETS),
                ),
                f"a ROUTE-REFRESH of {HEADER_OCTETS + len(body)} octets",
            )
        return cls(body[0] << 8 | body[1], body[3], body[2])

    def encode(self) -> bytes:
        return encode_frame(
            MessageType.ROUTE_REFRESH,
            self.afi.to_bytes(2, "big") + bytes([self.subtype, self.safi]),
        )


def _encode_optional_parameters(capabilities: bytes) -> bytes:
    """From the Optional Parameters Length octet on; the long form of RFC 9072 only where the short
    one is too short, as not every peer knows it.
    """
    if not capabilities:
        return b"\x00"
    length = len(capabilities)
    if length + 2 < _EXTENDED_LENGTH:
        return bytes([length + 2, _CAPABILITIES_PARAMETER, length]) + capabilities
    return (
        bytes([_EXTENDED_LENGTH, _EXTENDED_LENGTH])
        + (length + 3).to_bytes(2, "big")
        + bytes([_CAPABILITIES_PARAMETER])
        + length.to_bytes(2, "big")
        + capabilities
    )


def _decode_optional_parameters(data: bytes) -> tuple[Capability, ...]:
    """`data` starts at the Optional Parameters Length octet."""
    position, length_octets = 1, 1
    length = data[0]
    if length and len(data) > 1 and data[1] == _EXTENDED_LENGTH:
        if len(data) < 4:
            raise open_error(OpenError.UNSPECIFIC, "the extended parameter length is cut off")
        position, length_octets = 4, 2
        length = data[2] << 8 | data[3]
    if length != len(data) - position:
        raise open_error(
            OpenError.UNSPECIFIC,
            f"optional parameters of {length} octets in a message with room for "
            f"{len(data) - position}",
        )
    out: list[Capability] = []
    while position < len(data):
        start = position + 1 + length_octets
        if start > len(data):
            raise open_error(OpenError.UNSPECIFIC, "an optional parameter is cut off in its header")
        end = start + int.from_bytes(data[position + 1 : start], "big")
        if end > len(data):
            raise open_error(
                OpenError.UNSPECIFIC, f"optional parameter {data[position]} is cut off"
            )
        if data[position] != _CAPABILITIES_PARAMETER:
            raise open_error(
                OpenError.UNSUPPORTED_OPTIONAL_PARAMETER,
                f"optional parameter {data[position]} is not known here",
            )
        out.extend(decode_capabilities(data[start:end]))
        position = end
    return tuple(out)
