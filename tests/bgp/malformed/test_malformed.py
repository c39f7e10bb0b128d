"""The malformed-UPDATE suite: each bad UPDATE through a whole session into a RIB.

Before it, the route it is about is announced, so that one sees whether it goes; after it, a
sentinel, which shows that the session lives and is in step; beside it another peer, which must
notice nothing. The control, the same UPDATE without its fault, shows that it is the fault that
makes the difference, and that a row can fail.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Event, RoutesReceived, SessionClosed, UpdateIgnored
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.session import Session
from routeserver.net.prefix import Family, parse_prefix
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib
from tests.bgp.malformed import by_hand, each_attribute
from tests.bgp.malformed.departures import DEPARTURES
from tests.bgp.malformed.rows import (
    DISCARDED,
    KEPT,
    ROUTE,
    ROUTE6,
    UNTOUCHED,
    WITHDRAWN,
    Fate,
    Kind,
    Row,
    mandatory,
)
from tests.bgp.support import (
    AS_PATH,
    LOCAL_ASN,
    LOCAL_ID,
    MANDATORY,
    ORIGIN,
    attribute,
    config,
    established,
    mp_reach,
    nlri,
    peer_open,
    update,
)

ROWS: Final = [*each_attribute.ROWS, *by_hand.ROWS]
BAD, OTHER = Source("rsp-bad", "rse-1", 1, 1), Source("rsp-other", "rse-2", 2, 2)
SENTINEL, BESIDE = "198.51.100.0/24", "203.0.113.0/24"
BEFORE_MED: Final = 4242
_BEFORE: Final = attribute(0x80, 4, BEFORE_MED.to_bytes(4, "big"))
_OURS: Final[dict[Kind, dict[str, Any]]] = {
    Kind.INTERNAL: {"peer_asn": LOCAL_ASN},
    Kind.SETS: {"accept_as_sets": True},
    Kind.NEXT_HOP6: {"extended_next_hop": True},
    Kind.ONLY_IPV4: {"families": (Family.IPV4,)},
}
_THEIRS: Final[dict[Kind, dict[str, Any]]] = {
    Kind.INTERNAL: {"local_asn": LOCAL_ASN, "peer_asn": LOCAL_ASN},
    Kind.TWO_OCTET: {"offer_capabilities": False},
    Kind.NEXT_HOP6: {"extended_next_hop": True},
}


def session_of(kind: Kind) -> Session:
    ours, theirs = _OURS.get(kind, {}), _THEIRS.get(kind, {})
    return established(config(local_address=LOCAL_ID, **ours), peer_open(**theirs))


class Server:
    """One route server with the bad peer and another one."""

    def __init__(self, kind: Kind) -> None:
        self.rib = Rib()
        self.closed: SessionClosed | None = None
        self.ignored: list[str] = []
        self._session = session_of(kind)
        for source in (BAD, OTHER):
            self.rib.peer_up(source)
        self._take(established().receive(update(MANDATORY, nlri(BESIDE)), 1), OTHER)
        self._take(self._session.receive(before(kind), 1), BAD)
        self.rib.decide(1000, 1)

    def receive(self, *frames: bytes) -> None:
        for data in frames:
            self._take(self._session.receive(data, 2), BAD)
        self.rib.decide(1000, 2)
        assert (self._session.state is FsmState.IDLE) is (self.closed is not None)

    def _take(self, events: list[Event], source: Source) -> None:
        for event in events:
            match event:
                case RoutesReceived(batch):
                    self.rib.apply(source.peer_id, batch)
                case UpdateIgnored(reason):
                    self.ignored.append(reason)
                case SessionClosed():
                    assert self.closed is None
                    self.closed = event
                    self.rib.peer_down(source.peer_id)
                case _:
                    raise AssertionError(event)

    def has(self, prefix: str) -> bool:
        return parse_prefix(prefix) in self.rib.fib

    def outcome(self, route: str) -> Fate | Notification:
        assert self.has(BESIDE), "another peer's route is gone"
        if self.closed is not None:
            assert not self.has(route)
            assert self.closed.sent is not None
            return self.closed.sent
        if not self.has(route):
            return WITHDRAWN
        if self.rib.fib[parse_prefix(route)].attributes.med == BEFORE_MED:
            return UNTOUCHED
        return DISCARDED if self.ignored else KEPT


def before(kind: Kind) -> bytes:
    """Both families' routes as they stood."""
    listed = mandatory(kind)
    frames = update(listed + _BEFORE, nlri(ROUTE))
    if kind is Kind.EXTERNAL:
        frames += update(mp_reach(ROUTE6) + ORIGIN + AS_PATH + _BEFORE)
    return frames


def sentinel(kind: Kind) -> bytes:
    return update(mandatory(kind), nlri(SENTINEL))


def expected(row: Row) -> Fate | Notification:
    departure = DEPARTURES.get(str(row))
    return row.outcome if departure is None else departure.outcome


def check(row: Row, server: Server) -> None:
    assert server.outcome(row.route) == expected(row), server.ignored
    assert server.has(SENTINEL) is (server.closed is None)
    if row.reason:
        assert any(row.reason in reason for reason in server.ignored), server.ignored
    elif server.closed is None:
        assert server.ignored == []


each_row = pytest.mark.parametrize("row", ROWS, ids=str)


@each_row
def test_a_bad_update_has_the_effect_of_its_verdict(row: Row) -> None:
    server = Server(row.kind)
    server.receive(row.frame, sentinel(row.kind))
    check(row, server)


@each_row
def test_in_one_read_with_its_neighbours_it_has_the_same_effect(row: Row) -> None:
    server = Server(row.kind)
    server.receive(row.frame + sentinel(row.kind))
    check(row, server)


@each_row
def test_octet_by_octet_it_has_the_same_effect(row: Row) -> None:
    server = Server(row.kind)
    stream = row.frame + sentinel(row.kind)
    server.receive(*(stream[i : i + 1] for i in range(len(stream))))
    check(row, server)


@each_row
def test_a_second_time_it_has_the_same_effect(row: Row) -> None:
    """The second time the verdict on the attribute list is known already."""
    server = Server(row.kind)
    server.receive(row.frame, before(row.kind), row.frame, sentinel(row.kind))
    check(row, server)


@each_row
def test_without_its_fault_it_is_taken(row: Row) -> None:
    server = Server(row.kind)
    server.receive(row.control, sentinel(row.kind))
    assert server.outcome(row.route) == KEPT
    assert server.ignored == []
    assert server.has(SENTINEL)


def test_the_rows_have_names_of_their_own_and_cover_every_verdict() -> None:
    assert [name for name, count in Counter(map(str, ROWS)).items() if count > 1] == []
    assert len(ROWS) >= 250
    assert {row.outcome for row in ROWS if isinstance(row.outcome, Fate)} == set(Fate)
    subcodes = {row.outcome.subcode for row in ROWS if isinstance(row.outcome, Notification)}
    assert subcodes == {1, 2, 4, 6, 9, 10}


def test_each_departure_names_a_row_and_departs_from_it() -> None:
    rows = {str(row): row for row in ROWS}
    for name, departure in DEPARTURES.items():
        assert departure.outcome != rows[name].outcome
        assert departure.why
