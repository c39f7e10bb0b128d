"""NOTIFICATIONs in words, and the texts inside a Cease (RFC 9003, RFC 8538)."""

from __future__ import annotations

import pytest

from routeserver.bgp.errors import (
    Cease,
    ErrorCode,
    Notification,
    cease,
    encapsulated,
    shutdown_communication,
)
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.messages import NotificationMessage
from tests.bgp.support import closed, session_in


@pytest.mark.parametrize(
    ("notification", "words"),
    [
        (Notification(6, 10), "Cease/BFD Down"),
        (Notification(5, 3, b"\x01"), "FSM Error/Unexpected Message In Established"),
        (Notification(4, 0), "Hold Timer Expired"),
        (Notification(2, 2), "OPEN Message Error/Bad Peer AS"),
        (Notification(6, 99), "Cease/99"),
        (Notification(77, 3), "Error 77/3"),
        (cease(Cease.ADMINISTRATIVE_RESET, "upgrade"), "Cease/Administrative Reset: 'upgrade'"),
        (Notification(6, 9, bytes([4, 0])), "Cease/Hard Reset (Hold Timer Expired)"),
        (Notification(6, 9), "Cease/Hard Reset"),
    ],
)
def test_a_notification_reads_as_its_name(notification: Notification, words: str) -> None:
    assert str(notification) == words


def test_a_shutdown_text_survives_and_is_cut_between_characters() -> None:
    assert shutdown_communication(cease(Cease.ADMINISTRATIVE_SHUTDOWN, "bye ✓")) == "bye ✓"
    long = cease(Cease.ADMINISTRATIVE_SHUTDOWN, "✓" * 100)
    assert shutdown_communication(long) == "✓" * 85
    assert len(long.data) == 256
    assert cease(Cease.BFD_DOWN, "text has no place here").data == b""


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x05abc", b"\xff" + b"x" * 254])
def test_a_malformed_shutdown_text_is_no_text(data: bytes) -> None:
    assert shutdown_communication(Notification(6, 2, data)) is None


def test_control_characters_of_a_peer_do_not_reach_a_terminal() -> None:
    text = str(Notification(6, 2, b"\x05\x1b[31m\xff"))
    assert "\x1b" not in text
    assert shutdown_communication(Notification(6, 2, b"\x02\xff\xfe")) == "��"


def test_a_hard_reset_inside_a_hard_reset_is_not_followed() -> None:
    assert encapsulated(Notification(6, 9, bytes([6, 9]) * 2000)) is None
    assert encapsulated(Notification(6, 9, bytes([6, 2]) + b"x")) == Notification(6, 2, b"x")
    assert encapsulated(Notification(6, 2)) is None


def test_what_the_peer_said_last_is_the_reason() -> None:
    session = session_in(FsmState.ESTABLISHED)
    message = NotificationMessage(cease(Cease.ADMINISTRATIVE_SHUTDOWN, "reboot"))
    end = closed(session.receive(message.encode(), 1))
    assert end.reason == "the peer sent Cease/Administrative Shutdown: 'reboot'"
    assert end.received == message.notification
    assert end.sent is None
    assert end.was_established
    assert session.data_to_send() == b""


def test_quoted_data_never_makes_a_notification_too_long() -> None:
    notification = Notification(ErrorCode.UPDATE_MESSAGE_ERROR, 9, bytes(5000))
    assert len(NotificationMessage(notification).encode()) == 4096
