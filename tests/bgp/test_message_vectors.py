"""Every kind of message octet by octet: whole, one octet at a time, cut at every length, with
octets behind it.

Where the octets come from stands beside them. UPDATEs, which say more than fits a line, have their
own vectors in `test_update`, and those of real daemons are in `captures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Final

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
from routeserver.bgp.errors import (
    Cease,
    ErrorCode,
    Notification,
    ProtocolError,
    cease,
    hard_reset,
)
from routeserver.bgp.events import Established, RoutesReceived
from routeserver.bgp.framing import (
    EXTENDED_MESSAGE_OCTETS,
    HEADER_OCTETS,
    LENGTHS,
    MARKER,
    Framer,
    MessageType,
    encode_frame,
    lengths,
)
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.messages import (
    KEEPALIVE,
    Keepalive,
    NotificationMessage,
    Open,
    RouteRefresh,
)
from routeserver.bgp.session import Session
from tests.bgp.support import (
    MANDATORY,
    closed,
    config,
    established,
    nlri,
    peer_config,
    peer_open,
    sentences,
    update,
)


@dataclass(frozen=True, slots=True)
class Vector:
    """`hex_` is the message without its marker; `encodes` False where we write another form."""

    name: str
    message: Open | NotificationMessage | Keepalive | RouteRefresh
    hex_: str
    encodes: bool = True

    @property
    def octets(self) -> bytes:
        return MARKER + bytes.fromhex(self.hex_)

    @property
    def message_type(self) -> int:
        return self.octets[18]


V4, V6 = Multiprotocol(1, 1), Multiprotocol(2, 1)
ID: Final = IPv4Address("10.0.0.2")
LONG: Final = tuple(RawCapability(0xF0, bytes(60)) for _ in range(5))


def opened(*capabilities: Any, asn: int = 65001) -> Open:
    return Open(asn, 90, ID, capabilities)


def notified(code: int, subcode: int, data: bytes = b"") -> NotificationMessage:
    return NotificationMessage(Notification(code, subcode, data))


VECTORS: Final = [
    # RFC 4271 §4.2: nothing optional.
    Vector("OPEN, plain", opened(), "001d 01 04 fde9 005a 0a000002 00"),
    # RFC 5492 §4, one parameter with several capabilities.
    Vector(
        "OPEN, families and AS number",
        opened(V4, V6, RouteRefreshCapability(), FourOctetAsn(4200000000), asn=23456),
        "0033 01 04 5ba0 005a 0a000002 16 02 14 010400010001 010400020001 0200 4104fa56ea00",
    ),
    # RFC 5492 §4, one parameter for each; as Quagga's descendants write it.
    Vector(
        "OPEN, a parameter for each capability",
        opened(V4, RouteRefreshCapability()),
        "0029 01 04 fde9 005a 0a000002 0c 02 06 010400010001 02 02 0200",
        encodes=False,
    ),
    # RFC 8950 §4, RFC 8654 §3, RFC 4724 §3 with N of RFC 8538, RFC 7313 §3.1, RFC 9494 §3.1.
    Vector("OPEN, next hop", opened(ExtendedNextHop(((1, 1, 2),))),
           "0027 01 04 fde9 005a 0a000002 0a 02 08 0506 000100010002"),
    Vector("OPEN, messages", opened(ExtendedMessage()),
           "0021 01 04 fde9 005a 0a000002 04 02 02 0600"),
    Vector("OPEN, restart", opened(GracefulRestart(0xC, 120, ((1, 1, 0x80), (2, 1, 0)))),
           "002b 01 04 fde9 005a 0a000002 0e 02 0c 400a c078 00010180 00020100"),
    Vector("OPEN, helper only", opened(GracefulRestart(0, 0)),
           "0023 01 04 fde9 005a 0a000002 06 02 04 4002 0000"),
    Vector("OPEN, refresh", opened(EnhancedRouteRefresh()),
           "0021 01 04 fde9 005a 0a000002 04 02 02 4600"),
    Vector("OPEN, long-lived", opened(LongLivedGracefulRestart(((1, 1, 0x80, 0x015180),))),
           "0028 01 04 fde9 005a 0a000002 0b 02 09 4707 000101 80 015180"),
    # RFC 9072 §2: the long form, needed and not needed.
    Vector("OPEN, long parameters", opened(*LONG),
           "0159 01 04 fde9 005a 0a000002 ff ff 0139 02 0136 " + ("f03c" + 120 * "0") * 5),
    Vector("OPEN, long form without need", opened(V4),
           "0029 01 04 fde9 005a 0a000002 ff ff 0009 02 0006 010400010001", encodes=False),
    Vector("OPEN, long form, the short length is not read", opened(V4),
           "0029 01 04 fde9 005a 0a000002 01 ff 0009 02 0006 010400010001", encodes=False),
    Vector("OPEN, long form of nothing", opened(),
           "0020 01 04 fde9 005a 0a000002 ff ff 0000", encodes=False),
    # RFC 4271 §4.4 and §4.5.
    Vector("KEEPALIVE", Keepalive(), "0013 04"),
    Vector("NOTIFICATION without data", notified(4, 0), "0015 03 04 00"),
    Vector("NOTIFICATION with data", notified(1, 2, b"\x00\x12"), "0017 03 01 02 0012"),
    # RFC 5492 §5: what we would have needed.
    Vector("NOTIFICATION of a capability", notified(2, 7, bytes.fromhex("010400020001")),
           "001b 03 02 07 010400020001"),
    # RFC 9003 §2, RFC 8538 §3.1, RFC 9384, RFC 9687.
    Vector("NOTIFICATION with a text",
           NotificationMessage(cease(Cease.ADMINISTRATIVE_SHUTDOWN, "Tschüß")),
           "001e 03 06 02 08 54736368c3bcc39f"),
    Vector("NOTIFICATION of a hard reset",
           NotificationMessage(hard_reset(cease(Cease.ADMINISTRATIVE_RESET, "x"))),
           "0019 03 06 09 06 04 01 78"),
    Vector("NOTIFICATION of BFD", notified(6, 10), "0015 03 06 0a"),
    Vector("NOTIFICATION of a send hold timer", notified(8, 0), "0015 03 08 00"),
    # RFC 2918 §3, RFC 7313 §3.2.
    Vector("ROUTE-REFRESH, asked for", RouteRefresh(1, 1), "0017 05 0001 00 01"),
    Vector("ROUTE-REFRESH, BoRR", RouteRefresh(2, 1, 1), "0017 05 0002 01 01"),
    Vector("ROUTE-REFRESH, EoRR", RouteRefresh(2, 1, 2), "0017 05 0002 02 01"),
    Vector("ROUTE-REFRESH, reserved", RouteRefresh(1, 1, 255), "0017 05 0001 ff 01"),
]  # fmt: skip

DECODERS: Final = {
    MessageType.OPEN: Open.decode,
    MessageType.NOTIFICATION: NotificationMessage.decode,
    MessageType.KEEPALIVE: Keepalive.decode,
    MessageType.ROUTE_REFRESH: RouteRefresh.decode,
}

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)


def decoded(body: bytes, message_type: int) -> object:
    """The message, or the ProtocolError that says why it is none."""
    try:
        return DECODERS[MessageType(message_type)](body)
    except ProtocolError as error:
        return error


@each_vector
def test_the_octets_are_the_message_and_the_message_is_the_octets(vector: Vector) -> None:
    ((message_type, body),), error = Framer().receive(vector.octets)
    assert error is None
    assert decoded(body, message_type) == vector.message
    if vector.encodes:
        assert vector.message.encode().hex(" ") == vector.octets.hex(" ")
    else:
        assert decoded(vector.message.encode()[HEADER_OCTETS:], message_type) == vector.message


@each_vector
def test_one_octet_at_a_time_it_is_there_with_the_last_one(vector: Vector) -> None:
    framer = Framer()
    for octet in vector.octets[:-1]:
        assert framer.receive(bytes([octet])) == ([], None)
    assert framer.receive(vector.octets[-1:])[0] == [
        (vector.message_type, vector.octets[HEADER_OCTETS:])
    ]


@each_vector
def test_cut_anywhere_it_waits_for_the_rest(vector: Vector) -> None:
    for cut in range(len(vector.octets)):
        framer = Framer()
        assert framer.receive(vector.octets[:cut]) == ([], None)
        assert len(framer.receive(vector.octets[cut:])[0]) == 1


@each_vector
def test_a_body_cut_anywhere_is_never_taken_for_the_whole(vector: Vector) -> None:
    """With a header that says so. A NOTIFICATION may end anywhere in its data."""
    body = vector.octets[HEADER_OCTETS:]
    low, high = lengths(any_refresh=True)[vector.message_type]
    for cut in range(len(body)):
        if not low <= HEADER_OCTETS + cut <= high:
            continue
        got = decoded(body[:cut], vector.message_type)
        if vector.message_type == MessageType.NOTIFICATION:
            assert got == notified(body[0], body[1], body[2:cut])
        else:
            assert isinstance(got, ProtocolError)


@each_vector
def test_octets_behind_the_body_are_an_error_or_data(vector: Vector) -> None:
    body = vector.octets[HEADER_OCTETS:]
    for extra in (b"\x00", b"\xff" * 7):
        if HEADER_OCTETS + len(body) + len(extra) > LENGTHS[vector.message_type][1]:
            header = MARKER + (len(vector.octets) + len(extra)).to_bytes(2, "big")
            octets = header + bytes([vector.message_type]) + body + extra
            _, error = Framer().receive(octets)
            assert error is not None
            assert error.notification.code == ErrorCode.MESSAGE_HEADER_ERROR
            continue
        got = decoded(body + extra, vector.message_type)
        if vector.message_type == MessageType.NOTIFICATION:
            assert got == notified(body[0], body[1], body[2:] + extra)
        else:
            assert isinstance(got, ProtocolError)
            assert got.notification.code == ErrorCode.OPEN_MESSAGE_ERROR


@each_vector
def test_another_message_behind_it_is_another_message(vector: Vector) -> None:
    framer = Framer()
    frames = [*framer.receive(vector.octets + KEEPALIVE)[0], *framer.receive(b"")[0]]
    assert [message_type for message_type, _ in frames] == [vector.message_type, 4]


# --- RFC 8654 -----------------------------------------------------------------------------------

COMMUNITIES: Final = bytes([0xD0, 8]) + (4 * 5000).to_bytes(2, "big") + bytes(4 * 5000)
BIG: Final = encode_frame(
    MessageType.UPDATE,
    update(MANDATORY)[19:21]
    + (len(MANDATORY) + len(COMMUNITIES)).to_bytes(2, "big")
    + MANDATORY
    + COMMUNITIES
    + nlri("192.0.2.0/24"),
    EXTENDED_MESSAGE_OCTETS,
)
EXTENDED: Final[dict[str, Any]] = {"extended_messages": True}


@pytest.mark.parametrize("step", [1 << 17, 4096, 1])
def test_extended_messages_are_taken_from_the_first_one_after_the_open(step: int) -> None:
    session = Session(config(**EXTENDED))
    events = session.connection_opened(0)
    stream = peer_open(**EXTENDED).encode() + KEEPALIVE + BIG
    for start in range(0, len(stream), step):
        events += session.receive(stream[start : start + step], 0)
    up, routes = events
    assert isinstance(up, Established)
    assert up.max_message_octets == EXTENDED_MESSAGE_OCTETS
    assert isinstance(routes, RoutesReceived)
    assert session.state is FsmState.ESTABLISHED


@pytest.mark.parametrize(("ours", "theirs"), [({}, EXTENDED), (EXTENDED, {}), ({}, {})])
def test_without_both_sides_a_long_message_is_a_bad_length(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    end = closed(established(config(**ours), peer_open(**theirs)).receive(BIG, 1))
    assert end.sent == Notification(1, 2, BIG[16:18])


@pytest.mark.parametrize(
    ("message_type", "length"), [(1, 4097), (4, 4097), (5, 4097), (4, 20), (5, 24), (2, 22)]
)
def test_some_messages_stay_short_whatever_is_agreed(message_type: int, length: int) -> None:
    session = established(config(**EXTENDED), peer_open(**EXTENDED))
    header = MARKER + length.to_bytes(2, "big") + bytes([message_type])
    assert closed(session.receive(header, 1)).sent == Notification(1, 2, header[16:18])


def test_a_long_notification_is_read_where_long_messages_are() -> None:
    session = established(config(**EXTENDED), peer_open(**EXTENDED))
    message = encode_frame(MessageType.NOTIFICATION, b"\x03\x01" + bytes(60000), 0xFFFF)
    end = closed(session.receive(message, 1))
    assert end.received == Notification(3, 1, bytes(60000))


def test_many_prefixes_go_out_in_messages_as_long_as_agreed() -> None:
    prefixes = [(10 << 24 | n << 8) << 8 | 24 for n in range(20000)]
    for changes, most in ({}, 4096), (EXTENDED, 65535):
        ours = established(peer_config(**changes), peer_open(
            local_asn=65000, peer_asn=65001, local_router_id=IPv4Address("10.0.0.1"), **changes
        ))  # fmt: skip
        ours.withdraw(prefixes)
        frames, error = _frames(ours.data_to_send(), most)
        assert error is None
        assert max(frames) > most - 5
        theirs = established(config(**changes), peer_open(**changes))
        ours.withdraw(prefixes)
        assert len(sentences(theirs.receive(ours.data_to_send(), 1))[0].split()) == 20001


def _frames(data: bytes, most: int) -> tuple[list[int], ProtocolError | None]:
    framer = Framer()
    framer.lengths = lengths(most)
    frames, error = framer.receive(data)
    return [HEADER_OCTETS + len(body) for _, body in frames], error


def test_a_message_that_needs_more_room_than_agreed_is_refused_when_sending() -> None:
    with pytest.raises(ValueError, match="no encoding"):
        Open(1, 90, ID, (RawCapability(1, bytes(256)),)).encode()
    with pytest.raises(ValueError, match="does not fit"):
        Open(1, 90, ID, tuple(RawCapability(200, bytes(255)) for _ in range(16))).encode()
