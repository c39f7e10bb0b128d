"""Route refresh (RFC 2918) and its enhanced form (RFC 7313), asked for and answered."""

from __future__ import annotations

from typing import Any, Final

import pytest

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import RefreshRequested, UpdateIgnored
from routeserver.bgp.framing import MARKER, MessageType, encode_frame
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.graceful_restart import GracefulRestartOffer
from routeserver.bgp.messages import RouteRefresh
from routeserver.bgp.session import Session
from routeserver.net.prefix import Family
from tests.bgp.support import (
    MANDATORY,
    closed,
    config,
    established,
    nlri,
    peer_open,
    sentences,
    update,
)

V4: Final = Family.IPV4
ENHANCED: Final[dict[str, Any]] = {"enhanced_refresh": True}
RESTART: Final[dict[str, Any]] = {**ENHANCED, "graceful_restart": GracefulRestartOffer()}
BEGIN, END = (RouteRefresh(1, 1, subtype).encode() for subtype in (1, 2))
END_OF_RIB: Final = update()


def session(**changes: Any) -> Session:
    return established(config(**changes), peer_open(**changes))


def ignored(data: bytes, one: Session) -> str:
    (event,) = one.receive(data, 1)
    assert isinstance(event, UpdateIgnored)
    assert event.data == data[19:]
    assert one.state is FsmState.ESTABLISHED
    return event.reason


def test_a_refresh_between_its_marks_stands_where_it_stood_on_the_wire() -> None:
    route = update(MANDATORY, nlri("192.0.2.0/24"))
    assert sentences(session(**ENHANCED).receive(route + BEGIN + route + END + route, 1)) == [
        "announce 192.0.2.0/24 IGP path 65001 via 10.0.0.2",
        "refresh IPV4 begins",
        "announce 192.0.2.0/24 IGP path 65001 via 10.0.0.2",
        "refresh IPV4 ends",
        "announce 192.0.2.0/24 IGP path 65001 via 10.0.0.2",
    ]


def test_a_second_begin_starts_the_refresh_anew_and_a_second_end_means_nothing() -> None:
    one = session(**ENHANCED)
    assert sentences(one.receive(BEGIN + BEGIN + END, 1)) == [
        "refresh IPV4 begins",
        "refresh IPV4 begins",
        "refresh IPV4 ends",
    ]
    assert "never began" in ignored(END, one)


def test_the_families_are_refreshed_apart() -> None:
    one = session(**ENHANCED)
    six = RouteRefresh(2, 1, 1).encode() + RouteRefresh(2, 1, 2).encode()
    assert sentences(one.receive(BEGIN + six + END, 1)) == [
        "refresh IPV4 begins",
        "refresh IPV6 begins",
        "refresh IPV6 ends",
        "refresh IPV4 ends",
    ]


def test_marks_that_were_not_agreed_are_ignored() -> None:
    for subtype in (1, 2):
        reason = ignored(RouteRefresh(1, 1, subtype).encode(), session())
        assert reason == f"ROUTE-REFRESH has the subtype {subtype}, which was not negotiated"


@pytest.mark.parametrize("subtype", [3, 127, 254, 255])
def test_an_unknown_subtype_is_ignored(subtype: int) -> None:
    message = RouteRefresh(1, 1, subtype).encode()
    for changes in ({}, ENHANCED):
        assert f"unknown subtype {subtype}" in ignored(message, session(**changes))


@pytest.mark.parametrize(("afi", "safi"), [(1, 2), (1, 128), (0, 0), (25, 70), (65535, 255)])
@pytest.mark.parametrize("subtype", [0, 1, 2])
def test_a_family_that_was_not_negotiated_is_ignored(afi: int, safi: int, subtype: int) -> None:
    message = RouteRefresh(afi, safi, subtype).encode()
    reason = f"ROUTE-REFRESH of AFI {afi}, SAFI {safi} was not negotiated"
    assert ignored(message, session(**ENHANCED)) == reason


def test_marks_before_end_of_rib_mean_nothing_while_graceful_restart_is_in_use() -> None:
    one = session(**RESTART)
    assert "before its End-of-RIB" in ignored(BEGIN, one)
    assert "before its End-of-RIB" in ignored(END, one)
    assert sentences(one.receive(END_OF_RIB + BEGIN + END, 1)) == [
        "end-of-rib IPV4",
        "refresh IPV4 begins",
        "refresh IPV4 ends",
    ]
    assert "before its End-of-RIB" in ignored(RouteRefresh(2, 1, 1).encode(), one)


@pytest.mark.parametrize("body", [b"", b"\x00", b"\x00\x01\x00", b"\x00\x01\x01\x01\x00", bytes(9)])
def test_a_bad_length_has_an_error_code_of_its_own_once_marks_are_agreed(body: bytes) -> None:
    message = MARKER + (19 + len(body)).to_bytes(2, "big") + b"\x05" + body
    end = closed(session(**ENHANCED).receive(message, 1))
    assert end.sent == Notification(7, 1, message)
    assert end.reason == (
        "Route Refresh Message Error/Invalid Message Length: "
        f"a ROUTE-REFRESH of {19 + len(body)} octets"
    )
    # RFC 4271 §6.1 where they are not.
    assert closed(session().receive(message, 1)).sent == Notification(1, 2, message[16:18])


def test_a_long_refresh_message_is_quoted_as_far_as_a_notification_goes() -> None:
    message = encode_frame(MessageType.ROUTE_REFRESH, bytes(4077))
    one = session(**ENHANCED)
    assert closed(one.receive(message, 1)).sent == Notification(7, 1, message)
    assert len(one.data_to_send()) == 4096


# --- the sending half ---------------------------------------------------------------------------


def test_a_refresh_is_asked_for_and_sent_between_marks() -> None:
    one = session(**ENHANCED)
    one.request_refresh(V4)
    one.begin_refresh(V4)
    one.end_refresh(V4)
    assert one.data_to_send() == RouteRefresh(1, 1).encode() + BEGIN + END


def test_without_the_capability_no_marks_are_sent() -> None:
    one = session()
    one.begin_refresh(V4)
    one.end_refresh(V4)
    assert one.data_to_send() == b""


def test_no_marks_are_sent_before_our_end_of_rib_while_graceful_restart_is_in_use() -> None:
    one = session(**RESTART)
    one.begin_refresh(V4)
    one.end_refresh(V4)
    assert one.data_to_send() == b""
    one.send_end_of_rib(V4)
    one.begin_refresh(V4)
    one.end_refresh(V4)
    one.end_refresh(V4)
    assert one.data_to_send() == END_OF_RIB + BEGIN + END


def test_a_peer_without_route_refresh_is_not_asked() -> None:
    one = established(config(), peer_open(offer_capabilities=False))
    with pytest.raises(ValueError, match="does not know route refresh"):
        one.request_refresh(V4)
    with pytest.raises(ValueError, match="IPV6 was not negotiated"):
        one.request_refresh(Family.IPV6)


def test_two_sessions_refresh_each_other() -> None:
    server, appliance = session(**ENHANCED), session(**ENHANCED)
    server.request_refresh(V4)
    assert appliance.receive(server.data_to_send(), 1) == [RefreshRequested(V4)]
    appliance.begin_refresh(V4)
    appliance.end_refresh(V4)
    assert sentences(server.receive(appliance.data_to_send(), 1)) == [
        "refresh IPV4 begins",
        "refresh IPV4 ends",
    ]
