"""Sessions: two of them bounced against each other in memory, their timers, their batches."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final

import pytest

from routeserver.bgp.errors import Cease, ErrorCode, Notification, cease
from routeserver.bgp.events import (
    EndOfRib,
    Established,
    Event,
    RefreshRequested,
    RoutesReceived,
    SessionClosed,
    UpdateIgnored,
)
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.messages import KEEPALIVE, NotificationMessage, RouteRefresh
from routeserver.bgp.session import OPEN_SENT_HOLD_TIME_S, Session
from routeserver.net.path import AsSegment, Origin, PathAttributes, SegmentKind
from routeserver.net.prefix import Family, parse_prefix
from tests.bgp.support import (
    AS_PATH,
    LOCAL_ID,
    MANDATORY,
    NEXT_HOP,
    ORIGIN,
    PEER_ASN,
    PEER_ID,
    attribute,
    closed,
    config,
    established,
    mp_reach,
    mp_unreach,
    nlri,
    peer_config,
    peer_open,
    sentences,
    session_in,
    update,
)

V4: Final = (Family.IPV4,)
BOTH: Final = (Family.IPV4, Family.IPV6)


class Pair:
    """A server and an appliance on a wire that delivers `chunk` octets at a time."""

    def __init__(self, server: Session, appliance: Session, chunk: int = 1 << 16) -> None:
        self.server, self.appliance, self._chunk = server, appliance, chunk
        self.server_events: list[Event] = server.connection_opened(0)
        self.appliance_events: list[Event] = appliance.connection_opened(0)
        self.exchange(0)

    def exchange(self, now: float) -> None:
        while True:
            to_appliance, to_server = self.server.data_to_send(), self.appliance.data_to_send()
            if not to_appliance and not to_server:
                return
            for start in range(0, len(to_appliance), self._chunk):
                piece = to_appliance[start : start + self._chunk]
                self.appliance_events += self.appliance.receive(piece, now)
            for start in range(0, len(to_server), self._chunk):
                piece = to_server[start : start + self._chunk]
                self.server_events += self.server.receive(piece, now)


def path_of(asn: int) -> tuple[AsSegment, ...]:
    return (AsSegment(SegmentKind.AS_SEQUENCE, (asn,)),)


def attributes_of(asn: int) -> PathAttributes:
    return PathAttributes(Origin.IGP, path_of(asn), IPv4Address("10.0.0.2"), med=5)


@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_two_sessions_come_up_and_exchange_routes_of_both_families(chunk: int) -> None:
    pair = Pair(Session(config()), Session(peer_config()), chunk)
    assert pair.server_events == [
        Established(PEER_ID, PEER_ASN, 30, BOTH, four_octet_asn=True, route_refresh=True)
    ]
    assert pair.appliance_events == [
        Established(LOCAL_ID, 65000, 30, BOTH, four_octet_asn=True, route_refresh=True)
    ]

    pair.server_events.clear()
    v6 = PathAttributes(Origin.IGP, path_of(PEER_ASN), IPv6Address("::ffff:10.0.0.2"))
    pair.appliance.announce(attributes_of(PEER_ASN), [parse_prefix("192.0.2.0/24")])
    pair.appliance.announce(v6, [parse_prefix("2001:db8::/32")])
    pair.appliance.send_end_of_rib(Family.IPV4)
    pair.appliance.send_end_of_rib(Family.IPV6)
    pair.appliance.withdraw([parse_prefix("192.0.2.0/24")])
    pair.appliance.withdraw([parse_prefix("2001:db8::/32")])
    pair.exchange(1)
    expected = [
        "announce 192.0.2.0/24 IGP path 65001 via 10.0.0.2 med 5",
        "announce 2001:db8::/32 IGP path 65001 via ::ffff:a00:2",
        "end-of-rib IPV4",
        "end-of-rib IPV6",
        "withdraw 192.0.2.0/24 2001:db8::/32",
    ]
    assert sentences(pair.server_events) == expected


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(65000, 4200000001), (4200000000, 65001), (4200000000, 4200000001), (23455, 23457)],
)
def test_two_and_four_octet_as_numbers_come_up(ours: int, theirs: int) -> None:
    pair = Pair(
        Session(config(local_asn=ours, peer_asn=theirs)),
        Session(peer_config(local_asn=theirs, peer_asn=ours)),
    )
    pair.appliance.announce(attributes_of(theirs), [parse_prefix("192.0.2.0/24")])
    pair.exchange(1)
    assert sentences(pair.server_events)[1:] == [
        f"announce 192.0.2.0/24 IGP path {theirs} via 10.0.0.2 med 5"
    ]


def test_a_peer_without_capabilities_gets_a_plain_session_and_keeps_long_paths_whole() -> None:
    pair = Pair(Session(config()), Session(peer_config(offer_capabilities=False)))
    assert pair.server_events == [Established(PEER_ID, PEER_ASN, 30, V4, four_octet_asn=False)]
    assert pair.appliance_events == [Established(LOCAL_ID, 65000, 30, V4, four_octet_asn=False)]
    path = (AsSegment(SegmentKind.AS_SEQUENCE, (PEER_ASN, 4200000007, 7)),)
    pair.appliance.announce(
        PathAttributes(Origin.EGP, path, IPv4Address("10.0.0.2")), [parse_prefix("192.0.2.0/24")]
    )
    pair.exchange(1)
    assert sentences(pair.server_events)[1:] == [
        "announce 192.0.2.0/24 EGP path 65001 4200000007 7 via 10.0.0.2"
    ]
    with pytest.raises(ValueError, match="IPV6 was not negotiated"):
        pair.appliance.withdraw([parse_prefix("2001:db8::/32")])


def test_an_internal_session_comes_up_and_keeps_local_pref() -> None:
    pair = Pair(
        Session(config(peer_asn=65000)), Session(peer_config(local_asn=65000, peer_asn=65000))
    )
    attributes = PathAttributes(Origin.IGP, (), IPv4Address("10.0.0.2"), local_pref=200)
    pair.appliance.announce(attributes, [parse_prefix("192.0.2.0/24")])
    pair.exchange(1)
    assert sentences(pair.server_events)[1:] == [
        "announce 192.0.2.0/24 IGP path  via 10.0.0.2 pref 200"
    ]


def test_routes_wait_for_an_established_session() -> None:
    for state in set(FsmState) - {FsmState.ESTABLISHED}:
        session = session_in(state)
        with pytest.raises(RuntimeError):
            session.announce(attributes_of(65000), [parse_prefix("192.0.2.0/24")])
        with pytest.raises(RuntimeError):
            session.send_end_of_rib(Family.IPV4)


def test_route_refresh_is_asked_for_by_family() -> None:
    session = established(None, peer_open(families=V4))
    asked = RouteRefresh(1, 1).encode()
    assert session.receive(asked, 1) == [RefreshRequested(Family.IPV4)]
    for ignored in (RouteRefresh(2, 1), RouteRefresh(1, 128), RouteRefresh(1, 1, subtype=1)):
        (event,) = session.receive(ignored.encode(), 1)
        assert isinstance(event, UpdateIgnored)


# --- timers -------------------------------------------------------------------------------------


def test_a_peer_that_never_speaks_is_given_four_minutes() -> None:
    session = Session(config())
    assert session.next_deadline() is None
    session.connection_opened(100)
    assert session.next_deadline() == 100 + OPEN_SENT_HOLD_TIME_S
    assert session.handle_timer(100 + OPEN_SENT_HOLD_TIME_S - 1) == []
    session.data_to_send()
    end = closed(session.handle_timer(100 + OPEN_SENT_HOLD_TIME_S))
    assert end.sent == Notification(ErrorCode.HOLD_TIMER_EXPIRED, 0)
    assert session.data_to_send() == NotificationMessage(Notification(4, 0)).encode()


def test_keepalives_go_out_every_third_of_the_hold_time() -> None:
    session = established()
    session.receive(KEEPALIVE, 5)
    assert session.next_deadline() == 10
    assert session.handle_timer(9.9) == []
    assert session.data_to_send() == b""
    assert session.handle_timer(10) == []
    assert session.data_to_send() == KEEPALIVE
    assert session.next_deadline() == 20


@pytest.mark.parametrize("message", [KEEPALIVE, update(), update(MANDATORY, nlri("192.0.2.0/24"))])
def test_keepalives_and_updates_restart_the_hold_timer(message: bytes) -> None:
    session = established()
    session.receive(message, 25)
    session.handle_timer(30)
    assert session.state is FsmState.ESTABLISHED
    end = closed(session.handle_timer(55))
    assert end == SessionClosed(
        "hold timer expired", Notification(4, 0), None, was_established=True
    )


def test_half_a_message_is_no_sign_of_life() -> None:
    session = established()
    session.receive(KEEPALIVE[:18], 29)
    assert closed(session.handle_timer(30)).reason == "hold timer expired"


@pytest.mark.parametrize(("ours", "theirs"), [(0, 90), (90, 0), (0, 0)])
def test_a_hold_time_of_zero_needs_no_timers_at_all(ours: int, theirs: int) -> None:
    pair = Pair(Session(config(hold_time_s=ours)), Session(peer_config(hold_time_s=theirs)))
    for session in (pair.server, pair.appliance):
        assert session.state is FsmState.ESTABLISHED
        assert session.next_deadline() is None
        assert session.handle_timer(1e9) == []
        assert session.state is FsmState.ESTABLISHED


def test_two_idle_sessions_keep_each_other_alive() -> None:
    pair = Pair(Session(config(hold_time_s=9)), Session(peer_config()))
    now = 0.0
    while now < 100:
        deadlines = [pair.server.next_deadline(), pair.appliance.next_deadline()]
        now = min(deadline for deadline in deadlines if deadline is not None)
        pair.server_events += pair.server.handle_timer(now)
        pair.appliance_events += pair.appliance.handle_timer(now)
        pair.exchange(now)
    assert pair.server.state is pair.appliance.state is FsmState.ESTABLISHED
    assert len(pair.server_events) == len(pair.appliance_events) == 1


# --- the end ------------------------------------------------------------------------------------


def test_a_stop_says_why_to_both_sides() -> None:
    pair = Pair(Session(config()), Session(peer_config()))
    notification = cease(Cease.BFD_DOWN)
    pair.server_events = pair.server.stop(notification, "BFD session down", 1)
    pair.exchange(1)
    assert pair.server_events == [
        SessionClosed("BFD session down", notification, None, was_established=True)
    ]
    assert pair.appliance_events[-1] == SessionClosed(
        "the peer sent Cease/BFD Down", None, notification, was_established=True
    )


def test_what_has_ended_stays_ended() -> None:
    session = established()
    assert closed(session.connection_lost(1)).reason == "the connection was lost"
    for events in (
        session.connection_lost(2),
        session.connection_opened(2),
        session.receive(peer_open().encode(), 2),
        session.stop(cease(Cease.ADMINISTRATIVE_SHUTDOWN), "again", 2),
        session.handle_timer(1e9),
    ):
        assert events == []
    assert session.data_to_send() == b""
    assert session.state is FsmState.IDLE


def test_octets_after_a_notification_are_not_read() -> None:
    session = established()
    stream = NotificationMessage(Notification(6, 4)).encode() + update(
        MANDATORY, nlri("192.0.2.0/24")
    )
    assert sentences(session.receive(stream, 1)) == [
        "closed the peer sent Cease/Administrative Reset"
    ]


# --- batches ------------------------------------------------------------------------------------


def test_updates_of_one_read_become_one_batch_of_shared_attributes() -> None:
    session = established(None, None)
    other = ORIGIN + AS_PATH + NEXT_HOP + attribute(0x80, 4, bytes(4))
    frames = [
        update(b"", b"", nlri("203.0.113.0/24")),
        update(mp_unreach("2001:db8:9::/48")),
        update(MANDATORY, nlri("192.0.2.0/24")),
        update(MANDATORY, nlri("198.51.100.0/24")),
        update(other, nlri("10.0.0.0/8")),
        KEEPALIVE,
        update(mp_reach("2001:db8::/32") + ORIGIN + AS_PATH),
    ]
    events = session.receive(b"".join(frames), 1)
    batches = [event.batch for event in events if isinstance(event, RoutesReceived)]
    assert [batch.family for batch in batches] == [
        Family.IPV4, Family.IPV6, Family.IPV4, Family.IPV6,
    ]  # fmt: skip
    assert [len(prefixes) for _, prefixes in batches[2].runs()] == [2, 1]


def test_the_order_of_announcements_and_withdrawals_is_kept() -> None:
    announce = update(MANDATORY, nlri("192.0.2.0/24"))
    withdraw = update(b"", b"", nlri("192.0.2.0/24"))
    route = "192.0.2.0/24 IGP path 65001 via 10.0.0.2"
    assert sentences(established().receive(withdraw + announce, 1)) == [
        "withdraw 192.0.2.0/24",
        f"announce {route}",
    ]
    assert sentences(established().receive(announce + withdraw + announce, 1)) == [
        f"announce {route}",
        "withdraw 192.0.2.0/24",
        f"announce {route}",
    ]
    assert len(established().receive(announce + withdraw, 1)) == 1
    assert len(established().receive(withdraw + announce, 1)) == 1


def test_a_prefix_both_withdrawn_and_announced_in_one_update_is_announced() -> None:
    frame = update(MANDATORY, nlri("192.0.2.0/24"), nlri("192.0.2.0/24"))
    assert sentences(established().receive(frame, 1)) == [
        "withdraw 192.0.2.0/24",
        "announce 192.0.2.0/24 IGP path 65001 via 10.0.0.2",
    ]


def test_routes_before_another_event_are_told_before_it() -> None:
    announce = update(MANDATORY, nlri("192.0.2.0/24"))
    kinds = [type(e) for e in established().receive(announce + update() + announce, 1)]
    assert kinds == [RoutesReceived, EndOfRib, RoutesReceived]
    kinds = [type(e) for e in established().receive(announce + peer_open().encode(), 1)]
    assert kinds == [RoutesReceived, SessionClosed]


def test_batches_already_told_are_not_changed_by_later_updates() -> None:
    session = established(None, None)
    (first,) = session.receive(update(MANDATORY, nlri("192.0.2.0/24")), 1)
    session.receive(update(MANDATORY, nlri("198.51.100.0/24")), 1)
    assert isinstance(first, RoutesReceived)
    ((_, prefixes),) = first.batch.runs()
    assert prefixes == [parse_prefix("192.0.2.0/24")]


def test_a_session_that_is_over_shares_no_attribute_sets_any_more() -> None:
    """Compiled, sets are not tracked by the garbage collector: the circle of a session's table and
    its sets has to be broken here."""
    pair = Pair(Session(config()), Session(peer_config()), 1 << 16)
    pair.appliance.announce(attributes_of(PEER_ASN), [parse_prefix("192.0.2.0/24")])
    ours = pair.server
    ours.receive(pair.appliance.data_to_send(), 1.0)
    assert ours._receiver is not None
    assert ours._receiver._table.plain
    ours.connection_lost(2.0)
    assert not ours._receiver._table.plain


def _spoilt(number: int) -> bytes:
    """An UPDATE that counts as a withdrawal."""
    return update(attribute(0x40, 1, b"\x09") + bytes([0x80, 4, 4]) + number.to_bytes(4), nlri(P1))


P1 = "192.0.2.0/24"


@pytest.mark.parametrize("effort", [1, 2, 64])
def test_what_takes_a_full_look_can_be_read_a_little_at_a_time(effort: int) -> None:
    stream = b"".join(_spoilt(number) for number in range(100)) + KEEPALIVE + KEEPALIVE[:7]
    whole = established().receive(stream, 1.0)
    session, left, found = established(), stream, []
    for _ in range(200):
        events = session.receive(left, 1.0, effort)
        found += events
        left = session.take_back()
        looks = sum(isinstance(event, UpdateIgnored) for event in events)
        assert looks <= effort
        if not left:
            break
    ignored = [event for event in found if isinstance(event, UpdateIgnored)]
    assert ignored == [event for event in whole if isinstance(event, UpdateIgnored)]
    assert session.so_far == KEEPALIVE[:7]
    assert not session.take_back()
