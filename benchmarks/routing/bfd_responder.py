"""The process that plays the other ends of BFD sessions (RFC 5880, asynchronous mode).

``python -m benchmarks.routing.bfd_responder`` reads one JSON line: the sessions as pairs of
addresses, the interval and the multiplier. It says a JSON line whenever all are up and whenever one
is lost, and ends with its standard input, with a last line about all of them. It sends at its
interval in every state, faster than a router would before Up. Each line says by how much it was
itself late at most: after a turn in which it was kept from running it judges nobody.
"""

from __future__ import annotations

import gc
import heapq
import json
import os
import random
import selectors
import socket
import struct
import sys
import time
from typing import Final

PORT: Final = 3784
CENSUS_S: Final = 0.1
LATE_S: Final = 0.1
_PACKET: Final = struct.Struct("!BBBBIIIII")
_VERSION: Final = 1 << 5
_FINAL: Final = 0x10
_POLL: Final = 0x20
_DOWN: Final = 1
_INIT: Final = 2
_UP: Final = 3
_IP_TTL: Final = 255
_STANDARD_INPUT: Final = 0
_NEXT_STATE: Final = {
    (_DOWN, _DOWN): _INIT,
    (_DOWN, _INIT): _UP,
    (_INIT, _INIT): _UP,
    (_INIT, _UP): _UP,
    (_UP, _DOWN): _DOWN,
    (_INIT, 0): _DOWN,
    (_UP, 0): _DOWN,
}
"""By own and received state (RFC 5880 §6.8.6); what is not here changes nothing."""


class Session:
    """`lost` counts the times it was up and did not stay so; `silence_s` is the longest pause of
    the other end while up."""

    def __init__(self, number: int, local: str, remote: str, interval_us: int, mult: int) -> None:
        self.number = number
        self.interval_us = interval_us
        self.multiplier = mult
        self.state = _DOWN
        self.lost = 0
        self.silence_s = 0.0
        self._remote_discriminator = 0
        self._last = b""
        self._heard_at = 0.0
        self._detection_s = float("inf")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _IP_TTL)
        self.socket.bind((local, PORT))
        self.socket.setblocking(False)
        self._destination = (remote, PORT)
        self._prepare()

    def send(self) -> None:
        try:
            self.socket.sendto(self._packet, self._destination)
        except OSError:
            return  # a packet lost; the protocol is made for that

    def receive(self, now: float) -> None:
        try:
            data = self.socket.recv(64)
        except OSError:
            return
        if self._heard_at and self.state == _UP:
            self.silence_s = max(self.silence_s, now - self._heard_at)
        self._heard_at = now
        if data != self._last and len(data) >= _PACKET.size:
            self._last = data
            self._take(data)

    def detect(self, now: float) -> None:
        if self.state != _DOWN and now - self._heard_at > self._detection_s:
            self._move(_DOWN)

    def _take(self, data: bytes) -> None:
        _, flags, mult, _, mine, _, tx_us, _, _ = _PACKET.unpack_from(data)
        self._remote_discriminator = mine
        self._detection_s = mult * max(tx_us, self.interval_us) / 1e6
        self._move(_NEXT_STATE.get((self.state, flags >> 6), self.state))
        self._prepare()
        if flags & _POLL:
            answer = bytearray(self._packet)
            answer[1] |= _FINAL
            self.socket.sendto(answer, self._destination)
            self._last = b""

    def _move(self, state: int) -> None:
        if state == self.state:
            return
        if self.state == _UP:
            self.lost += 1
            self._remote_discriminator = 0
        self.state = state
        self._last = b""  # the same packet again may now mean something
        self._prepare()

    def _prepare(self) -> None:
        self._packet = _PACKET.pack(
            _VERSION,
            self.state << 6,
            self.multiplier,
            _PACKET.size,
            self.number,
            self._remote_discriminator,
            self.interval_us,
            self.interval_us,
            0,
        )


def run() -> None:
    order = json.loads(sys.stdin.readline())
    interval_s = order["interval_ms"] / 1000
    sessions = [
        Session(number, local, remote, order["interval_ms"] * 1000, order["multiplier"])
        for number, (local, remote) in enumerate(order["sessions"], 1)
    ]
    selector = selectors.DefaultSelector()
    selector.register(_STANDARD_INPUT, selectors.EVENT_READ, None)
    for session in sessions:
        selector.register(session.socket, selectors.EVENT_READ, session)
    now = time.monotonic()
    due = [(now + random.random() * interval_s, each.number) for each in sessions]  # noqa: S311
    heapq.heapify(due)
    all_up, next_census, latest_s = False, 0.0, 0.0
    gc.collect()
    gc.freeze()
    while True:
        ready = selector.select(max(0.0, due[0][0] - time.monotonic()))
        now = time.monotonic()
        for key, _ in ready:
            if key.data is None:
                if not os.read(_STANDARD_INPUT, 4096):
                    _say("end", sessions, latest_s)
                    return
                _say("report", sessions, latest_s)
            else:
                key.data.receive(now)
        late_s = now - due[0][0]
        latest_s = max(latest_s, late_s)
        while due[0][0] <= now:
            session = sessions[due[0][1] - 1]
            if late_s < LATE_S:
                session.detect(now)
            session.send()
            # RFC 5880 §6.8.7: jitter takes up to a quarter off.
            next_at = now + interval_s * random.uniform(0.75, 1.0)  # noqa: S311
            heapq.heapreplace(due, (next_at, session.number))
        if now >= next_census:
            next_census = now + CENSUS_S
            if all_up != all(each.state == _UP for each in sessions):
                all_up = not all_up
                _say("all up" if all_up else "not all up", sessions, latest_s)


def _say(event: str, sessions: list[Session], latest_s: float) -> None:
    line = {
        "event": event,
        "up": sum(each.state == _UP for each in sessions),
        "lost": sum(each.lost for each in sessions),
        "longest_silence_s": max(each.silence_s for each in sessions),
        "latest_s": latest_s,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run()
