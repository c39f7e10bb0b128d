"""One session against hand-made packets: the rules of RFC 5880 §6.8 one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.bfd.events import (
    BfdEvent,
    Handover,
    Negotiated,
    PacketDiscarded,
    RemoteAdminDown,
    StateChanged,
)
from routeserver.bfd.fsm import ON_RECEIVED
from routeserver.bfd.packet import ControlPacket, Diagnostic, State, decode, encode
from routeserver.bfd.session import BfdConfig, BfdSession

LOCAL, REMOTE = 11, 22

HEARD = ControlPacket(
    state=State.DOWN,
    my_discriminator=REMOTE,
    your_discriminator=LOCAL,
    detect_mult=3,
    desired_min_tx_us=300_000,
    required_min_rx_us=300_000,
)
ADMIN_DOWN = replace(
    HEARD,
    state=State.ADMIN_DOWN,
    diagnostic=Diagnostic.ADMINISTRATIVELY_DOWN,
    desired_min_tx_us=1_000_000,
)


def session_in(state: State, config: BfdConfig | None = None) -> BfdSession:
    """A session brought to `state` at time 0 by the packets that lead there; nothing to send."""
    session = BfdSession(config or BfdConfig(), LOCAL, lambda: 0.0)
    session.start(0.0)
    match state:
        case State.ADMIN_DOWN:
            session.admin_down(0.0)
        case State.INIT:
            session.receive(encode(HEARD), 0.0)
        case State.UP:
            session.receive(encode(replace(HEARD, state=State.INIT)), 0.0)
            session.receive(encode(replace(HEARD, state=State.UP, final=True)), 0.0)
    assert session.state is state
    session.packets_to_send()
    return session


def sent(session: BfdSession) -> list[ControlPacket]:
    return [decode(data) for data in session.packets_to_send()]


@pytest.mark.parametrize(("own", "received"), list(product(State, State)))
def test_a_received_state_moves_the_session_as_the_table_says(own: State, received: State) -> None:
    session = session_in(own)
    events = session.receive(encode(replace(HEARD, state=received)), 0.1)
    expected, diagnostic = ON_RECEIVED[own, received]
    assert session.state is expected
    if diagnostic is not None:
        assert session.diagnostic is diagnostic
    changes = [event for event in events if isinstance(event, StateChanged)]
    assert [(c.old, c.new) for c in changes] == ([] if expected is own else [(own, expected)])
    if changes:
        assert changes[0].remote_state is received
        assert sent(session)[0].state is expected  # told at once, §6.8.7


def test_a_session_starts_slowly_and_knows_nobody() -> None:
    session = BfdSession(BfdConfig(), LOCAL, lambda: 0.5)
    assert session.next_deadline() is None
    session.start(5.0)
    [first] = sent(session)
    assert first.state is State.DOWN
    assert (first.my_discriminator, first.your_discriminator) == (LOCAL, 0)
    assert (first.desired_min_tx_us, first.required_min_rx_us) == (1_000_000, 300_000)
    assert session.next_deadline() == pytest.approx(5.875)
    assert session.detection_time_s == 0


def test_coming_up_it_announces_its_own_interval_in_a_poll_sequence() -> None:
    session = session_in(State.INIT)
    session.receive(encode(replace(HEARD, state=State.UP)), 0.1)
    [packet] = sent(session)
    assert (packet.poll, packet.desired_min_tx_us) == (True, 300_000)
    session.handle_timer(0.4)
    assert [p.poll for p in sent(session)] == [True]
    session.receive(encode(replace(HEARD, state=State.UP, final=True)), 0.4)
    session.handle_timer(0.7)
    assert [p.poll for p in sent(session)] == [False]


def test_a_poll_is_answered_at_once_and_with_nothing_but_final() -> None:
    session = session_in(State.UP)
    deadline = session.next_deadline()
    session.receive(encode(replace(HEARD, state=State.UP, poll=True)), 0.01)
    assert [(p.final, p.poll) for p in sent(session)] == [(True, False)]
    assert session.next_deadline() == deadline  # the periodic packets go on beside it


@pytest.mark.parametrize(
    ("random", "multiplier", "interval_s"),
    [(0.0, 3, 0.225), (0.999999, 3, 0.3), (0.0, 1, 0.225), (0.999999, 1, 0.27)],
)
def test_jitter_is_at_most_a_quarter_and_for_a_multiplier_of_one_at_least_a_tenth(
    random: float, multiplier: int, interval_s: float
) -> None:
    session = BfdSession(BfdConfig(detect_mult=multiplier), LOCAL, lambda: random)
    session.start(0.0)
    session.receive(encode(replace(HEARD, state=State.INIT)), 0.0)
    assert session.next_deadline() == pytest.approx(interval_s, rel=1e-5)


@pytest.mark.parametrize(
    ("required_us", "desired_us", "transmits_every_s", "detects_after_s"),
    [(100_000, 100_000, 0.3, 0.9), (500_000, 700_000, 0.5, 2.1), (300_000, 50_000, 0.3, 0.9)],
)
def test_both_ends_bound_the_interval_from_below(
    required_us: int, desired_us: int, transmits_every_s: float, detects_after_s: float
) -> None:
    session = session_in(State.UP)
    heard = replace(
        HEARD, state=State.UP, required_min_rx_us=required_us, desired_min_tx_us=desired_us
    )
    session.receive(encode(heard), 0.0)
    assert session.transmit_interval_s == pytest.approx(transmits_every_s)
    assert session.detection_time_s == pytest.approx(detects_after_s)


def test_the_detection_time_is_the_remote_multiplier_of_the_remote_interval() -> None:
    session = session_in(State.UP)
    session.receive(encode(replace(HEARD, state=State.UP, detect_mult=7)), 1.0)
    assert session.detection_time_s == pytest.approx(2.1)
    assert session.handle_timer(3.0999) == []
    [event] = session.handle_timer(3.1001)
    assert isinstance(event, StateChanged)
    assert event.new is State.DOWN
    assert event.diagnostic is Diagnostic.DETECTION_TIME_EXPIRED
    assert event.is_failure
    assert event.reason == "nothing was heard for the detection time of 2100 ms"


def test_silence_makes_it_forget_whom_it_spoke_to() -> None:
    session = session_in(State.UP)
    session.handle_timer(10.0)
    [packet] = sent(session)
    assert (packet.state, packet.your_discriminator) == (State.DOWN, 0)
    assert packet.desired_min_tx_us == 1_000_000
    assert session.remote_discriminator == 0


def test_who_was_kept_from_running_gives_the_other_end_one_interval_more() -> None:
    session = session_in(State.UP)  # 0.9 s, three times 0.3
    session.excuse(1.0)
    assert session.is_detection_due(1.0), "a little late is not kept from running"
    session.excuse(5.0)
    assert not session.is_detection_due(5.29)
    session.excuse(9.0)
    assert session.is_detection_due(9.0), "once in a silence"
    session.receive(encode(replace(HEARD, state=State.UP)), 9.1)
    session.excuse(19.0)
    assert not session.is_detection_due(19.29), "another silence"
    assert session.is_detection_due(19.31)
    session.handle_timer(19.31)
    assert session.state is State.DOWN


def test_an_identical_packet_only_moves_the_detection_time() -> None:
    session = session_in(State.UP)
    data = encode(replace(HEARD, state=State.UP))
    session.receive(data, 0.1)
    tx_deadline = session.next_deadline()
    assert session.receive(data, 0.2) == []
    assert session.next_deadline() == tx_deadline
    assert not session.is_detection_due(1.09)
    assert session.is_detection_due(1.11)


def test_a_remote_system_that_wants_nothing_gets_nothing_but_answers() -> None:
    session = session_in(State.UP)
    session.receive(encode(replace(HEARD, state=State.UP, required_min_rx_us=0)), 0.1)
    assert session.next_deadline() == pytest.approx(1.0)  # detection only
    assert sent(session) == []
    session.receive(encode(replace(HEARD, state=State.UP, required_min_rx_us=0, poll=True)), 0.2)
    assert [p.final for p in sent(session)] == [True]


def test_demand_mode_of_the_remote_system_is_obeyed_while_both_are_up() -> None:
    session = session_in(State.UP)
    demand = replace(HEARD, state=State.UP, demand=True)
    session.receive(encode(demand), 0.1)
    session.handle_timer(0.9)
    assert sent(session) == []
    session.receive(encode(replace(demand, demand=False)), 0.95)
    session.handle_timer(0.95)
    assert len(sent(session)) == 1


def test_a_passive_session_waits_to_be_spoken_to() -> None:
    session = BfdSession(BfdConfig(passive=True), LOCAL, lambda: 0.0)
    session.start(0.0)
    assert session.packets_to_send() == []
    assert session.next_deadline() is None
    session.receive(encode(replace(HEARD, your_discriminator=0)), 3.0)
    assert [p.state for p in sent(session)] == [State.INIT]
    session.handle_timer(30.0)
    assert session.packets_to_send() == []
    assert session.next_deadline() is None


def test_a_shorter_wish_of_the_remote_system_counts_from_the_last_packet() -> None:
    session = session_in(State.UP)
    session.receive(encode(replace(HEARD, state=State.UP, required_min_rx_us=5_000_000)), 0.0)
    assert session.transmit_interval_s == 5.0
    session.receive(encode(replace(HEARD, state=State.UP)), 0.5)
    assert session.next_deadline() == pytest.approx(0.225)  # already past: as soon as may be
    session.handle_timer(0.5)
    assert len(sent(session)) == 1


def test_a_longer_own_interval_is_used_only_when_the_poll_was_answered() -> None:
    session = session_in(State.UP)
    session.configure(BfdConfig(desired_min_tx_us=900_000), 0.1)
    [packet] = sent(session)
    assert (packet.poll, packet.desired_min_tx_us) == (True, 900_000)
    assert session.transmit_interval_s == pytest.approx(0.3)
    session.receive(encode(replace(HEARD, state=State.UP, final=True)), 0.2)
    assert session.transmit_interval_s == pytest.approx(0.9)


def test_a_shorter_detection_is_used_only_when_the_poll_was_answered() -> None:
    session = session_in(State.UP)
    fast = replace(HEARD, state=State.UP, desired_min_tx_us=10_000)
    session.receive(encode(fast), 0.0)
    session.configure(BfdConfig(required_min_rx_us=50_000), 0.1)
    session.receive(encode(fast), 0.2)
    assert session.detection_time_s == pytest.approx(0.9)
    session.receive(encode(replace(fast, final=True)), 0.3)
    assert session.detection_time_s == pytest.approx(0.15)


def test_a_longer_detection_holds_from_now_on_and_from_the_last_packet_heard() -> None:
    session = session_in(State.UP)
    session.receive(encode(replace(HEARD, state=State.UP)), 0.5)
    session.configure(BfdConfig(required_min_rx_us=2_000_000), 1.0)
    assert not session.is_detection_due(6.49)
    assert session.is_detection_due(6.51)


def test_a_change_during_a_poll_is_polled_for_again() -> None:
    session = session_in(State.UP)
    session.configure(BfdConfig(desired_min_tx_us=500_000), 0.1)
    session.configure(BfdConfig(desired_min_tx_us=800_000), 0.1)
    session.packets_to_send()
    session.receive(encode(replace(HEARD, state=State.UP)), 0.15)  # no answer yet
    assert sent(session) == []
    final = encode(replace(HEARD, state=State.UP, final=True))
    session.receive(final, 0.2)
    assert [p.poll for p in sent(session)] == [True]
    assert session.transmit_interval_s == pytest.approx(0.3)
    session.receive(final, 0.3)
    assert session.transmit_interval_s == pytest.approx(0.8)


def test_an_unchanged_configuration_says_nothing() -> None:
    session = session_in(State.UP)
    session.configure(BfdConfig(), 0.1)
    assert session.packets_to_send() == []


def test_a_remote_admin_down_takes_the_session_down_and_is_no_failure() -> None:
    session = session_in(State.UP)
    event, admin_down = session.receive(encode(ADMIN_DOWN), 0.1)
    assert admin_down == RemoteAdminDown(True, "the remote system is administratively down")
    assert isinstance(event, StateChanged)
    assert event.diagnostic is Diagnostic.NEIGHBOR_SIGNALED_DOWN
    assert event.remote_state is State.ADMIN_DOWN
    assert not event.is_failure
    assert event.reason == "the remote system took the session down administratively"


def admin_downs(events: list[BfdEvent]) -> list[bool]:
    return [event.down for event in events if isinstance(event, RemoteAdminDown)]


@pytest.mark.parametrize(("own", "received"), list(product(State, State)))
def test_it_says_when_the_remote_system_goes_administratively_down(
    own: State, received: State
) -> None:
    session = session_in(own)
    events = session.receive(encode(replace(HEARD, state=received)), 0.1)
    is_news = received is State.ADMIN_DOWN and own is not State.ADMIN_DOWN
    assert admin_downs(events) == ([True] if is_news else [])
    again = session.receive(encode(replace(HEARD, state=received)), 0.2)
    assert admin_downs(again) == []


@pytest.mark.parametrize("received", [State.DOWN, State.INIT, State.UP])
def test_a_remote_system_heard_in_another_state_is_administratively_down_no_more(
    received: State,
) -> None:
    session = session_in(State.DOWN)
    assert admin_downs(session.receive(encode(ADMIN_DOWN), 0.1)) == [True]
    assert session.is_remote_admin_down
    events = session.receive(encode(replace(HEARD, state=received)), 0.2)
    assert admin_downs(events) == [False]
    changes = [event.new for event in events if isinstance(event, StateChanged)]
    expected, _ = ON_RECEIVED[State.DOWN, received]
    assert changes == ([] if expected is State.DOWN else [expected])
    assert not session.is_remote_admin_down


def test_of_a_remote_system_that_falls_silent_nobody_knows_that_it_is_administratively_down() -> (
    None
):
    session = session_in(State.DOWN)
    session.receive(encode(ADMIN_DOWN), 0.1)
    session.packets_to_send()
    assert session.handle_timer(3.0) == []
    reason = "nothing was heard for the detection time of 3000 ms"
    assert session.handle_timer(3.11) == [RemoteAdminDown(False, reason)]
    assert session.handle_timer(30.0) == []
    assert admin_downs(session.receive(encode(ADMIN_DOWN), 31.0)) == [True]


def test_news_of_administration_alone_asks_for_no_packet() -> None:
    session = session_in(State.DOWN)
    session.receive(encode(ADMIN_DOWN), 0.1)
    session.receive(encode(replace(HEARD, state=State.UP)), 0.2)
    assert sent(session) == []


def test_an_end_that_is_going_is_told_nothing_of_the_remote_system() -> None:
    session = session_in(State.DOWN)
    session.receive(encode(ADMIN_DOWN), 0.1)
    session.admin_down(0.2)
    assert session.receive(encode(HEARD), 0.3) == []
    assert session.handle_timer(30.0) == []


def test_a_remote_down_is_a_failure_and_says_why_it_went_down() -> None:
    session = session_in(State.UP)
    [event] = session.receive(encode(replace(HEARD, diagnostic=1)), 0.1)
    assert isinstance(event, StateChanged)
    assert event.is_failure
    assert event.reason == "the remote system went down (detection time expired)"
    session = session_in(State.UP)
    [event] = session.receive(encode(replace(HEARD, diagnostic=30)), 0.1)
    assert isinstance(event, StateChanged)
    assert event.reason == "the remote system went down (diagnostic 30)"


def test_a_restarted_remote_system_is_met_again() -> None:
    session = session_in(State.UP)
    again = replace(HEARD, my_discriminator=99, your_discriminator=0)
    session.receive(encode(again), 0.1)
    session.receive(encode(again), 0.2)
    events = session.receive(encode(replace(HEARD, my_discriminator=99, state=State.INIT)), 0.3)
    assert session.state is State.UP
    assert session.remote_discriminator == 99
    assert isinstance(events[0], StateChanged)


def test_an_end_that_outlives_its_control_plane_says_so_and_is_told_of_the_other() -> None:
    session = BfdSession(BfdConfig(), LOCAL, lambda: 0.0, independent=True)
    session.start(0.0)
    assert [p.control_plane_independent for p in sent(session)] == [True]
    for independent in (True, False):
        up = session_in(State.UP)
        heard = replace(HEARD, state=State.UP, control_plane_independent=independent)
        up.receive(encode(heard), 0.1)
        [lost] = up.handle_timer(5.0)
        assert isinstance(lost, StateChanged)
        assert lost.remote_independent is independent
    assert [p.control_plane_independent for p in sent(up)] == [False]


def test_the_slower_of_two_intervals_is_used_only_after_the_answer_to_the_poll() -> None:
    session = session_in(State.UP)
    session.receive(encode(replace(HEARD, state=State.UP)), 0.0)
    session.configure(BfdConfig(900_000, 100_000, 3), 0.0)
    [told] = sent(session)
    assert (told.poll, told.desired_min_tx_us, told.required_min_rx_us) == (True, 900_000, 100_000)
    quick = replace(HEARD, state=State.UP, desired_min_tx_us=50_000)
    session.receive(encode(quick), 0.1)
    assert session.transmit_interval_s == pytest.approx(0.3)  # not less often yet
    assert session.detection_time_s == pytest.approx(0.9)  # nor with less patience
    session.receive(encode(replace(quick, final=True)), 0.2)
    assert session.transmit_interval_s == pytest.approx(0.9)
    assert session.detection_time_s == pytest.approx(0.3)


def test_local_admin_down_is_told_and_not_disturbed() -> None:
    session = session_in(State.UP)
    session.admin_down(1.0)
    [packet] = sent(session)
    assert packet.state is State.ADMIN_DOWN
    assert packet.diagnostic == Diagnostic.ADMINISTRATIVELY_DOWN
    assert session.receive(encode(replace(HEARD, poll=True)), 1.1) == []
    assert session.packets_to_send() == []
    session.handle_timer(2.0)
    assert [p.state for p in sent(session)] == [State.ADMIN_DOWN]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (replace(HEARD, your_discriminator=LOCAL + 1), "no session"),
        (replace(HEARD, authentication=b"\x01\x05\x01ab"), "no authentication is in use"),
    ],
)
def test_a_packet_for_somebody_else_changes_nothing(packet: ControlPacket, reason: str) -> None:
    session = session_in(State.UP)
    deadline = session.next_deadline()
    [event] = session.receive(encode(packet), 0.5)
    assert isinstance(event, PacketDiscarded)
    assert reason in event.reason
    assert (session.state, session.next_deadline()) == (State.UP, deadline)


def test_what_it_hears_while_up_is_told_once_and_can_be_continued_elsewhere() -> None:
    session = session_in(State.UP)
    heard = replace(HEARD, state=State.UP, detect_mult=5)
    [event] = session.receive(encode(heard), 0.1)
    expected = Handover(LOCAL, REMOTE, 300_000, 300_000, 5)
    assert event == Negotiated(expected)
    assert session.receive(encode(replace(heard, poll=True)), 0.2) == []

    successor = BfdSession(BfdConfig(), LOCAL, lambda: 0.0)
    successor.resume(expected, 100.0)
    assert successor.state is State.UP
    [packet] = sent(successor)
    assert (packet.state, packet.poll) == (State.UP, True)
    assert (packet.my_discriminator, packet.your_discriminator) == (LOCAL, REMOTE)
    assert packet.desired_min_tx_us == 300_000
    [confirmed] = successor.receive(encode(replace(heard, final=True)), 100.2)
    assert confirmed == Negotiated(expected)
    assert not successor.is_detection_due(101.69)
    [lost] = successor.handle_timer(101.8)
    assert isinstance(lost, StateChanged)
    assert lost.is_failure


@pytest.mark.parametrize(
    "numbers",
    [(0, 1, 1, 1, 1), (1, 0, 1, 1, 1), (1, 1, 1, 1, 0), (1, 1, 1, 1, 256), (1 << 32, 1, 1, 1, 1)],
)
def test_a_handover_that_no_session_can_have_is_refused(
    numbers: tuple[int, int, int, int, int],
) -> None:
    with pytest.raises(ValueError, match="discriminator"):
        Handover(*numbers)


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ((0, 300_000, 3), "BFD interval of 0 us"),
        ((300_000, 1 << 32, 3), "BFD interval"),
        ((300_000, 300_000, 0), "multiplier of 0"),
        ((300_000, 300_000, 256), "multiplier of 256"),
    ],
)
def test_a_configuration_that_no_packet_can_carry_is_refused(
    numbers: tuple[int, int, int], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        BfdConfig(*numbers)


@pytest.mark.parametrize("discriminator", [0, -1, 1 << 32])
def test_a_discriminator_is_a_number_of_32_bits_other_than_zero(discriminator: int) -> None:
    with pytest.raises(ValueError, match="discriminator"):
        BfdSession(BfdConfig(), discriminator, lambda: 0.0)


@given(
    st.sampled_from(State),
    st.lists(
        st.binary(max_size=60)
        | st.builds(
            lambda state, mult, tx, rx, yours, poll, final, demand: encode(
                ControlPacket(
                    state, REMOTE, yours, mult, tx, rx, poll=poll, final=final, demand=demand
                )
            ),
            st.sampled_from(State),
            st.integers(0, 255),
            st.integers(0, 0xFFFFFFFF),
            st.integers(0, 0xFFFFFFFF),
            st.sampled_from([0, LOCAL, 5]),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        ),
        max_size=20,
    ),
)
def test_no_bytes_break_a_session(state: State, datagrams: list[bytes]) -> None:
    session = session_in(state)
    now = 0.0
    for data in datagrams:
        now += 0.1
        session.receive(data, now)
        session.handle_timer(now)
        for packet in session.packets_to_send():
            decode(packet)
        deadline = session.next_deadline()
        assert deadline is None or deadline > now
