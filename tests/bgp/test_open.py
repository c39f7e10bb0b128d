"""OPEN: what is malformed (RFC 4271 §6.2), what is not acceptable, what two of them make."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from routeserver.bgp.capabilities import (
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop,
    FourOctetAsn,
    GracefulRestart,
    LongLivedGracefulRestart,
    Multiprotocol,
    RawCapability,
    RouteRefreshCapability,
)
from routeserver.bgp.errors import ErrorCode, Notification, OpenError, ProtocolError
from routeserver.bgp.events import Established
from routeserver.bgp.framing import HEADER_OCTETS
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.messages import AS_TRANS, KEEPALIVE, Open
from routeserver.bgp.negotiation import SessionConfig, local_open, negotiate
from routeserver.bgp.session import Session
from routeserver.net.prefix import Family
from tests.bgp.support import LOCAL_ID, PEER_ASN, PEER_ID, closed, config, peer_open, session_in

V4, V6 = Multiprotocol(1, 1), Multiprotocol(2, 1)


def opened(**changes: Any) -> Open:
    values: dict[str, Any] = {
        "asn": PEER_ASN,
        "hold_time_s": 90,
        "router_id": PEER_ID,
        "capabilities": (V4, V6, FourOctetAsn(PEER_ASN)),
        **changes,
    }
    return Open(**values)


def body(parameters: bytes, *, version: int = 4, length: int | None = None) -> bytes:
    octets = len(parameters) if length is None else length
    return bytes([version]) + bytes.fromhex("fde9005a0a000002") + bytes([octets]) + parameters


def refusal(data: bytes) -> Notification:
    with pytest.raises(ProtocolError) as caught:
        Open.decode(data)
    return caught.value.notification


def disagreement(open_: Open, **changes: Any) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        negotiate(config(**changes), open_)
    assert caught.value.notification.code == ErrorCode.OPEN_MESSAGE_ERROR
    return caught.value


def test_another_version_is_told_the_one_we_speak() -> None:
    assert refusal(body(b"", version=3)) == Notification(2, 1, b"\x00\x04")
    assert refusal(body(b"", version=5)) == Notification(2, 1, b"\x00\x04")


@pytest.mark.parametrize(
    ("parameters", "length"),
    [
        (b"", 1),
        (b"\x02\x00", 1),
        (b"\x02\x00", 3),
        (b"\x02", None),
        (b"\x02\x05\x01\x04\x00\x01", None),
        (b"\x02\x01\x01", None),
        (b"\x02\x03\x01\x04\x00", None),
        (b"\x02\x05\x01\x03\x00\x01\x00", None),
        (b"\x02\x03\x02\x01\x00", None),
        (b"\x02\x04\x41\x02\xfd\xe9", None),
        (b"\xff\x00", None),
    ],
)
def test_malformed_optional_parameters_are_an_unspecific_error(
    parameters: bytes, length: int | None
) -> None:
    assert refusal(body(parameters, length=length)) == Notification(2, OpenError.UNSPECIFIC)


@pytest.mark.parametrize("parameter", [0, 1, 3, 254])
def test_an_unknown_optional_parameter_is_unsupported(parameter: int) -> None:
    assert refusal(body(bytes([parameter, 1, 0]))) == Notification(2, 4)


def test_capabilities_may_come_in_one_parameter_or_in_many() -> None:
    many = body(bytes.fromhex("0206 010400010001 0202 0200 0206 4104fa56ea00"))
    one = body(bytes.fromhex("020e 010400010001 0200 4104fa56ea00"))
    assert Open.decode(many) == Open.decode(one)
    assert Open.decode(one).capabilities == (V4, RouteRefreshCapability(), FourOctetAsn(4200000000))


def test_the_extended_parameter_length_of_rfc_9072_is_understood() -> None:
    capabilities = bytes.fromhex("010400010001") * 50
    parameter = b"\x02" + len(capabilities).to_bytes(2, "big") + capabilities
    extended = b"\xff" + len(parameter).to_bytes(2, "big") + parameter
    assert Open.decode(body(extended, length=255)).capabilities == (V4,) * 50


@pytest.mark.parametrize(
    ("value", "capability"),
    [
        ("4600", EnhancedRouteRefresh()),
        ("4002c078", GracefulRestart(0xC, 0x078)),
        ("4006407800010180", GracefulRestart(4, 0x078, ((1, 1, 0x80),))),
        ("4003c07800", RawCapability(64, bytes.fromhex("c07800"))),
        ("460100", RawCapability(70, b"\x00")),
        ("0600", ExtendedMessage()),
        ("060100", RawCapability(6, b"\x00")),
        ("0500", ExtendedNextHop(())),
        ("0506000100010002", ExtendedNextHop(((1, 1, 2),))),
        ("050c000100010002000100800002", ExtendedNextHop(((1, 1, 2), (1, 128, 2)))),
        ("05050001000100", RawCapability(5, bytes.fromhex("0001000100"))),
        ("470700010180015180", LongLivedGracefulRestart(((1, 1, 0x80, 86400),))),
        ("4700", LongLivedGracefulRestart(())),
        ("4706000101800151", RawCapability(71, bytes.fromhex("000101800151"))),
        ("49040272740000", None),
    ],
)
def test_a_capability_is_known_or_kept_raw(value: str, capability: object) -> None:
    octets = bytes.fromhex(value)
    parameter = bytes([2, len(octets)]) + octets
    if capability is None:
        assert refusal(body(parameter)).code == ErrorCode.OPEN_MESSAGE_ERROR
    else:
        assert Open.decode(body(parameter)).capabilities == (capability,)


@pytest.mark.parametrize(
    ("asn", "capability"),
    [(65009, None), (PEER_ASN, 65009), (65009, PEER_ASN), (0, None), (0, PEER_ASN), (PEER_ASN, 0)],
)
def test_another_as_number_is_a_bad_peer_as(asn: int, capability: int | None) -> None:
    capabilities = () if capability is None else (FourOctetAsn(capability),)
    error = disagreement(opened(asn=asn, capabilities=capabilities))
    assert error.notification.subcode == OpenError.BAD_PEER_AS


def test_two_different_four_octet_as_numbers_are_malformed() -> None:
    capabilities = (FourOctetAsn(PEER_ASN), FourOctetAsn(65009))
    error = disagreement(opened(capabilities=capabilities))
    assert error.notification.subcode == OpenError.UNSPECIFIC


def test_as_trans_stands_for_the_as_number_in_the_capability() -> None:
    open_ = opened(asn=AS_TRANS, capabilities=(FourOctetAsn(4200000000),))
    assert negotiate(config(peer_asn=4200000000), open_).four_octet_asn


def test_the_bgp_identifier_must_not_be_zero() -> None:
    error = disagreement(opened(router_id=IPv4Address(0)))
    assert error.notification == Notification(2, OpenError.BAD_BGP_IDENTIFIER)


def test_our_own_bgp_identifier_is_refused_inside_our_as_only() -> None:
    ours = opened(router_id=LOCAL_ID)
    negotiate(config(), ours)
    error = disagreement(ours, local_asn=PEER_ASN)
    assert error.notification == Notification(2, OpenError.BAD_BGP_IDENTIFIER)


@pytest.mark.parametrize("identifier", ["0.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_any_other_identifier_is_fine_since_rfc_6286(identifier: str) -> None:
    negotiate(config(), opened(router_id=IPv4Address(identifier)))


@pytest.mark.parametrize("hold_time_s", [1, 2])
def test_a_hold_time_of_one_or_two_seconds_is_unacceptable(hold_time_s: int) -> None:
    error = disagreement(opened(hold_time_s=hold_time_s))
    assert error.notification == Notification(2, OpenError.UNACCEPTABLE_HOLD_TIME)


@pytest.mark.parametrize(
    ("ours", "theirs", "hold_time_s", "keepalive_s"),
    [(30, 90, 30, 10), (90, 9, 9, 3), (0, 90, 0, 0), (90, 0, 0, 0), (3, 65535, 3, 1)],
)
def test_the_smaller_hold_time_holds_and_zero_means_none(
    ours: int, theirs: int, hold_time_s: int, keepalive_s: float
) -> None:
    made = negotiate(config(hold_time_s=ours), opened(hold_time_s=theirs))
    assert (made.hold_time_s, made.keepalive_s) == (hold_time_s, keepalive_s)


def test_a_configured_keepalive_time_never_exceeds_a_third_of_the_hold_time() -> None:
    assert negotiate(config(keepalive_s=5), opened()).keepalive_s == 5
    assert negotiate(config(keepalive_s=25), opened()).keepalive_s == 10


@pytest.mark.parametrize(
    ("capabilities", "families"),
    [
        ((), (Family.IPV4,)),
        ((RouteRefreshCapability(),), (Family.IPV4,)),
        ((V4,), (Family.IPV4,)),
        ((V6,), (Family.IPV6,)),
        ((V6, V4, Multiprotocol(25, 70)), (Family.IPV4, Family.IPV6)),
        ((V4, V4), (Family.IPV4,)),
    ],
)
def test_the_families_are_those_that_both_offer(
    capabilities: tuple[Multiprotocol, ...], families: tuple[Family, ...]
) -> None:
    assert negotiate(config(), opened(capabilities=capabilities)).families == families


def test_without_a_common_family_the_peer_is_told_which_ones_it_lacks() -> None:
    error = disagreement(opened(capabilities=(Multiprotocol(1, 128),)))
    assert error.notification == Notification(2, 7, bytes.fromhex("010400010001010400020001"))
    assert disagreement(opened(capabilities=()), families=(Family.IPV6,)).notification == (
        Notification(2, 7, bytes.fromhex("010400020001"))
    )


def test_our_open_offers_both_families_route_refresh_and_four_octet_as_numbers() -> None:
    sent = local_open(config(local_asn=4200000000))
    assert sent.asn == AS_TRANS
    assert sent.capabilities == (V4, V6, RouteRefreshCapability(), FourOctetAsn(4200000000))
    # RFC 4271 §4.2 field by field; AS 65000, hold time 30, 10.0.0.1.
    assert local_open(config()).encode()[HEADER_OCTETS:].hex(" ") == (
        "04 fd e8 00 1e 0a 00 00 01 16 02 14 01 04 00 01 00 01 01 04 00 02 00 01 02 00 "
        "41 04 00 00 fd e8"
    )


def test_capabilities_can_be_left_out_for_a_peer_that_refuses_them() -> None:
    plain = config(offer_capabilities=False)
    assert local_open(plain).capabilities == ()
    made = negotiate(plain, opened())
    assert made.families == (Family.IPV4,)
    assert not made.four_octet_asn


def test_a_session_tells_what_came_of_the_opens() -> None:
    session = session_in(FsmState.OPEN_SENT)
    assert session.receive(peer_open(families=(Family.IPV6,)).encode() + KEEPALIVE, 0) == [
        Established(PEER_ID, PEER_ASN, 30, (Family.IPV6,), four_octet_asn=True, route_refresh=True)
    ]


def test_a_refused_open_ends_the_session_with_its_notification() -> None:
    session = session_in(FsmState.OPEN_SENT)
    event = closed(session.receive(peer_open(local_asn=65009).encode(), 0))
    assert event.sent == Notification(2, OpenError.BAD_PEER_AS)
    assert event.reason == (
        "OPEN Message Error/Bad Peer AS: the peer says AS 65009, configured is AS 65001"
    )
    assert not event.was_established
    assert session.data_to_send()[19:] == bytes([2, 2])


@pytest.mark.parametrize(
    "changes",
    [
        {"local_asn": 0},
        {"peer_asn": 1 << 32},
        {"local_router_id": IPv4Address(0)},
        {"hold_time_s": 2},
        {"hold_time_s": 65536},
        {"keepalive_s": 0},
        {"families": ()},
    ],
)
def test_a_configuration_that_no_session_could_have_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        config(**changes)


def test_a_session_config_is_what_session_exports() -> None:
    assert isinstance(Session(config()), Session)
    assert isinstance(config(), SessionConfig)
