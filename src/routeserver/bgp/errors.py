"""What to tell a BGP peer: NOTIFICATION codes, their subcodes, and the error that carries one.

This is the one family of errors that leaves `bgp/`: bytes from a peer become a typed message or a
`ProtocolError`, never another exception. Codes follow RFC 4271 §4.5, RFC 4486 (Cease), RFC 6608
(FSM), RFC 7313 (ROUTE-REFRESH), RFC 8538 (Hard Reset), RFC 9003 (shutdown communication), RFC 9384
(BFD Down) and RFC 9687 (Send Hold Timer). Codes outside these tables are kept as the numbers they
are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class ErrorCode(IntEnum):
    MESSAGE_HEADER_ERROR = 1
    OPEN_MESSAGE_ERROR = 2
    UPDATE_MESSAGE_ERROR = 3
    HOLD_TIMER_EXPIRED = 4
    FSM_ERROR = 5
    CEASE = 6
    ROUTE_REFRESH_MESSAGE_ERROR = 7
    SEND_HOLD_TIMER_EXPIRED = 8


class HeaderError(IntEnum):
    CONNECTION_NOT_SYNCHRONIZED = 1
    BAD_MESSAGE_LENGTH = 2
    BAD_MESSAGE_TYPE = 3


class OpenError(IntEnum):
    UNSPECIFIC = 0
    UNSUPPORTED_VERSION_NUMBER = 1
    BAD_PEER_AS = 2
    BAD_BGP_IDENTIFIER = 3
    UNSUPPORTED_OPTIONAL_PARAMETER = 4
    UNACCEPTABLE_HOLD_TIME = 6
    UNSUPPORTED_CAPABILITY = 7
    ROLE_MISMATCH = 11


class UpdateError(IntEnum):
    UNSPECIFIC = 0
    MALFORMED_ATTRIBUTE_LIST = 1
    UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE = 2
    MISSING_WELL_KNOWN_ATTRIBUTE = 3
    ATTRIBUTE_FLAGS_ERROR = 4
    ATTRIBUTE_LENGTH_ERROR = 5
    INVALID_ORIGIN_ATTRIBUTE = 6
    INVALID_NEXT_HOP_ATTRIBUTE = 8
    OPTIONAL_ATTRIBUTE_ERROR = 9
    INVALID_NETWORK_FIELD = 10
    MALFORMED_AS_PATH = 11


class FsmError(IntEnum):
    """RFC 6608: the data is the type of the message that was not expected."""

    UNSPECIFIED = 0
    UNEXPECTED_MESSAGE_IN_OPEN_SENT = 1
    UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM = 2
    UNEXPECTED_MESSAGE_IN_ESTABLISHED = 3


class Cease(IntEnum):
    MAXIMUM_NUMBER_OF_PREFIXES_REACHED = 1
    ADMINISTRATIVE_SHUTDOWN = 2
    PEER_DE_CONFIGURED = 3
    ADMINISTRATIVE_RESET = 4
    CONNECTION_REJECTED = 5
    OTHER_CONFIGURATION_CHANGE = 6
    CONNECTION_COLLISION_RESOLUTION = 7
    OUT_OF_RESOURCES = 8
    HARD_RESET = 9
    BFD_DOWN = 10


class RouteRefreshError(IntEnum):
    INVALID_MESSAGE_LENGTH = 1


SUBCODES: Final[Mapping[int, type[IntEnum]]] = {
    ErrorCode.MESSAGE_HEADER_ERROR: HeaderError,
    ErrorCode.OPEN_MESSAGE_ERROR: OpenError,
    ErrorCode.UPDATE_MESSAGE_ERROR: UpdateError,
    ErrorCode.FSM_ERROR: FsmError,
    ErrorCode.CEASE: Cease,
    ErrorCode.ROUTE_REFRESH_MESSAGE_ERROR: RouteRefreshError,
}

_CARRY_TEXT: Final = frozenset({Cease.ADMINISTRATIVE_SHUTDOWN, Cease.ADMINISTRATIVE_RESET})
_MAX_TEXT_OCTETS: Final = 255
_ACRONYMS: Final[Mapping[str, str]] = {
    "As": "AS",
    "Bfd": "BFD",
    "Bgp": "BGP",
    "Fsm": "FSM",
    "Open": "OPEN",
    "Update": "UPDATE",
}


@dataclass(frozen=True, slots=True)
class Notification:
    """The content of a NOTIFICATION message. Unknown codes and subcodes are kept."""

    code: int
    subcode: int
    data: bytes = b""

    def __str__(self) -> str:
        text = shutdown_communication(self)
        inner = encapsulated(self)
        if inner is not None:
            return f"{_title(self)} ({inner})"
        # The text comes from the peer and goes to logs: control characters are shown, not obeyed.
        return f"{_title(self)}: {text!r}" if text else _title(self)


class ProtocolError(Exception):
    """A peer broke the protocol and the session must end: what to send it, and why in words."""

    def __init__(self, notification: Notification, reason: str) -> None:
        super().__init__(f"{notification}: {reason}")
        self.notification = notification
        self.reason = reason


def header_error(subcode: HeaderError, data: bytes, reason: str) -> ProtocolError:
    return ProtocolError(Notification(ErrorCode.MESSAGE_HEADER_ERROR, subcode, data), reason)


def open_error(subcode: OpenError, reason: str, data: bytes = b"") -> ProtocolError:
    return ProtocolError(Notification(ErrorCode.OPEN_MESSAGE_ERROR, subcode, data), reason)


def update_error(subcode: UpdateError, reason: str, data: bytes = b"") -> ProtocolError:
    return ProtocolError(Notification(ErrorCode.UPDATE_MESSAGE_ERROR, subcode, data), reason)


def cease(subcode: Cease, text: str = "") -> Notification:
    """A Cease; `text` is sent as RFC 9003 shutdown communication where the subcode has one.

    Text beyond 255 octets of UTF-8 is cut at a character boundary.
    """
    if not text or subcode not in _CARRY_TEXT:
        return Notification(ErrorCode.CEASE, subcode)
    octets = text.encode()[:_MAX_TEXT_OCTETS].decode(errors="ignore").encode()
    return Notification(ErrorCode.CEASE, subcode, bytes([len(octets)]) + octets)


def shutdown_communication(notification: Notification) -> str | None:
    """The RFC 9003 text of a received Cease, or None when there is none or it is malformed."""
    data = notification.data
    if notification.code != ErrorCode.CEASE or notification.subcode not in _CARRY_TEXT or not data:
        return None
    if data[0] == 0 or data[0] > len(data) - 1:
        return None
    return data[1 : 1 + data[0]].decode(errors="replace")


def hard_reset(notification: Notification) -> Notification:
    """The same as a Hard Reset (RFC 8538 §3.1): no routes are to be kept."""
    if is_hard_reset(notification):
        return notification
    data = bytes([notification.code, notification.subcode]) + notification.data
    return Notification(ErrorCode.CEASE, Cease.HARD_RESET, data)


def is_hard_reset(notification: Notification) -> bool:
    return notification.code == ErrorCode.CEASE and notification.subcode == Cease.HARD_RESET


def encapsulated(notification: Notification) -> Notification | None:
    """The NOTIFICATION inside a Hard Reset (RFC 8538 §3.1), or None."""
    if not is_hard_reset(notification):
        return None
    data = notification.data
    if len(data) < 2 or (data[0] == ErrorCode.CEASE and data[1] == Cease.HARD_RESET):
        return None
    return Notification(data[0], data[1], data[2:])


def _title(notification: Notification) -> str:
    try:
        code = _words(ErrorCode(notification.code))
    except ValueError:
        return f"Error {notification.code}/{notification.subcode}"
    subcodes = SUBCODES.get(notification.code)
    if subcodes is None:
        return code
    try:
        return f"{code}/{_words(subcodes(notification.subcode))}"
    except ValueError:
        return f"{code}/{notification.subcode}"


def _words(member: IntEnum) -> str:
    return " ".join(_ACRONYMS.get(word, word) for word in member.name.title().split("_"))
