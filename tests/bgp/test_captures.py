"""What real daemons send, recorded: each session is fed whole, octet by octet and cut at every
length.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from routeserver.bgp.errors import ErrorCode, HeaderError
from routeserver.bgp.events import Event, RoutesReceived
from routeserver.bgp.fsm import FsmState
from routeserver.bgp.session import Session
from routeserver.net.prefix import Prefix
from tests.bgp.support import EVERYTHING, closed, config, sentences


@dataclass(frozen=True, slots=True)
class Capture:
    name: str
    peer_asn: int
    messages: tuple[bytes, ...]
    events: tuple[str, ...]
    offers_everything: bool

    def session(self) -> Session:
        session = Session(
            config(
                peer_asn=self.peer_asn,
                hold_time_s=9,
                accept_loopback_next_hops=True,
                **(EVERYTHING if self.offers_everything else {}),
            )
        )
        session.connection_opened(0)
        return session


def _load(path: Path) -> Capture:
    content: Mapping[str, Any] = tomllib.loads(path.read_text())
    return Capture(
        path.stem,
        content["peer_asn"],
        tuple(bytes.fromhex(message) for message in content["messages"]),
        tuple(content["events"]),
        content.get("offers_everything", False),
    )


CAPTURES: Final = [_load(p) for p in sorted((Path(__file__).parent / "captures").glob("*.toml"))]

each_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)


def feed(session: Session, pieces: Sequence[bytes]) -> list[Event]:
    return [event for piece in pieces for event in session.receive(piece, 0)]


def routes(events: Sequence[Event]) -> dict[Prefix, object]:
    table: dict[Prefix, object] = {}
    for event in events:
        if isinstance(event, RoutesReceived):
            for attribute_set, prefixes in event.batch.runs():
                for prefix in prefixes:
                    table.pop(prefix, None)
                    if attribute_set is not None and attribute_set.rejected is None:
                        table[prefix] = attribute_set.attributes
    return table


def test_there_is_a_capture_of_every_daemon() -> None:
    assert {c.name for c in CAPTURES} == {
        "bird", "bird-open", "bird-plain", "exabgp", "frr", "frr-open", "gobgp", "gobgp-open",
        "openbgpd",
    }  # fmt: skip


@each_capture
def test_one_message_at_a_time_gives_the_events_written_beside_it(capture: Capture) -> None:
    assert sentences(feed(capture.session(), capture.messages)) == list(capture.events)


@each_capture
def test_whole_and_octet_by_octet_lead_to_the_same_routes(capture: Capture) -> None:
    stream = b"".join(capture.messages)
    whole = feed(capture.session(), [stream])
    single = feed(capture.session(), [stream[i : i + 1] for i in range(len(stream))])
    assert sentences(single) == list(capture.events)
    assert sorted(sentences(whole)) == sorted(capture.events)
    assert routes(whole) == routes(single)


@each_capture
def test_a_stream_cut_at_any_length_gives_no_error_and_the_rest_completes_it(
    capture: Capture,
) -> None:
    stream = b"".join(capture.messages)
    for cut in range(len(stream) + 1):
        session = capture.session()
        events = session.receive(stream[:cut], 0)
        assert session.state is not FsmState.IDLE
        assert routes(events + session.receive(stream[cut:], 0)) == routes(
            feed(capture.session(), [stream])
        )


@each_capture
def test_trailing_octets_that_are_no_message_end_the_session_after_the_routes(
    capture: Capture,
) -> None:
    stream = b"".join(capture.messages)
    events = capture.session().receive(stream + bytes(19), 0)
    notification = closed(events).sent
    assert notification is not None
    assert notification.code == ErrorCode.MESSAGE_HEADER_ERROR
    assert notification.subcode == HeaderError.CONNECTION_NOT_SYNCHRONIZED
    assert routes(events) == routes(feed(capture.session(), [stream]))
