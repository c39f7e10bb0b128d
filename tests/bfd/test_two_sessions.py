"""Two sessions under one made-up clock, with a wire between them that delays, loses and is cut."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routeserver.bfd.events import BfdEvent, Handover, Negotiated, RemoteAdminDown, StateChanged
from routeserver.bfd.packet import ControlPacket, State, decode
from routeserver.bfd.session import BfdConfig, BfdSession


@dataclass
class End:
    session: BfdSession
    sent: list[tuple[float, ControlPacket]] = field(default_factory=list)
    changes: list[tuple[float, StateChanged]] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    admin_downs: list[bool] = field(default_factory=list)
    alive: bool = True


class Wire:
    """`delay_s` and `lost` (with the sender) are asked for each packet."""

    def __init__(self, one: BfdConfig, two: BfdConfig, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.delay_s: Callable[[], float] = lambda: 0.001
        self.lost: Callable[[End], bool] = lambda _: False
        self.now = 100.0
        self.ends = [
            End(BfdSession(config, number, self.random.random))
            for number, config in enumerate((one, two), start=1)
        ]
        self._flying: list[tuple[float, int, End, bytes]] = []
        self._order = count()
        for end in self.ends:
            end.session.start(self.now)
            self._take(end, [])

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        stop_at = self.now + seconds
        while not until():
            moments = [(self._flying[0][0], None)] if self._flying else []
            deadlines = [
                (deadline, end)
                for end in self.ends
                if end.alive and (deadline := end.session.next_deadline()) is not None
            ]
            at, end = min([*moments, *deadlines], key=lambda item: item[0], default=(stop_at, None))
            if at > stop_at:
                break
            self.now = max(self.now, at)
            if end is not None:
                self._take(end, end.session.handle_timer(self.now))
            elif self._flying:
                _, _, to, data = heappop(self._flying)
                if to.alive:
                    self._take(to, to.session.receive(data, self.now))
            else:
                break
        else:
            return
        self.now = stop_at

    def tell(self, end: End, order: Callable[[BfdSession], None]) -> None:
        order(end.session)
        self._take(end, [])

    def _take(self, end: End, events: list[BfdEvent]) -> None:
        end.changes += [(self.now, event) for event in events if isinstance(event, StateChanged)]
        end.handovers += [event.handover for event in events if isinstance(event, Negotiated)]
        end.admin_downs += [event.down for event in events if isinstance(event, RemoteAdminDown)]
        to = self.ends[1] if end is self.ends[0] else self.ends[0]
        for data in end.session.packets_to_send():
            end.sent.append((self.now, decode(data)))
            if not self.lost(end):
                arrival = self.now + self.delay_s()
                heappush(self._flying, (arrival, next(self._order), to, data))

    def are_up(self) -> bool:
        return all(end.session.state is State.UP for end in self.ends)


def wire_up(one: BfdConfig | None = None, two: BfdConfig | None = None, seed: int = 1) -> Wire:
    """A wire whose sessions are up and have settled their intervals."""
    wire = Wire(one or BfdConfig(), two or BfdConfig(), seed)
    wire.run(20)
    assert wire.are_up()
    for end in wire.ends:
        end.changes.clear()
        end.sent.clear()
    return wire


def test_two_sessions_come_up_within_two_slow_packets() -> None:
    wire = Wire(BfdConfig(), BfdConfig())
    wire.run(2.0, until=wire.are_up)
    assert wire.are_up()
    assert wire.now < 102.0


def test_one_passive_end_comes_up_and_two_never_speak() -> None:
    wire = Wire(BfdConfig(), BfdConfig(passive=True))
    wire.run(3.0)
    assert wire.are_up()
    silent = Wire(BfdConfig(passive=True), BfdConfig(passive=True))
    silent.run(60.0)
    assert not any(end.sent for end in silent.ends)


CONFIGS = st.builds(
    BfdConfig,
    desired_min_tx_us=st.integers(10_000, 2_000_000),
    required_min_rx_us=st.integers(10_000, 2_000_000),
    detect_mult=st.integers(1, 10),
)


@settings(max_examples=40, deadline=None)
@given(CONFIGS, CONFIGS, st.integers(0, 1000))
def test_a_death_is_detected_after_multiplier_times_the_negotiated_interval(
    one: BfdConfig, two: BfdConfig, seed: int
) -> None:
    wire = wire_up(one, two, seed)
    survivor, victim = wire.ends
    negotiated_s = max(one.required_min_rx_us, two.desired_min_tx_us) / 1e6
    assert survivor.session.detection_time_s == pytest.approx(two.detect_mult * negotiated_s)
    wire.run(30, until=lambda: bool(victim.sent))
    last_heard = wire.now + 0.001
    victim.alive = False
    wire.run(60)
    [(at, change)] = survivor.changes
    assert at == pytest.approx(last_heard + two.detect_mult * negotiated_s, abs=1e-6)
    assert change.is_failure


@settings(max_examples=40, deadline=None)
@given(CONFIGS, CONFIGS, st.integers(0, 1000))
def test_packets_keep_within_the_bounds_of_jitter(
    one: BfdConfig, two: BfdConfig, seed: int
) -> None:
    wire = wire_up(one, two, seed)
    wire.run(30)
    for end, own, other in ((wire.ends[0], one, two), (wire.ends[1], two, one)):
        negotiated_s = max(own.desired_min_tx_us, other.required_min_rx_us) / 1e6
        most = 0.9 if own.detect_mult == 1 else 1.0
        gaps = [later - earlier for (earlier, _), (later, _) in pairwise(end.sent)]
        assert min(gaps) >= 0.75 * negotiated_s - 1e-6
        assert max(gaps) <= most * negotiated_s + 1e-6
        assert not end.changes


def test_it_settles_without_a_poll_left_open() -> None:
    wire = wire_up()
    wire.run(5)
    assert not any(packet.poll or packet.final for end in wire.ends for _, packet in end.sent)


@pytest.mark.parametrize("seed", range(20))
def test_losses_short_of_the_multiplier_and_delays_do_no_harm(seed: int) -> None:
    wire = wire_up(seed=seed)
    wire.delay_s = lambda: wire.random.uniform(0.0, 0.05)
    sent = count()
    wire.lost = lambda _: next(sent) % 3 == 0
    config = BfdConfig(detect_mult=10)
    for end in wire.ends:
        wire.tell(end, lambda session: session.configure(config, wire.now))
    wire.run(120)
    assert wire.are_up()
    assert not any(end.changes for end in wire.ends)


@pytest.mark.parametrize("seed", range(20))
def test_heavy_loss_is_survived_and_both_ends_find_each_other_again(seed: int) -> None:
    wire = wire_up(seed=seed)
    wire.lost = lambda _: wire.random.random() < 0.6
    wire.delay_s = lambda: wire.random.uniform(0.0, 0.4)
    wire.run(300)
    wire.lost = lambda _: False
    wire.run(10)
    assert wire.are_up()


def test_a_cut_wire_takes_both_ends_down_and_mended_brings_them_back() -> None:
    wire = wire_up()
    wire.lost = lambda _: True
    wire.run(2)
    assert [end.session.state for end in wire.ends] == [State.DOWN, State.DOWN]
    wire.lost = lambda _: False
    wire.run(3)
    assert wire.are_up()


def test_a_wire_cut_in_one_direction_takes_both_ends_down() -> None:
    wire = wire_up()
    deaf = wire.ends[1]
    wire.lost = lambda sender: sender is wire.ends[0]
    wire.run(3)
    assert any(change.new is State.DOWN for _, change in deaf.changes)
    assert any("detection time expired" in change.reason for _, change in wire.ends[0].changes)


@pytest.mark.parametrize(("before_us", "after_us"), [(50_000, 1_500_000), (1_500_000, 50_000)])
def test_intervals_change_while_up_without_a_flap(before_us: int, after_us: int) -> None:
    before = BfdConfig(desired_min_tx_us=before_us, required_min_rx_us=before_us)
    after = BfdConfig(desired_min_tx_us=after_us, required_min_rx_us=after_us)
    wire = wire_up(before, before)
    for end in wire.ends:
        wire.tell(end, lambda session: session.configure(after, wire.now))
        wire.run(20)
    assert not any(end.changes for end in wire.ends)
    for end in wire.ends:
        assert end.session.transmit_interval_s == pytest.approx(after_us / 1e6)
        assert end.session.detection_time_s == pytest.approx(3 * after_us / 1e6)


def test_intervals_change_even_if_the_first_polls_get_lost() -> None:
    wire = wire_up()
    after = BfdConfig(desired_min_tx_us=400_000, required_min_rx_us=400_000, detect_mult=9)
    for end in wire.ends:
        wire.tell(end, lambda session: session.configure(after, wire.now))
    wire.lost = lambda _: True
    wire.run(0.5)
    wire.lost = lambda _: False
    wire.run(5)
    assert not any(end.changes for end in wire.ends)
    assert wire.ends[0].session.detection_time_s == pytest.approx(3.6)


def test_a_session_stopped_on_purpose_is_no_failure_at_the_other_end() -> None:
    wire = wire_up()
    wire.tell(wire.ends[0], lambda session: session.admin_down(wire.now))
    wire.run(10)
    [(_, change)] = wire.ends[1].changes
    assert not change.is_failure
    assert wire.ends[1].session.remote_state is State.ADMIN_DOWN
    assert wire.ends[1].admin_downs == [True]
    wire.ends[0].alive = False
    wire.run(10)
    assert wire.ends[1].admin_downs == [True, False]
    assert len(wire.ends[1].changes) == 1


def test_an_end_that_is_administratively_down_from_the_start_is_known_as_such() -> None:
    wire = Wire(BfdConfig(), BfdConfig())
    wire.tell(wire.ends[0], lambda session: session.admin_down(wire.now))
    wire.run(30)
    assert wire.ends[1].session.state is State.DOWN
    assert wire.ends[1].admin_downs == [True]
    wire.ends[0].session = BfdSession(BfdConfig(), 9, wire.random.random)
    wire.tell(wire.ends[0], lambda session: session.start(wire.now))
    wire.run(10, until=wire.are_up)
    assert wire.are_up()
    assert wire.ends[1].admin_downs == [True, False]


def test_another_process_continues_a_session_unnoticed() -> None:
    wire = wire_up()
    old = wire.ends[1]
    handover = old.handovers[-1]
    old.alive = False
    wire.run(0.5)
    old.session = BfdSession(BfdConfig(), handover.local_discriminator, wire.random.random)
    old.alive = True
    wire.tell(old, lambda session: session.resume(handover, wire.now))
    wire.run(20)
    assert wire.are_up()
    assert not any(end.changes for end in wire.ends)
