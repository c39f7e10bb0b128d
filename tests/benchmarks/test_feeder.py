"""The feeder: what it counts of what it hears, and a whole life of its process with a far end."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.routing import wire
from benchmarks.routing.feeding import Feeding
from benchmarks.routing.process import BenchmarkError
from benchmarks.routing.scan import Framer, RouteCounter
from benchmarks.routing.session import SessionSpec
from benchmarks.routing.table_files import FIRST_ASN, SECOND_ASN, speaker
from benchmarks.routing.tables import Kind, build

ADDRESS = "127.72.0.1"
LOCAL = "127.72.1.1"
WITHDRAWN = wire.message(wire.Kind.UPDATE, struct.pack("!HB3s", 4, 24, b"\1\2\3") + b"\0\0")


def table(kind: Kind, count: int, asn: int = FIRST_ASN) -> bytes:
    return build(kind, count).encode(speaker(kind, LOCAL, asn))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("piece", [1 << 20, 1000, 7])
def test_every_prefix_is_counted_however_the_stream_is_cut(kind: Kind, piece: int) -> None:
    framer, counter = Framer(), RouteCounter(SECOND_ASN.to_bytes(4))
    data = table(kind, 300) + table(kind, 200, SECOND_ASN)
    for start in range(0, len(data), piece):
        buffer, messages = framer.feed(data[start : start + piece])
        for sort, begin, end in messages:
            assert sort == wire.Kind.UPDATE
            counter.take(buffer, begin, end)
    assert (counter.announced, counter.marked, counter.withdrawn) == (500, 200, 0)


def test_withdrawals_of_both_families_are_counted() -> None:
    counter = RouteCounter()
    unreach = wire.attribute(0x80, 15, struct.pack("!HB", 2, 1) + b"\x20\x24\x00\x00\x01\x00")
    buffer, messages = Framer().feed(WITHDRAWN + wire.update(unreach, b""))
    for _, start, end in messages:
        counter.take(buffer, start, end)
    assert (counter.announced, counter.withdrawn) == (0, 3)


class FarEnd:
    """Accepts one connection, keeps what it hears, and says what it is told to."""

    def __init__(self) -> None:
        self.heard = b""
        self._listening = socket.create_server((ADDRESS, wire.PORT))
        self._listening.settimeout(30)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._connected = threading.Event()
        self.connection: socket.socket | None = None

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        self.connection = connection
        connection.settimeout(30)
        connection.sendall(wire.open_message(65000, 90, ADDRESS, [wire.Afi.IPV4]) + wire.KEEPALIVE)
        self._connected.set()
        while data := connection.recv(1 << 16):
            self.heard += data

    def say(self, data: bytes) -> None:
        assert self._connected.wait(30)
        assert self.connection is not None
        self.connection.sendall(data)

    def wait_gone(self) -> bytes:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.heard

    def close(self) -> None:
        self._listening.close()
        if self.connection is not None:
            self.connection.close()
        self._thread.join(30)


@pytest.fixture
def far_end() -> Iterator[FarEnd]:
    end = FarEnd()
    yield end
    end.close()


def spec(path: Path | None = None, marker: int = 0) -> SessionSpec:
    return SessionSpec("one", LOCAL, ADDRESS, FIRST_ASN, (1,), table=str(path or ""), marker=marker)


def test_a_feeder_says_open_keepalive_and_the_table_and_then_goes(
    far_end: FarEnd, tmp_path: Path
) -> None:
    data = table(Kind.INTERNET, 5_000)
    path = tmp_path / "table"
    path.write_bytes(data)
    with Feeding() as feeding:
        feeding.add([spec(path)])
        feeding.open(["one"])
        started = feeding.push(["one"])
        assert float(feeding.wait("pushed")["at"]) >= started
        assert feeding.close(["one"]) >= started
    opened = wire.open_message(FIRST_ASN, 90, LOCAL, [wire.Afi.IPV4])
    heard = far_end.wait_gone()
    assert heard.startswith(opened + wire.KEEPALIVE)
    assert heard.removeprefix(opened).replace(wire.KEEPALIVE, b"") == data


def test_a_listener_reports_when_it_was_told_as_much_as_expected(far_end: FarEnd) -> None:
    with Feeding() as feeding:
        feeding.add([spec(marker=SECOND_ASN)])
        feeding.open(["one"])
        feeding.expect("one", "announced", 300)
        feeding.expect("one", "marked", 200)
        far_end.say(table(Kind.PACKED, 300))
        announced = feeding.counted("one", 30)
        far_end.say(table(Kind.PACKED, 200, SECOND_ASN) + WITHDRAWN)
        assert feeding.counted("one", 30) >= announced
        feeding.expect("one", "withdrawn", 1)
        feeding.counted("one", 30)
        (report,) = feeding.report(["one"])
    assert (report["announced"], report["marked"], report["withdrawn"]) == (500, 200, 1)
    assert report["up"]


def test_a_session_that_the_far_end_ends_is_an_error_with_its_reason(far_end: FarEnd) -> None:
    with Feeding() as feeding:
        feeding.add([spec()])
        feeding.open(["one"])
        far_end.say(wire.CEASE_SHUTDOWN)
        with pytest.raises(BenchmarkError, match="session one ended: NOTIFICATION 6/2"):
            feeding.wait("counted", 30)
