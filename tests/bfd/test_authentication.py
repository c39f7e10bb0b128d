"""Keyed SHA-1: RFC 5880 §4.4 by its bit positions, §6.7.4 by its rules."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.bfd.authentication import Authenticator, BfdAuth
from routeserver.bfd.discard import Discard
from routeserver.bfd.events import Negotiated, PacketDiscarded
from routeserver.bfd.packet import ControlPacket, State, decode, encode
from routeserver.bfd.session import BfdConfig, BfdSession
from tests.bfd.test_two_sessions import Wire, wire_up

SECRET = b"sesame"
KEYED = BfdAuth(7, SECRET)
METICULOUS = BfdAuth(7, SECRET, meticulous=True)
LENGTH = Discard.AUTHENTICATION_LENGTH
UP = ControlPacket(State.UP, 0x01020304, 0xA1A2A3A4, 3, 300_000, 300_000)

LAST = (1 << 32) - 1


def signed(auth: BfdAuth, sequence: int, packet: ControlPacket = UP) -> bytes:
    """The packet with exactly this sequence number."""
    return Authenticator(auth, sequence - 1).sign(packet)


def judged(by: Authenticator, data: bytes, now: float = 0.0) -> Discard | None:
    refusal = by.refuses(data, decode(data), now)
    if refusal is None:
        by.heard(now, 1.0)
    return refusal


@pytest.mark.parametrize(("auth", "kind"), [(KEYED, "04"), (METICULOUS, "05")])
def test_a_signed_packet_is_laid_out_as_the_figure_says(auth: BfdAuth, kind: str) -> None:
    header = "20c4033401020304a1a2a3a4000493e0000493e000000000" + kind + "1c070000000101"
    unsigned = bytes.fromhex(header) + SECRET + bytes(14)
    # By another implementation of SHA-1 than the one under test.
    found = subprocess.run(["sha1sum"], input=unsigned, capture_output=True, check=True).stdout
    data = signed(auth, 0x101)
    assert data.hex() == header + found.decode().split()[0]
    assert judged(Authenticator(auth, 0), data) is None


@pytest.mark.parametrize(
    ("auth", "received", "refused"),
    [
        (KEYED, 100, False),
        (KEYED, 109, False),
        (KEYED, 110, True),
        (KEYED, 99, True),
        (METICULOUS, 100, True),
        (METICULOUS, 101, False),
        (METICULOUS, 109, False),
        (METICULOUS, 110, True),
        (METICULOUS, 99, True),
        (METICULOUS, 100 - 2**31, True),
    ],
)
def test_a_sequence_number_lies_in_the_window(auth: BfdAuth, received: int, refused: bool) -> None:
    judge = Authenticator(auth, 0)
    assert judged(judge, signed(auth, 100)) is None
    verdict = judged(judge, signed(auth, received))
    assert verdict is (Discard.SEQUENCE if refused else None)


def test_the_window_goes_round_with_the_numbers() -> None:
    judge = Authenticator(METICULOUS, 0)
    assert judged(judge, signed(METICULOUS, LAST)) is None
    assert judged(judge, signed(METICULOUS, 2)) is None
    assert judged(judge, signed(METICULOUS, LAST)) is Discard.SEQUENCE


def test_after_twice_the_detection_time_of_silence_any_number_will_do() -> None:
    judge = Authenticator(KEYED, 0)
    judged(judge, signed(KEYED, 100), now=5.0)
    assert judged(judge, signed(KEYED, 5), now=6.99) is Discard.SEQUENCE
    assert judged(judge, signed(KEYED, 5), now=7.0) is None
    assert judged(judge, signed(KEYED, 100), now=7.1) is Discard.SEQUENCE


def test_a_forged_packet_does_not_say_where_the_numbers_are() -> None:
    judge = Authenticator(KEYED, 0)
    forged = signed(BfdAuth(7, b"guess"), 5000)
    assert judged(judge, forged) is Discard.DIGEST
    assert judged(judge, signed(KEYED, 100)) is None
    assert judged(judge, signed(BfdAuth(7, b"guess"), 105)) is Discard.DIGEST
    assert judged(judge, signed(KEYED, 101)) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode(UP), Discard.AUTHENTICATION_MISSING),
        (signed(METICULOUS, 1), Discard.AUTHENTICATION_TYPE),
        (encode(replace(UP, authentication=b"\x01\x09\x05passwd")), Discard.AUTHENTICATION_TYPE),
        (encode(replace(UP, authentication=b"\x04\x02")), LENGTH),
        (
            encode(replace(UP, authentication=b"\x04\x1b" + bytes(26))),
            Discard.AUTHENTICATION_LENGTH,
        ),
        (
            encode(replace(UP, authentication=b"\x04\x1b" + bytes(25))),
            Discard.AUTHENTICATION_LENGTH,
        ),
        (signed(BfdAuth(8, SECRET), 1), Discard.KEY_ID),
        (signed(BfdAuth(7, b"Sesame"), 1), Discard.DIGEST),
    ],
)
def test_what_is_not_authentic_is_discarded_with_its_reason(data: bytes, reason: Discard) -> None:
    session = BfdSession(BfdConfig(auth=KEYED), UP.your_discriminator, lambda: 0.0)
    session.start(0.0)
    assert session.receive(data, 0.1) == [PacketDiscarded(reason)]
    assert session.detection_time_s == 0


@given(st.integers(0, 51), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, change: int) -> None:
    data = bytearray(signed(KEYED, 1))
    data[at] ^= change
    session = BfdSession(BfdConfig(auth=KEYED), UP.your_discriminator, lambda: 0.0)
    session.start(0.0)
    [event] = session.receive(bytes(data), 0.1)
    assert isinstance(event, PacketDiscarded)


def test_bytes_after_the_packet_are_not_signed() -> None:
    assert judged(Authenticator(KEYED, 0), signed(KEYED, 1) + b"more") is None


def test_only_meticulous_numbers_count_packets() -> None:
    keyed, meticulous = Authenticator(KEYED, 10), Authenticator(METICULOUS, LAST)
    for packet in (UP, replace(UP, poll=True), replace(UP, final=True), UP):
        keyed.sign(packet)
        meticulous.sign(packet)
    assert (keyed.sequence, meticulous.sequence) == (11, 3)
    keyed.sign(replace(UP, state=State.DOWN))
    assert keyed.sequence == 12


def config(auth: BfdAuth | None) -> BfdConfig:
    return BfdConfig(auth=auth)


@pytest.mark.parametrize("auth", [KEYED, METICULOUS])
@pytest.mark.parametrize("seed", range(5))
def test_two_ends_with_one_key_stay_up_and_meet_again(auth: BfdAuth, seed: int) -> None:
    wire = wire_up(config(auth), config(auth), seed)
    wire.run(20)
    assert not any(end.changes for end in wire.ends)
    wire.lost = lambda _: True
    wire.run(5)
    wire.lost = lambda _: False
    wire.run(10)
    assert wire.are_up()


@pytest.mark.parametrize("auth", [KEYED, METICULOUS])
def test_intervals_change_under_authentication_without_a_flap(auth: BfdAuth) -> None:
    wire = wire_up(config(auth), config(auth))
    after = BfdConfig(1_000_000, 1_000_000, 4, auth=auth)
    for end in wire.ends:
        wire.tell(end, lambda session: session.configure(after, wire.now))
    wire.run(20)
    assert not any(end.changes for end in wire.ends)
    assert wire.ends[0].session.detection_time_s == pytest.approx(4.0)


@pytest.mark.parametrize("other", [None, BfdAuth(7, b"other"), BfdAuth(8, SECRET), METICULOUS])
def test_two_ends_that_do_not_agree_never_meet(other: BfdAuth | None) -> None:
    wire = Wire(config(KEYED), config(other))
    wire.run(30)
    assert [end.session.state for end in wire.ends] == [State.DOWN, State.DOWN]
    assert not any(end.changes for end in wire.ends)


def test_a_restarted_end_is_met_again_under_new_numbers() -> None:
    wire = wire_up(config(METICULOUS), config(METICULOUS))
    wire.ends[1].session = BfdSession(config(METICULOUS), 9, wire.random.random)
    wire.tell(wire.ends[1], lambda session: session.start(wire.now))
    wire.run(10)
    assert wire.are_up()


def test_a_replayed_packet_keeps_no_session_up() -> None:
    wire = wire_up(config(METICULOUS), config(METICULOUS))
    survivor, victim = wire.ends
    wire.run(1)
    replayed = victim.session._encode()
    assert survivor.session.receive(replayed, wire.now) == []
    [event] = survivor.session.receive(replayed, wire.now)
    assert event == PacketDiscarded(Discard.SEQUENCE)


def test_a_keyed_session_goes_on_in_another_process_and_a_meticulous_one_is_not_offered() -> None:
    wire = wire_up(config(KEYED), config(KEYED))
    old = wire.ends[1]
    handover = old.handovers[-1]
    old.session = BfdSession(config(KEYED), handover.local_discriminator, wire.random.random)
    wire.tell(old, lambda session: session.resume(handover, wire.now))
    wire.run(20)
    assert wire.are_up()
    assert not any(end.changes for end in wire.ends)
    meticulous = wire_up(config(METICULOUS), config(METICULOUS))
    assert not any(end.handovers for end in meticulous.ends)


def test_the_numbers_of_a_handover_follow_a_change_of_intervals() -> None:
    wire = wire_up(config(KEYED), config(KEYED))
    end = wire.ends[0]
    before = end.handovers[-1]
    after = BfdConfig(400_000, 400_000, 3, auth=KEYED)
    wire.tell(end, lambda session: session.configure(after, wire.now))
    wire.run(5)
    assert end.handovers[-1].sequence == before.sequence + 1


def test_authentication_does_not_change_under_a_session() -> None:
    wire = wire_up(config(KEYED), config(KEYED))
    with pytest.raises(ValueError, match="authentication of a session cannot change"):
        wire.ends[0].session.configure(config(None), wire.now)


@pytest.mark.parametrize("auth", [KEYED, METICULOUS])
def test_a_secret_is_never_shown(auth: BfdAuth) -> None:
    session = BfdSession(config(auth), 1, lambda: 0.0)
    session.start(0.0)
    [data] = session.packets_to_send()
    shown = f"{auth!r} {session.config!r} {decode(data)!r} {Negotiated!r}"
    assert "sesame" not in shown
    assert SECRET not in data


@pytest.mark.parametrize(
    ("key_id", "secret", "reason"),
    [
        (-1, b"x", "key number"),
        (256, b"x", "key number"),
        (1, b"", "1 to 20"),
        (1, b"x" * 21, "20"),
    ],
)
def test_a_key_that_no_packet_can_carry_is_refused(key_id: int, secret: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        BfdAuth(key_id, secret)


headers = st.builds(
    lambda state, yours, poll: encode(
        ControlPacket(state, 22, yours, 3, 300_000, 300_000, poll=poll, authentication=b"\4\x1c")
    ),
    st.sampled_from(State),
    st.sampled_from([0, 11, 5]),
    st.booleans(),
)


@pytest.mark.parametrize("auth", [KEYED, METICULOUS])
@given(
    st.lists(
        st.binary(max_size=60)
        | st.builds(lambda head, rest: head[:26] + rest, headers, st.binary(max_size=40)),
        max_size=10,
    )
)
def test_no_bytes_break_an_authenticated_session_or_come_through(
    auth: BfdAuth, datagrams: list[bytes]
) -> None:
    session = BfdSession(BfdConfig(auth=auth), 11, lambda: 0.5)
    session.start(0.0)
    for data in datagrams:
        [event] = session.receive(data, 0.1)
        assert isinstance(event, PacketDiscarded)
    assert session.remote_discriminator == 0
