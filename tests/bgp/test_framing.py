"""Message headers: RFC 4271 §6.1, one case per sentence of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.bgp.errors import ErrorCode, HeaderError, Notification
from routeserver.bgp.framing import LENGTHS, MARKER, Framer, MessageType, encode_frame
from routeserver.bgp.messages import KEEPALIVE


def header(length: int, message_type: int, marker: bytes = MARKER) -> bytes:
    return marker + length.to_bytes(2, "big") + bytes([message_type])


def refused(data: bytes) -> Notification:
    frames, error = Framer().receive(data)
    assert frames == []
    assert error is not None
    return error.notification


def bad_length(length: int) -> Notification:
    data = length.to_bytes(2, "big")
    return Notification(ErrorCode.MESSAGE_HEADER_ERROR, HeaderError.BAD_MESSAGE_LENGTH, data)


def test_a_marker_that_is_not_all_ones_is_not_synchronized() -> None:
    for position in range(16):
        marker = MARKER[:position] + b"\xfe" + MARKER[position + 1 :]
        assert refused(header(19, 4, marker)) == Notification(1, 1)


@pytest.mark.parametrize("length", [0, 18, 4097, 65535])
@pytest.mark.parametrize("message_type", [1, 2, 3, 4, 5, 9])
def test_a_length_that_no_message_can_have_is_quoted_before_the_type_is_read(
    length: int, message_type: int
) -> None:
    assert refused(header(length, message_type)) == bad_length(length)


@pytest.mark.parametrize(
    ("message_type", "length"),
    [(1, 28), (2, 22), (3, 20), (4, 20), (5, 22), (5, 24)],
)
def test_a_length_that_its_type_cannot_have_is_quoted(message_type: int, length: int) -> None:
    assert refused(header(length, message_type)) == bad_length(length)


@pytest.mark.parametrize("message_type", [0, 6, 7, 255])
def test_an_unknown_type_is_quoted(message_type: int) -> None:
    assert refused(header(19, message_type)) == Notification(1, 3, bytes([message_type]))


@pytest.mark.parametrize("message_type", list(MessageType))
def test_the_shortest_and_the_longest_message_of_each_type_are_accepted(
    message_type: MessageType,
) -> None:
    for length in LENGTHS[message_type]:
        body = bytes(length - 19)
        assert Framer().receive(header(length, message_type) + body) == (
            [(message_type, body)],
            None,
        )


def test_a_bad_length_is_found_without_waiting_for_the_body() -> None:
    framer = Framer()
    assert framer.receive(header(5000, 2)[:18]) == ([], None)
    assert framer.receive(b"\x02")[1] is not None


def test_whole_messages_before_a_bad_header_are_still_given() -> None:
    frames, error = Framer().receive(KEEPALIVE * 3 + bytes(19))
    assert frames == [(4, b"")] * 3
    assert error is not None


def test_a_body_that_does_not_fit_is_refused_when_sending() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_frame(MessageType.UPDATE, bytes(4078))


@given(st.lists(st.binary(max_size=60), max_size=6), st.lists(st.integers(1, 40), min_size=1))
def test_however_a_stream_is_cut_the_same_messages_come_out(
    bodies: list[bytes], cuts: list[int]
) -> None:
    bodies = [bytes(4) + body for body in bodies]
    stream = b"".join(encode_frame(MessageType.UPDATE, body) for body in bodies)
    framer, out, position, turn = Framer(), [], 0, 0
    while position < len(stream):
        step = cuts[turn % len(cuts)]
        frames, error = framer.receive(stream[position : position + step])
        assert error is None
        out += frames
        position, turn = position + step, turn + 1
    assert out == [(2, body) for body in bodies]
