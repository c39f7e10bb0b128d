"""A record run again through the pure core: the same inputs, the same times, compared event by
event.

What a session decided must follow from what it was told; the first difference is where a bug, or a
change of behaviour since the record was made, shows. The routes go on into a RIB of their own, so
that a record also shows what a table became of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, Final

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Established, Event, RoutesReceived, SessionClosed
from routeserver.bgp.messages import KEEPALIVE
from routeserver.bgp.session import Session, SessionConfig
from routeserver.observe import record_format
from routeserver.observe.record_format import Json
from routeserver.rib.path import Source
from routeserver.rib.rib import Rib

PEER: Final = "replayed"


class RecordError(Exception):
    """The record cannot be replayed, or not further; one line with its number and a remedy."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`line` is the number of the line in the record; None for what is not there."""

    line: int
    recorded: Json | None
    replayed: Json | None


@dataclass(slots=True)
class Outcome:
    sessions: int = 0
    inputs: int = 0
    events: int = 0
    routes: int = 0
    fib_routes: int = 0
    """After the last line."""
    difference: Difference | None = None


@dataclass(slots=True)
class _Replayed:
    session: Session
    config: SessionConfig
    expected: list[Json] = field(default_factory=list)
    """Events that the core has answered with and the record has not shown yet."""
    told_at: int = 0


def replay(lines: Iterable[str]) -> Outcome:
    """Up to the first difference or the end. Raises RecordError."""
    replaying = _Replay()
    for number, text in enumerate(lines, 1):
        if text.strip():
            replaying.take(number, _parsed(number, text))
        if replaying.outcome.difference is not None:
            break
    else:
        replaying.finish()
    return replaying.outcome


def _parsed(number: int, text: str) -> Json:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"line {number} is no JSON: {error}; was the record cut off?") from error
    if not isinstance(line, dict):
        raise RecordError(f"line {number} is no line of a record of routeserver record")
    return line


class _Replay:
    def __init__(self) -> None:
        self.outcome = Outcome()
        self._sessions: dict[int, _Replayed] = {}
        self._rib = Rib()
        self._now = 0.0
        self._owner: int | None = None
        """Whose routes the RIB holds: the session that was established last."""

    def take(self, number: int, line: Json) -> None:
        try:
            match line["kind"]:
                case "session":
                    self._begin(number, line)
                case "told":
                    self._tell(number, line)
                case "decided":
                    self._compare(number, line)
                case "said":
                    pass
                case "dropped":
                    raise RecordError(
                        f"line {number}: {line['lines']} lines are missing here, because the "
                        "reader of the record was slow; everything before them is as recorded"
                    )
                case other:
                    raise RecordError(f"line {number} is of the unknown kind {other!r}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordError(
                f"line {number} is no line of a record ({type(error).__name__}: {error}); "
                "name a file of routeserver record"
            ) from error

    def finish(self) -> None:
        """An event may be missing at the end only where the record was cut off in mid-turn."""
        for number in self._sessions:
            self._settle(self._sessions[number], self._sessions[number].told_at)
        while self._rib.pending():
            self._rib.decide(10_000, self._now)
        counts = self._rib.counts
        self.outcome.routes, self.outcome.fib_routes = counts.rib_routes, counts.fib_routes

    def _begin(self, number: int, line: Json) -> None:
        if line["version"] != record_format.VERSION:
            raise RecordError(
                f"line {number}: the record has format {line['version']}, this version reads "
                f"{record_format.VERSION}; replay it with the version that wrote it"
            )
        config = record_format.decode_config(line["config"])
        session = Session(config)
        self.outcome.sessions += 1
        joined = line["joined"]
        replayed = self._sessions[line["session"]] = _Replayed(session, config)
        if joined is not None:
            heard_at = joined["heard_at"]
            events = [
                *session.connection_opened(heard_at),
                *session.receive(bytes.fromhex(joined["open"]), heard_at),
                *session.receive(KEEPALIVE, heard_at),
                *session.receive(bytes.fromhex(joined["unframed"]), heard_at),
            ]
            self._route(line["session"], replayed, events)

    def _tell(self, number: int, line: Json) -> None:
        replayed = self._sessions[line["session"]]
        if line["fact"] in WRITING:
            # Told while the events of the last input are still on their way.
            WRITING[line["fact"]](replayed.session, line["now"])
            return
        if line["fact"] == "stop":
            # The owner may stop a session while it looks at its events: the rest is void.
            replayed.expected.clear()
        self._settle(replayed, number)
        if self.outcome.difference is not None:
            return
        self._now = line["now"]
        self.outcome.inputs += 1
        act = FACTS[line["fact"]]
        events = act(replayed.session, line)
        replayed.session.data_to_send()
        replayed.expected = [record_format.encode_event(event) for event in events]
        replayed.told_at = number
        self._route(line["session"], replayed, events)

    def _compare(self, number: int, line: Json) -> None:
        replayed = self._sessions[line["session"]]
        recorded = line["event"]
        expected = replayed.expected.pop(0) if replayed.expected else None
        # Through JSON once, as the record has been: lists are lists on both sides.
        if expected is None or json.loads(json.dumps(expected)) != recorded:
            self.outcome.difference = Difference(number, recorded, expected)
        else:
            self.outcome.events += 1

    def _settle(self, replayed: _Replayed, number: int) -> None:
        """Before the next input the record must have shown every event of the last one."""
        if replayed.expected and self.outcome.difference is None:
            self.outcome.difference = Difference(number, None, replayed.expected[0])

    # --- the RIB ------------------------------------------------------------------------------

    def _route(self, session: int, replayed: _Replayed, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Established():
                    self._owner = session
                    self._rib.peer_up(_source(replayed.config, event))
                case RoutesReceived(batch):
                    self._rib.apply(PEER, batch)
                case SessionClosed() if session == self._owner:
                    self._rib.peer_down(PEER)
                case _:
                    pass


def _source(config: SessionConfig, event: Established) -> Source:
    local = config.local_address or IPv4Address(0)
    return Source(PEER, "", int(event.peer_router_id), int(local))


def _octets(line: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(line.get("hex", ""))


def _stop(session: Session, line: Json) -> list[Event]:
    found = line["notification"]
    notification = Notification(found["code"], found["subcode"], bytes.fromhex(found["data"]))
    return session.stop(notification, line["reason"], line["now"])


FACTS: Final[Mapping[str, Callable[[Session, Json], list[Event]]]] = {
    "opened": lambda session, line: session.connection_opened(line["now"]),
    "bytes": lambda session, line: session.receive(_octets(line), line["now"]),
    "timer": lambda session, line: session.handle_timer(line["now"]),
    "stop": _stop,
    "lost": lambda session, line: session.connection_lost(line["now"]),
}
"""How each input of a record is told to a session."""

WRITING: Final[Mapping[str, Callable[[Session, float], None]]] = {
    "blocked": Session.write_blocked,
    "unblocked": Session.write_unblocked,
}
