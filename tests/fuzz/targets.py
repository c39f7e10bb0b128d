"""What is fuzzed: every decoder, and a whole session. Each target takes any octets and checks what
comes out of them itself: a documented outcome, or an AssertionError.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from routeserver.bfd.authentication import Authenticator, BfdAuth
from routeserver.bfd.config import BfdConfig
from routeserver.bfd.discard import Discard
from routeserver.bfd.packet import PacketError, decode, encode
from routeserver.bfd.session import BfdSession
from routeserver.bgp.attribute_list import read_attributes, walk
from routeserver.bgp.attributes import AttributeTable, DecodeContext
from routeserver.bgp.capabilities import decode_capabilities, encode_capabilities
from routeserver.bgp.errors import SUBCODES, ErrorCode, Notification, ProtocolError
from routeserver.bgp.events import Event, RoutesReceived, SessionClosed
from routeserver.bgp.framing import HEADER_OCTETS
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.messages import KEEPALIVE, NotificationMessage, Open, RouteRefresh
from routeserver.bgp.session import Session, SessionConfig
from routeserver.bgp.update import decode_update
from routeserver.net.prefix import Family
from tests.bgp.support import EVERYTHING, LOCAL_ASN, PEER_ASN, config, established, peer_open
from tests.bgp.test_plain import check, pair

Target = Callable[[bytes], None]

FOUR: Final = DecodeContext(LOCAL_ASN, PEER_ASN, extended_next_hop=(Family.IPV4,))
TWO: Final = DecodeContext(LOCAL_ASN, PEER_ASN, four_octet_asn=False, families=(Family.IPV6,))


def known_notification(notification: Notification) -> None:
    """A code and subcode of the RFCs, and a text for people."""
    assert str(notification)
    code = ErrorCode(notification.code)
    if code in SUBCODES:
        SUBCODES[code](notification.subcode)
    NotificationMessage(notification).encode()


def known_fault(error: ProtocolError) -> None:
    known_notification(error.notification)
    assert error.reason


def or_error(act: Callable[[], Any]) -> Any:
    """What `act` answers, None after a documented error."""
    try:
        return act()
    except ProtocolError as error:
        known_fault(error)
        return None


def update(data: bytes) -> None:
    if len(data) < 4:
        return  # framing lets none pass
    for context in (FOUR, TWO):
        table = AttributeTable(context)
        read = partial(decode_update, data, context, table)
        first, again = or_error(read), or_error(read)
        assert (first is None) == (again is None)
        if first is not None:
            for attribute_set, prefixes in first.announced:
                assert prefixes
                assert attribute_set.attributes.rank >= 0
            assert first.ignored == again.ignored
            assert [prefixes for _, prefixes in first.announced] == [p for _, p in again.announced]
    if len(data) < 4000:
        by = pair()
        check(data, by)
        check(data, by)


def attribute_list(data: bytes) -> None:
    items, broken = walk(data)
    routes = [item for item in items if item.code in (14, 15)]
    for item in reversed(routes):  # `update` takes them out before
        data = data[: item.start] + data[item.end :]
    assert (walk(data)[1] is None) == (broken is None)
    for four_octet in (True, False):
        for internal in (True, False):
            _, faults = read_attributes(
                data, four_octet=four_octet, internal=internal, accept_as_sets=internal
            )
            for fault in faults:
                known_notification(fault.notification)
                assert str(fault)


def open_message(data: bytes) -> None:
    if len(data) < 10:
        return
    message = or_error(lambda: Open.decode(data))
    if message is not None:
        again = Open.decode(message.encode()[HEADER_OCTETS:])
        assert again == message


def capabilities(data: bytes) -> None:
    found = or_error(lambda: decode_capabilities(data))
    if found is not None:
        assert tuple(decode_capabilities(encode_capabilities(found))) == tuple(found)


def notification(data: bytes) -> None:
    if len(data) < 2:
        return
    message = NotificationMessage.decode(data)
    assert str(message.notification)
    assert message.encode()[HEADER_OCTETS:] == data


def route_refresh(data: bytes) -> None:
    message = or_error(lambda: RouteRefresh.decode(data))
    if message is not None:
        assert RouteRefresh.decode(message.encode()[HEADER_OCTETS:]) == message


def known_discard(error: PacketError) -> None:
    assert error.reason in Discard


def bfd(data: bytes) -> None:
    try:
        packet = decode(data)
    except PacketError as error:
        known_discard(error)
        return
    assert decode(encode(packet)) == packet
    judge = Authenticator(BfdAuth(1, b"secret", meticulous=True), 7)
    judge.heard(0.0, 1.0)
    judge.refuses(data, packet, 0.5)
    for auth in (None, BfdAuth(1, b"secret")):
        bfd_session(data, auth)


def bfd_session(data: bytes, auth: BfdAuth | None) -> None:
    made = BfdSession(BfdConfig(auth=auth), 1, lambda: 0.5)
    made.start(0.0)
    for now in (0.1, 0.2):
        for event in made.receive(data, now):
            assert repr(event)
    assert len(made.packets_to_send()) <= 5


def session(data: bytes) -> None:
    """The first octets choose the session and where it is cut; the rest is what the peer sends."""
    if len(data) < 2:
        return
    kind, cut, stream = data[0] % 4, data[1], data[2:]
    options = EVERYTHING if kind & 1 else {}
    whole = _fed(options, kind, [stream])
    pieces = [stream[: cut + 1], stream[cut + 1 :]]
    assert _told(_fed(options, kind, pieces)) == _told(whole)


def _fed(options: dict[str, Any], kind: int, pieces: list[bytes]) -> list[Event]:
    if kind & 2:
        made = established(config(**options), peer_open(**options))
    else:
        from_start = config(**options)
        made = _opened(from_start)
    events: list[Event] = []
    for piece in pieces:
        events += made.receive(piece, 1.0)
    closed = [event for event in events if isinstance(event, SessionClosed)]
    assert len(closed) == (made.state is FsmState.IDLE)
    for event in closed:
        assert event is events[-1]
        assert event.reason
        if event.sent is not None:
            known_notification(event.sent)
        assert made.receive(KEEPALIVE, 2.0) == []
    said = made.data_to_send()
    assert len(said) <= 4096 + 19 * (len(b"".join(pieces)) // 19 + 3)
    return events


def _opened(settings: SessionConfig) -> Session:
    made = Session(settings)
    made.connection_opened(0.0)
    made.data_to_send()
    return made


def _told(events: list[Event]) -> list[str]:
    """Routes one by one, as batches end where reads end."""
    told: list[object] = []
    for event in events:
        if isinstance(event, RoutesReceived):
            for attribute_set, prefixes in event.batch.runs():
                attributes = attribute_set and attribute_set.attributes
                told += [(prefix, attributes) for prefix in prefixes]
        elif isinstance(event, SessionClosed):
            told.append((event.reason, event.sent, event.received))
        else:
            told.append(event)
    # Faults are told beside the routes around them, not between.
    return sorted(map(repr, told))


TARGETS: Final[dict[str, Target]] = {
    "update": update,
    "attribute_list": attribute_list,
    "open": open_message,
    "capabilities": capabilities,
    "notification": notification,
    "route_refresh": route_refresh,
    "bfd": bfd,
    "session": session,
}
