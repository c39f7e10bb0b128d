"""How a session ends: the send hold timer, shutdown texts, Hard Reset, and what survives it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from routeserver.bgp.errors import (
    Cease,
    Notification,
    cease,
    encapsulated,
    hard_reset,
    is_hard_reset,
    shutdown_communication,
)
from routeserver.bgp.events import SessionClosed
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.graceful_restart import GracefulRestartOffer, PeerRestart
from routeserver.bgp.messages import KEEPALIVE, NotificationMessage
from routeserver.bgp.session import Session
from tests.bgp.support import closed, config, established, peer_open, session_in

SEND_HOLD: Final = Notification(8, 0)
SURVIVING: Final[dict[str, Any]] = {"graceful_restart": GracefulRestartOffer(notification=True)}
AGREED: Final = PeerRestart(120, restarting=False, notification=True, families=(), forwarding=())
WITHOUT_N: Final = PeerRestart(
    120, restarting=False, notification=False, families=(), forwarding=()
)


def surviving() -> Session:
    return established(config(**SURVIVING), peer_open(**SURVIVING))


def kept_alive(session: Session, until: float) -> list[Any]:
    """What happens while the peer speaks but does not read."""
    events: list[Any] = []
    now = 0.0
    while now < until:
        now += 9
        events += session.receive(KEEPALIVE, now)
        events += session.handle_timer(now)
    return events


# --- RFC 9687 -----------------------------------------------------------------------------------


def test_a_peer_that_never_reads_again_is_given_up_after_eight_minutes() -> None:
    session = established()
    session.write_blocked(9)
    assert kept_alive(session, 477) == []
    session.data_to_send()
    end = closed(session.handle_timer(9 + 480))
    assert end == SessionClosed("send hold timer expired", SEND_HOLD, None, was_established=True)
    assert session.data_to_send() == NotificationMessage(SEND_HOLD).encode()
    assert session.next_deadline() is None


def test_each_sign_of_reading_starts_the_send_hold_timer_anew() -> None:
    session = established(config(hold_time_s=0))
    session.write_blocked(0)
    session.write_blocked(100)  # being told twice changes nothing
    assert session.next_deadline() == 480
    session.write_unblocked(200)
    assert session.next_deadline() is None
    session.write_blocked(300)
    assert session.next_deadline() == 780
    assert session.handle_timer(779) == []
    assert closed(session.handle_timer(780)).sent == SEND_HOLD


def test_the_send_hold_timer_can_be_set_and_switched_off() -> None:
    quick = established(config(hold_time_s=0, send_hold_time_s=5))
    quick.write_blocked(1)
    assert quick.next_deadline() == 6
    off = established(config(hold_time_s=0, send_hold_time_s=0))
    off.write_blocked(1)
    assert off.next_deadline() is None
    assert off.handle_timer(1e9) == []


def test_a_peer_that_reads_nothing_at_all_has_the_time_an_open_has() -> None:
    session = session_in(FsmState.OPEN_SENT)
    session.write_blocked(0)
    assert closed(session.handle_timer(240)).sent == Notification(4, 0)


# --- RFC 8538 -----------------------------------------------------------------------------------


def test_a_hard_reset_carries_the_notification_it_stands_for() -> None:
    inner = cease(Cease.ADMINISTRATIVE_SHUTDOWN, "moving out")
    hard = hard_reset(inner)
    assert hard.data == b"\x06\x02\x0amoving out"
    assert encapsulated(hard) == inner
    assert hard_reset(hard) == hard
    assert str(hard) == "Cease/Hard Reset (Cease/Administrative Shutdown: 'moving out')"
    assert is_hard_reset(hard)
    assert not is_hard_reset(inner)


@pytest.mark.parametrize("subcode", [Cease.ADMINISTRATIVE_SHUTDOWN, Cease.PEER_DE_CONFIGURED])
def test_an_end_for_good_is_a_hard_reset_where_notifications_are_survived(subcode: Cease) -> None:
    session = surviving()
    end = closed(session.stop(cease(subcode), "gone", 1))
    assert end.sent == hard_reset(cease(subcode))
    assert session.data_to_send()[19:] == bytes([6, 9, 6, subcode])
    plain = established()
    assert closed(plain.stop(cease(subcode), "gone", 1)).sent == cease(subcode)


@pytest.mark.parametrize("subcode", [Cease.ADMINISTRATIVE_RESET, Cease.OUT_OF_RESOURCES])
def test_an_end_that_is_not_for_good_stays_what_it_is(subcode: Cease) -> None:
    assert closed(surviving().stop(cease(subcode), "back soon", 1)).sent == cease(subcode)


def test_the_peers_hard_reset_reads_as_what_it_holds() -> None:
    inner = cease(Cease.ADMINISTRATIVE_SHUTDOWN, "Umzug ✓")
    message = NotificationMessage(hard_reset(inner)).encode()
    end = closed(surviving().receive(message, 1))
    assert end.reason == (
        "the peer sent Cease/Hard Reset (Cease/Administrative Shutdown: 'Umzug ✓')"
    )
    assert not end.keeps_routes(AGREED)


@pytest.mark.parametrize(
    ("sent", "received", "with_n", "without_n"),
    [
        (None, None, True, True),
        (None, cease(Cease.ADMINISTRATIVE_RESET), True, False),
        (None, Notification(4, 0), True, False),
        (Notification(4, 0), None, True, False),
        (Notification(3, 1), None, True, False),
        (cease(Cease.HARD_RESET), None, False, False),
        (None, hard_reset(cease(Cease.ADMINISTRATIVE_RESET)), False, False),
    ],
)
def test_which_ends_begin_a_graceful_restart(
    sent: Notification | None, received: Notification | None, with_n: bool, without_n: bool
) -> None:
    end = SessionClosed("why", sent, received, was_established=True)
    assert end.keeps_routes(AGREED) is with_n
    assert end.keeps_routes(WITHOUT_N) is without_n
    assert not end.keeps_routes(None)
    assert not SessionClosed("why", sent, received, was_established=False).keeps_routes(AGREED)


# --- RFC 5492, RFC 9003 -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notification", "refused"),
    [
        (Notification(2, 4), True),
        (Notification(2, 4, b"\x02\x06"), True),
        (Notification(2, 7), False),
        (Notification(2, 0), False),
        (Notification(6, 4), False),
    ],
)
def test_a_peer_that_knows_no_capabilities_can_be_told_from_the_rest(
    notification: Notification, refused: bool
) -> None:
    session = session_in(FsmState.OPEN_SENT)
    end = closed(session.receive(NotificationMessage(notification).encode(), 1))
    assert end.capabilities_refused is refused
    assert not closed(session_in(FsmState.OPEN_SENT).connection_lost(1)).capabilities_refused


@pytest.mark.parametrize("subcode", [Cease.ADMINISTRATIVE_SHUTDOWN, Cease.ADMINISTRATIVE_RESET])
@pytest.mark.parametrize("text", ["", "x", "TICKET-1", "Wartung ✓", "x" * 255, "✓" * 85])
def test_our_text_reaches_the_peer(subcode: Cease, text: str) -> None:
    ours, theirs = established(), established()
    ours.stop(cease(subcode, text), "maintenance", 1)
    end = closed(theirs.receive(ours.data_to_send(), 1))
    assert end.received is not None
    assert (shutdown_communication(end.received) or "") == text


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"\x03abc", "'abc'"),
        (b"\x03abc and more behind it", "'abc'"),
        (b"\x02\xc3\x28", "'�('"),
        (b"\x04\x00\x1b[m", r"'\x00\x1b[m'"),
        (b"\x09abc", None),
        (b"\x00", None),
        (b"", None),
        (b"\xff" + b"x" * 255, "'" + "x" * 255 + "'"),
    ],
)
def test_the_peers_text_is_shown_however_it_is_made(data: bytes, shown: str | None) -> None:
    session = established()
    end = closed(session.receive(NotificationMessage(Notification(6, 2, data)).encode(), 1))
    expected = "the peer sent Cease/Administrative Shutdown"
    assert end.reason == (expected if shown is None else f"{expected}: {shown}")
