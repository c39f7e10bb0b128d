"""Any octets at all, to every kind of session: events, at most one end with a NOTIFICATION of the
RFCs, and never another exception. Where the stream is cut changes nothing of it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from routeserver.bgp.errors import SUBCODES, ErrorCode
from routeserver.bgp.events import (
    Event,
    RefreshEnded,
    RefreshStarted,
    RoutesReceived,
    SessionClosed,
)
from routeserver.bgp.framing import (
    HEADER_OCTETS,
    LENGTHS,
    Framer,
    MessageType,
    encode_frame,
    lengths,
)
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.messages import KEEPALIVE, Open, RouteRefresh
from routeserver.bgp.negotiation import SessionConfig
from routeserver.bgp.session import Session
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Family, Prefix, family_of
from tests.bgp.support import (
    EVERYTHING,
    LOCAL_ASN,
    MANDATORY,
    config,
    mp_reach,
    mp_unreach,
    nlri,
    peer_open,
    update,
)

KINDS: Final[list[tuple[SessionConfig, Open]]] = [
    (config(), peer_open()),
    (config(**EVERYTHING), peer_open(**EVERYTHING)),
    (config(**EVERYTHING), peer_open(offer_capabilities=False)),
    (config(families=(Family.IPV6,)), peer_open()),
    (config(peer_asn=LOCAL_ASN), peer_open(local_asn=LOCAL_ASN, peer_asn=LOCAL_ASN)),
]

attributes_soup = st.lists(
    st.builds(
        lambda flags, code, value: bytes([flags, code, len(value)]) + value,
        st.sampled_from([0x40, 0x80, 0xC0, 0xE0, 0x00]),
        st.sampled_from(
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 25, 26, 32, 35, 40, 99]
        ),
        st.binary(max_size=24),
    ),
    max_size=6,
).map(b"".join)


def frame_of(message_type: int, body: bytes) -> bytes:
    low, high = LENGTHS[message_type]
    fitting = body[: high - HEADER_OCTETS].ljust(low - HEADER_OCTETS, b"\x00")
    return encode_frame(MessageType(message_type), fitting)


PLAIN: Final = [
    update(MANDATORY, nlri("192.0.2.0/24", "10.0.0.0/8")),
    update(MANDATORY, nlri("192.0.2.0/24"), nlri("192.0.2.0/24", "10.0.0.0/9")),
    update(b"", b"", nlri("192.0.2.0/24")),
    update(mp_reach("2001:db8::/32", "2001:db8:1::/48") + MANDATORY[:13]),
    update(mp_unreach("2001:db8::/32")),
    update(),
    update(mp_unreach()),
]
NOT_PLAIN: Final = [
    # A plain attribute list around a prefix that is not unicast, and the same list again.
    update(MANDATORY, nlri("10.0.0.0/8", "224.0.0.0/4")),
    update(MANDATORY, nlri("10.0.0.0/8") + b"\x21"),
    update(MANDATORY + bytes.fromhex("c00800"), nlri("192.0.2.0/24")),
    update(mp_reach("2001:db8::/32", "ff00::/8") + MANDATORY[:13]),
]
CAPTURED: Final = [
    bytes.fromhex(message)
    for capture in ("bird", "bird-open")
    for message in tomllib.loads(
        (Path(__file__).parent / "captures" / f"{capture}.toml").read_text()
    )["messages"]
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """What a real daemon sent, with some octets of the body changed."""
    message = bytearray(draw(st.sampled_from(CAPTURED)))
    for _ in range(draw(st.integers(0, 3))):
        if len(message) > HEADER_OCTETS:
            position = draw(st.integers(HEADER_OCTETS, len(message) - 1))
            message[position] = draw(st.integers(0, 255))
    return bytes(message)


pieces = st.one_of(
    damaged(),
    st.binary(max_size=60),
    st.sampled_from([KEEPALIVE, *PLAIN, *NOT_PLAIN]),
    st.sampled_from([peer.encode() for _, peer in KINDS]),
    st.builds(lambda afi, safi, kind: RouteRefresh(afi, safi, kind).encode(),
              st.integers(0, 3), st.integers(0, 2), st.integers(0, 4)),
    st.builds(frame_of, st.integers(1, 5), st.binary(max_size=60)),
    st.builds(lambda body: encode_frame(MessageType.ROUTE_REFRESH, body), st.binary(max_size=9)),
    st.builds(lambda soup: peer_open().encode()[:28] + bytes([len(soup)]) + soup,
              st.binary(max_size=40)),
    st.builds(update, attributes_soup, st.binary(max_size=12), st.binary(max_size=12)),
    st.builds(lambda soup: update(MANDATORY + soup, nlri("192.0.2.0/24")), attributes_soup),
)  # fmt: skip
streams = st.lists(pieces, max_size=12).map(b"".join)
kinds = st.sampled_from(KINDS)


class Listener:
    """Everything a session says, checked as it comes."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.routes: dict[Prefix, PathAttributes] = {}
        self.rejected: dict[Prefix, str] = {}
        self.others: list[Event] = []
        self.sent = b""
        self._refreshing: set[Family] = set()

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            assert not any(isinstance(earlier, SessionClosed) for earlier in self.others)
            match event:
                case RoutesReceived(batch):
                    assert len(batch) > 0
                    self._take_routes(event)
                    continue
                case RefreshStarted(family):
                    self._refreshing.add(family)
                case RefreshEnded(family):
                    self._refreshing.remove(family)
                case SessionClosed(reason, sent):
                    assert reason
                    if sent is not None:
                        assert sent.code in set(ErrorCode)
                        subcodes = SUBCODES.get(sent.code)
                        assert subcodes is None or sent.subcode in set(subcodes)
            self.others.append(event)
        self.sent += self.session.data_to_send()

    def _take_routes(self, event: RoutesReceived) -> None:
        for attribute_set, prefixes in event.batch.runs():
            for prefix in prefixes:
                assert family_of(prefix) is event.batch.family
                self.routes.pop(prefix, None)
                self.rejected.pop(prefix, None)
                if attribute_set is None:
                    continue
                if attribute_set.rejected is not None:
                    self.rejected[prefix] = attribute_set.rejected
                    continue
                attributes = attribute_set.attributes
                assert attributes.rank == attribute_set.rank_high << 32 | attribute_set.rank_low
                self.routes[prefix] = attributes

    def outcome(self) -> tuple[object, ...]:
        return self.routes, self.rejected, self.others, self.sent, self.session.state


def run(
    kind: tuple[SessionConfig, Open],
    stream: bytes,
    step: int,
    *,
    up: bool = True,
    make: Callable[[SessionConfig], Session] = Session,
) -> Listener:
    ours, theirs = kind
    listener = Listener(make(ours))
    listener.take(listener.session.connection_opened(0))
    whole = (theirs.encode() + KEEPALIVE if up else b"") + stream
    for start in range(0, len(whole), step):
        listener.take(listener.session.receive(whole[start : start + step], 0))
    return listener


@settings(max_examples=300)
@given(kinds, streams, st.booleans(), st.integers(1, 200))
def test_a_session_fed_anything_gives_events_and_ends_at_most_once(
    kind: tuple[SessionConfig, Open], stream: bytes, up: bool, step: int
) -> None:
    listener = run(kind, stream, step, up=up)
    session = listener.session
    endings = [event for event in listener.others if isinstance(event, SessionClosed)]
    assert len(endings) == (1 if session.state is FsmState.IDLE else 0)
    if endings:
        assert session.next_deadline() is None
    framer = Framer()
    framer.lengths = lengths(any_refresh=True)
    frames, error = framer.receive(listener.sent)
    assert error is None
    assert framer.tail == b""
    assert [kind for kind, _ in frames].count(MessageType.NOTIFICATION) <= 1
    assert all(isinstance(event, SessionClosed) for event in session.connection_lost(1e6))


@settings(max_examples=300)
@given(kinds, streams, st.integers(1, 60))
@example(KINDS[0], b"".join(PLAIN * 3), 7)
@example(KINDS[0], b"".join(PLAIN + NOT_PLAIN[:1] + PLAIN + NOT_PLAIN[1:]), 11)
def test_where_a_stream_is_cut_makes_no_difference(
    kind: tuple[SessionConfig, Open], stream: bytes, step: int
) -> None:
    whole = run(kind, stream, 1 << 20).outcome()
    assert run(kind, stream, step).outcome() == whole


class Thorough(Session):
    """A session that takes the full look at every UPDATE."""

    def _establish(self) -> None:
        super()._establish()
        self._reads_plain = False


@settings(max_examples=300)
@given(kinds, streams)
@example(KINDS[0], b"".join(PLAIN + NOT_PLAIN[:1] + PLAIN + NOT_PLAIN[1:]))
@example(KINDS[1], b"".join(CAPTURED))
def test_reading_plain_updates_in_passing_makes_no_difference(
    kind: tuple[SessionConfig, Open], stream: bytes
) -> None:
    quick = run(kind, stream, 1 << 20)
    assert run(kind, stream, 1 << 20, make=Thorough).outcome() == quick.outcome()


@settings(max_examples=200)
@given(
    kinds,
    st.lists(
        st.one_of(
            st.tuples(st.just("receive"), pieces),
            st.tuples(st.just("timer"), st.floats(0, 700)),
            st.tuples(st.just("blocked"), st.floats(0, 700)),
            st.tuples(st.just("unblocked"), st.floats(0, 700)),
        ),
        max_size=20,
    ),
)
def test_time_passes_as_it_likes_and_deadlines_are_kept(
    kind: tuple[SessionConfig, Open], steps: list[tuple[str, Any]]
) -> None:
    listener = run(kind, b"", 1 << 20)
    session, now = listener.session, 0.0
    for what, value in steps:
        if what == "receive":
            listener.take(session.receive(value, now))
            continue
        deadline = session.next_deadline()
        while deadline is not None and deadline <= now + value:
            now = max(now, deadline)
            listener.take(session.handle_timer(now))
            assert session.next_deadline() != deadline, "a timer that went off goes off again"
            deadline = session.next_deadline()
        now += value
        if what == "blocked":
            session.write_blocked(now)
        elif what == "unblocked":
            session.write_unblocked(now)
    if session.state is FsmState.IDLE:
        assert session.next_deadline() is None


def test_the_families_of_a_session_are_the_only_ones_it_tells_of() -> None:
    only6 = run(KINDS[3], b"".join(PLAIN), 1 << 20)
    assert {family_of(prefix) for prefix in only6.routes} == {Family.IPV6}
