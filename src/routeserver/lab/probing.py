"""Packets that are followed: UDP to a target that answers, seen on the way by every appliance.

A tap is a packet socket in an appliance's namespace; it counts what leaves it, so a packet that an
appliance took and dropped is not counted as forwarded. All sockets are opened in their namespaces
and then used from one place; times are the kernel's, of one clock.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any, Final

from routeserver.lab import namespaces
from routeserver.lab.errors import LabError

PORT: Final = 17917
"""Where targets answer."""

_MAGIC: Final = b"rslab"
_PROBE: Final = struct.Struct("!5s8sI")
_ETH_P_ALL: Final = 3
_SO_ATTACH_FILTER: Final = 26
_SO_TIMESTAMPNS: Final = 35
_UDP_HEADER: Final = 28
"""Octets in front of the payload: an IPv4 header without options, and UDP's."""
_TIME: Final = struct.Struct("@qq")
_BUFFER: Final = 4 << 20

# ldb [9]; jeq 17; ldh [22]; jeq PORT; ldh [20]; jeq PORT; ret all; ret 0
_FILTER: Final = b"".join(
    struct.pack("@HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 9),
        (0x15, 0, 5, 17),
        (0x28, 0, 0, 22),
        (0x15, 2, 0, PORT),
        (0x28, 0, 0, 20),
        (0x15, 0, 1, PORT),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """An address in a namespace, with the name that the lab has for whoever is there."""

    name: str
    namespace: str
    address: IPv4Address


@dataclass(slots=True)
class Journey:
    """One probe. `there` and `back` are the appliances that passed it on, in order; times are
    seconds of the wall clock, None for what did not happen."""

    number: int
    sent_at: float
    there: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    arrived_at: float | None = None
    answered_by: str = ""
    returned_at: float | None = None

    @property
    def appliance(self) -> str:
        """By which it reached its target; empty for none."""
        return " ".join(self.there)


@dataclass(slots=True)
class Path:
    """Open sockets from a client to a target past all appliances."""

    run: bytes
    client: socket.socket
    to: tuple[str, int]
    targets: Mapping[int, tuple[socket.socket, str]]
    taps: Mapping[int, tuple[socket.socket, str]]
    journeys: dict[int, Journey] = field(default_factory=dict)

    @property
    def descriptors(self) -> list[int]:
        return [self.client.fileno(), *self.targets, *self.taps]

    def send(self, number: int) -> Journey:
        journey = self.journeys[number] = Journey(number, time.time())
        with suppress(OSError):  # no route just now: a lost packet like any other
            self.client.sendto(_PROBE.pack(_MAGIC, self.run, number), self.to)
        return journey

    def collect(self, seconds: float) -> None:
        """Take in whatever arrives, for so long."""
        deadline = time.monotonic() + seconds
        descriptors = self.descriptors
        while True:
            left = max(0.0, deadline - time.monotonic())
            # Finer than poll(2), which counts milliseconds.
            for descriptor in select.select(descriptors, (), (), left)[0]:
                self.take(descriptor)
            if time.monotonic() >= deadline:
                return

    def take(self, descriptor: int) -> None:
        """What waits at one of the descriptors."""
        if descriptor == self.client.fileno():
            self._take_answers()
        elif descriptor in self.targets:
            self._answer(*self.targets[descriptor])
        else:
            self._take_sightings(*self.taps[descriptor])

    def _take_answers(self) -> None:
        for payload, at, _ in _received(self.client):
            journey = self._journey(payload)
            if journey is not None:
                journey.returned_at = at
                journey.answered_by = payload[_PROBE.size :].decode(errors="replace")

    def _answer(self, answering: socket.socket, name: str) -> None:
        for payload, at, sender in _received(answering):
            journey = self._journey(payload)
            if journey is not None:
                journey.arrived_at = journey.arrived_at or at
                with suppress(OSError):
                    answering.sendto(payload[: _PROBE.size] + name.encode(), sender)

    def _take_sightings(self, tap: socket.socket, name: str) -> None:
        for packet, _, sender in _received(tap):
            journey = self._journey(packet[_UDP_HEADER:])
            if journey is not None and sender[2] == socket.PACKET_OUTGOING:
                is_answer = struct.unpack_from("!H", packet, 20)[0] == PORT
                (journey.back if is_answer else journey.there).append(name)

    def _journey(self, payload: bytes) -> Journey | None:
        if len(payload) < _PROBE.size:
            return None
        magic, run, number = _PROBE.unpack_from(payload)
        return self.journeys.get(number) if (magic, run) == (_MAGIC, self.run) else None


def _received(source: socket.socket) -> Iterator[tuple[bytes, float, Any]]:
    while True:
        try:
            payload, ancillary, _, sender = source.recvmsg(2048, 64)
        except BlockingIOError:
            return
        except OSError:
            return  # an interface went away, or an ICMP error: the loss shows by itself
        at = time.time()
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIME.unpack_from(data)
                at = seconds + nanoseconds / 1e9
        yield payload, at, sender


@contextmanager
def opened(client: Place, targets: Sequence[Place], taps: Mapping[str, str]) -> Iterator[Path]:
    """`targets` are all who answer at the target's address; `taps` are namespaces by the names of
    the appliances, and those that are gone see nothing. Raises LabError."""
    with ExitStack() as stack:

        def udp(place: Place, port: int) -> socket.socket:
            try:
                made = namespaces.inside(place.namespace, lambda: _udp(str(place.address), port))
                return stack.enter_context(made)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise LabError(
                    f"cannot use {place.address} at {place.name}: {reason}; "
                    "is another ping to it running?"
                ) from error

        sender = udp(client, 0)
        answering = [(udp(place, PORT), place.name) for place in targets]
        watching = []
        for name, namespace in taps.items():
            if namespaces.exists(namespace):
                tap = stack.enter_context(namespaces.inside(namespace, _tap))
                watching.append((tap, name))
        yield Path(
            os.urandom(8),
            sender,
            (str(targets[0].address), PORT),
            {each.fileno(): (each, name) for each, name in answering},
            {each.fileno(): (each, name) for each, name in watching},
        )


def _udp(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        made.bind((address, port))
    except BaseException:
        made.close()
        raise
    return made


def _tap() -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
    # What it hears before the filter is there is none of ours either, and passed over.
    tap = socket.socket(socket.AF_PACKET, kind, socket.htons(_ETH_P_ALL))
    program = ctypes.create_string_buffer(_FILTER, len(_FILTER))
    count = len(_FILTER) // 8
    tap.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", count, ctypes.addressof(program))
    )
    tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    return tap
