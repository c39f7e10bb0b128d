"""BFD control packets: RFC 5880 §4.1 by its bit positions, and what §6.8.6 refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routeserver.bfd.packet import (
    HEADER_LENGTH,
    ControlPacket,
    Diagnostic,
    PacketError,
    State,
    decode,
    encode,
    peek_your_discriminator,
)

UP = ControlPacket(
    state=State.UP,
    my_discriminator=0x01020304,
    your_discriminator=0xA1A2A3A4,
    detect_mult=3,
    desired_min_tx_us=300_000,
    required_min_rx_us=300_000,
)

VECTORS = [
    # Laid out by hand from the figure in RFC 5880 §4.1.
    ("20c0031801020304a1a2a3a4000493e0000493e000000000", UP),
    (
        "20da031801020304a1a2a3a4000493e0000493e000000000",
        replace(UP, final=True, control_plane_independent=True, demand=True),
    ),
    (
        "21600218000000010000000200000001ffffffff0000c350",
        ControlPacket(
            state=State.DOWN,
            my_discriminator=1,
            your_discriminator=2,
            detect_mult=2,
            desired_min_tx_us=1,
            required_min_rx_us=0xFFFFFFFF,
            required_min_echo_rx_us=50_000,
            diagnostic=Diagnostic.DETECTION_TIME_EXPIRED,
            poll=True,
        ),
    ),
    (
        # Simple password authentication (§4.2), and a reserved diagnostic.
        "3f04ff210000000100000000000000010000000100000001" + "0109057061737377" + "6f",
        ControlPacket(
            state=State.ADMIN_DOWN,
            my_discriminator=1,
            your_discriminator=0,
            detect_mult=255,
            desired_min_tx_us=1,
            required_min_rx_us=1,
            required_min_echo_rx_us=1,
            diagnostic=31,
            authentication=bytes.fromhex("01090570617373776f"),
        ),
    ),
    (
        # Captured: the first packet of BIRD 2.0.12, 300 ms x 3.
        "204003182ca7df7d00000000000f4240000493e000000000",
        ControlPacket(
            state=State.DOWN,
            my_discriminator=0x2CA7DF7D,
            your_discriminator=0,
            detect_mult=3,
            desired_min_tx_us=1_000_000,
            required_min_rx_us=300_000,
        ),
    ),
    (
        # Captured: the first packet of FRR 8.4.4's bfdd, 300 ms x 3.
        "204003185482e1c400000000000f4240000f42400000c350",
        ControlPacket(
            state=State.DOWN,
            my_discriminator=0x5482E1C4,
            your_discriminator=0,
            detect_mult=3,
            desired_min_tx_us=1_000_000,
            required_min_rx_us=1_000_000,
            required_min_echo_rx_us=50_000,
        ),
    ),
]


@pytest.mark.parametrize(("text", "packet"), VECTORS)
def test_a_packet_reads_and_writes_as_the_figure_says(text: str, packet: ControlPacket) -> None:
    data = bytes.fromhex(text)
    assert decode(data) == packet
    assert encode(packet) == data


@pytest.mark.parametrize(("text", "packet"), VECTORS)
def test_bytes_after_the_packet_are_ignored(text: str, packet: ControlPacket) -> None:
    assert decode(bytes.fromhex(text) + b"\xff" * 40) == packet


@pytest.mark.parametrize(("text", "packet"), VECTORS)
def test_a_packet_cut_at_any_length_is_refused(text: str, packet: ControlPacket) -> None:
    data = bytes.fromhex(text)
    for length in range(len(data)):
        with pytest.raises(PacketError):
            decode(data[:length])


def _with(at: int, value: int) -> bytes:
    data = bytearray(encode(UP))
    data[at] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_with(0, 0x00), "version"),
        (_with(0, 0x40), "version"),
        (_with(1, 0xC1), "Multipoint"),
        (_with(2, 0), "Detect Mult"),
        (_with(3, 23), "too small"),
        (_with(3, 25), "larger than the datagram"),
        (_with(1, 0xC4), "too small"),
        (encode(replace(UP, my_discriminator=0)), "My Discriminator"),
        (encode(replace(UP, your_discriminator=0)), "Your Discriminator"),
        (encode(replace(UP, your_discriminator=0, state=State.INIT)), "Your Discriminator"),
        (b"", "too short"),
    ],
)
def test_what_no_session_may_accept_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        decode(data)


@pytest.mark.parametrize("state", [State.DOWN, State.ADMIN_DOWN])
def test_a_first_packet_need_not_know_the_other_end(state: State) -> None:
    packet = replace(UP, state=state, your_discriminator=0)
    assert decode(encode(packet)) == packet


uint32 = st.integers(0, 0xFFFFFFFF)
packets = st.builds(
    ControlPacket,
    state=st.sampled_from(State),
    my_discriminator=st.integers(1, 0xFFFFFFFF),
    your_discriminator=st.integers(1, 0xFFFFFFFF),
    detect_mult=st.integers(1, 255),
    desired_min_tx_us=uint32,
    required_min_rx_us=uint32,
    required_min_echo_rx_us=uint32,
    diagnostic=st.integers(0, 31),
    poll=st.booleans(),
    final=st.booleans(),
    control_plane_independent=st.booleans(),
    demand=st.booleans(),
    authentication=st.none() | st.binary(min_size=2, max_size=255 - HEADER_LENGTH),
)


@given(packets)
def test_decoding_undoes_encoding(packet: ControlPacket) -> None:
    assert decode(encode(packet)) == packet


@example(bytes.fromhex("20000119 00000001 00000000 00000000 00000000 00000000 00"))
@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda tail: b"\x20\xc0\x03" + tail))
def test_any_bytes_are_a_packet_or_refused(data: bytes) -> None:
    assert 0 <= peek_your_discriminator(data) <= 0xFFFFFFFF
    try:
        packet = decode(data)
    except PacketError:
        return
    # Octets between the mandatory section and Length, without the A bit, mean nothing.
    assert encode(packet)[4:] == data[4:24] + (packet.authentication or b"")
