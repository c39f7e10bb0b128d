"""What a session says on the wire: `routeserver record` as its own process, and the messages found
in what it wrote.

A record is JSON lines with octets; here they are cut into BGP messages again, by nothing but the
length in their headers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import unpack_from
from typing import Final

from routeserver.observe.replay import replay
from tests.interop.daemons import Daemon
from tests.interop.site import Site
from tests.running import COMMAND, eventually

OPEN: Final = 1
UPDATE: Final = 2
NOTIFICATION: Final = 3
ROUTE_REFRESH: Final = 5
HEADER_OCTETS: Final = 19

IPV4_UNICAST: Final = bytes([0, 1, 1])
IPV6_UNICAST: Final = bytes([0, 2, 1])
"""AFI and SAFI."""


@dataclass(frozen=True, slots=True)
class Message:
    """`octets` are all of it, the header included."""

    kind: int
    octets: bytes

    @property
    def body(self) -> bytes:
        return self.octets[HEADER_OCTETS:]


@dataclass(frozen=True, slots=True)
class Wire:
    """What was recorded so far, of all sessions since the recording began."""

    record: Path

    def received(self, kind: int) -> list[Message]:
        return self._messages("told", kind)

    def sent(self, kind: int) -> list[Message]:
        return self._messages("said", kind)

    def refreshes(self) -> list[int]:
        """The subtypes of the ROUTE-REFRESH messages received: 1 is BoRR, 2 EoRR (RFC 7313)."""
        return [message.body[2] for message in self.received(ROUTE_REFRESH)]

    def wait_received(self, kind: int) -> Message:
        """The first message of a kind."""
        return eventually(f"a message of type {kind}", lambda: self.received(kind), bool)[0]

    def wait_sent(self, kind: int, count: int) -> None:
        eventually(
            f"messages of type {kind} sent",
            lambda: self.sent(kind),
            lambda found: len(found) == count,
        )

    def wait_longer(self, kind: int, octets: int) -> None:
        """Until a message longer than that has been received."""
        eventually(
            f"a message of type {kind} with more than {octets} octets",
            lambda: max((len(message.octets) for message in self.received(kind)), default=0),
            lambda longest: longest > octets,
        )

    def wait_refreshed(self, families: int) -> None:
        """Until so many families were sent anew between BoRR and EoRR (RFC 7313)."""
        eventually(
            "BoRR and EoRR of each family",
            self.refreshes,
            lambda kinds: (kinds.count(1), kinds.count(2)) == (families, families),
        )

    def wait_replayed(self) -> None:
        """Until the pure core has done the same again; the record may still be growing."""
        eventually(
            "the record replays",
            lambda: replay(self._lines()),
            lambda outcome: outcome.sessions > 0 and outcome.difference is None,
        )

    def _lines(self) -> list[str]:
        """Whole ones: the last may still be being written."""
        lines = self.record.read_text().splitlines(keepends=True)
        return lines if not lines or lines[-1].endswith("\n") else lines[:-1]

    def _messages(self, line_kind: str, kind: int) -> list[Message]:
        streams: dict[int, bytearray] = {}
        for text in self._lines():
            line = json.loads(text)
            if line["kind"] == line_kind:
                streams.setdefault(line["session"], bytearray()).extend(
                    bytes.fromhex(line.get("hex", ""))
                )
        return [
            message
            for stream in streams.values()
            for message in _cut(bytes(stream))
            if message.kind == kind
        ]


def _cut(stream: bytes) -> Iterator[Message]:
    position = 0
    while position + HEADER_OCTETS <= len(stream):
        length, kind = unpack_from("!HB", stream, position + 16)
        assert length >= HEADER_OCTETS
        if position + length > len(stream):
            return
        yield Message(kind, stream[position : position + length])
        position += length


@contextmanager
def recorded(site: Site, peer_id: str, folder: Path) -> Iterator[Wire]:
    """Record the peer's sessions inside the block; begin before the daemon does."""
    path = folder / f"{peer_id}.jsonl"
    command = [COMMAND, "record", peer_id, f"--to={path}", f"--data-dir={site.server.data_dir}"]
    with Daemon("record", command, folder / "record.log") as recorder:

        def look() -> bool:
            recorder.check()
            # The file is made with the first line; what is recorded is there before.
            return bool(site.session(peer_id)["recorded"])

        eventually("the recording begins", look, bool)
        path.touch()
        yield Wire(path)
