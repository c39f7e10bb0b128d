"""The other end of BFD sessions: comes up with packets of the project's own codec, answers polls,
counts what is lost."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.routing.bfd_responder import PORT, Session
from routeserver.bfd.packet import ControlPacket, State, decode, encode

LOCAL = "127.73.1.1"
REMOTE = "127.73.0.1"


@dataclass
class Wire:
    session: Session
    remote: socket.socket

    def say(self, state: State, now: float, *, poll: bool = False) -> None:
        packet = ControlPacket(
            state=state,
            my_discriminator=77,
            your_discriminator=1 if state > State.DOWN else 0,
            detect_mult=3,
            desired_min_tx_us=100_000,
            required_min_rx_us=300_000,
            poll=poll,
        )
        self.remote.sendto(encode(packet), (LOCAL, PORT))
        self.session.receive(now)

    def heard(self) -> ControlPacket:
        return decode(self.remote.recv(64))


@pytest.fixture
def wire() -> Iterator[Wire]:
    remote = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    remote.settimeout(10)
    remote.bind((REMOTE, PORT))
    session = Session(1, LOCAL, REMOTE, 300_000, 3)
    yield Wire(session, remote)
    session.socket.close()
    remote.close()


def test_it_comes_up_in_three_steps_and_learns_the_discriminator(wire: Wire) -> None:
    wire.session.send()
    first = wire.heard()
    assert (first.state, first.your_discriminator) == (State.DOWN, 0)
    wire.say(State.DOWN, 1.0)
    wire.session.send()
    second = wire.heard()
    assert (second.state, second.your_discriminator) == (State.INIT, 77)
    wire.say(State.UP, 1.1)
    wire.session.send()
    assert wire.heard().state is State.UP


def test_a_poll_is_answered_with_final(wire: Wire) -> None:
    wire.say(State.DOWN, 1.0)
    wire.say(State.INIT, 1.1, poll=True)
    answer = wire.heard()
    assert (answer.final, answer.state) == (True, State.UP)


def test_it_is_lost_when_the_other_end_says_down_or_nothing_for_the_detection_time(
    wire: Wire,
) -> None:
    wire.say(State.INIT, 1.0)
    assert wire.session.lost == 0
    wire.say(State.DOWN, 1.3)
    assert wire.session.lost == 1
    wire.say(State.DOWN, 1.4)
    wire.say(State.UP, 1.5)
    wire.session.detect(2.3)
    assert wire.session.lost == 1
    wire.session.detect(2.5)
    assert wire.session.lost == 2


def test_the_longest_silence_is_that_while_up(wire: Wire) -> None:
    wire.say(State.DOWN, 1.0)
    wire.say(State.UP, 5.0)
    wire.say(State.UP, 5.2)
    wire.say(State.UP, 5.5)
    assert wire.session.silence_s == pytest.approx(0.3)
