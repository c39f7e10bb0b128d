"""One BFD session in asynchronous mode (RFC 5880 §6.8), without sockets or clocks.

Bytes and the time go in, events and packets come out. `now` is in seconds of any clock that never
goes back. The owner calls `handle_timer` when `next_deadline` has come, and sends what
`packets_to_send` gives after every call.

Not here: the echo function (its interval is announced as 0), and asking for demand mode (a remote
system that asks for it is obeyed).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from routeserver.bfd.authentication import Authenticator
from routeserver.bfd.config import BfdConfig
from routeserver.bfd.discard import Discard
from routeserver.bfd.events import (
    BfdEvent,
    Handover,
    Negotiated,
    PacketDiscarded,
    RemoteAdminDown,
    StateChanged,
    reason_for,
)
from routeserver.bfd.fsm import ON_DETECTION_TIME_EXPIRED, ON_RECEIVED
from routeserver.bfd.intervals import SLOW_TX_US, Intervals
from routeserver.bfd.packet import ControlPacket, Diagnostic, PacketError, State, decode, encode
from routeserver.bfd.remote import Remote

__all__ = ["SLOW_TX_US", "BfdConfig", "BfdSession"]

_UINT32_MAX: Final = 0xFFFFFFFF


class BfdSession:
    """`random` gives numbers in [0, 1) for the jitter of §6.8.7. `independent` is the C bit: this
    end lives on when its control plane does not."""

    def __init__(
        self,
        config: BfdConfig,
        local_discriminator: int,
        random: Callable[[], float],
        *,
        independent: bool = False,
    ) -> None:
        if not 1 <= local_discriminator <= _UINT32_MAX:
            raise ValueError("a discriminator is a number of 32 bits other than 0")
        self.local_discriminator: Final = local_discriminator
        self.config = config
        self.state = State.DOWN
        self.diagnostic = Diagnostic.NONE
        self._random = random
        self._independent = independent
        self._is_meticulous = config.auth is not None and config.auth.meticulous
        self._authenticator = (
            None if config.auth is None else Authenticator(config.auth, int(random() * (1 << 32)))
        )

        self._remote = Remote()

        self._intervals = Intervals(config)

        self._last_tx = 0.0
        self._jitter = 1.0
        self._tx_at = inf
        self._detect_at = inf
        self._detection_s = 0.0
        self._excused_until = 0.0
        self._outbox: list[bytes] = []
        self._periodic: bytes | None = None  # the next periodic packet, while nothing changes
        self._steady: bytes | None = None  # a received packet that says nothing new
        self._told: Handover | None = None
        self._told_admin_down = False

    def start(self, now: float) -> None:
        self._last_tx = now
        self._transmit(now)

    def resume(self, handover: Handover, now: float) -> None:
        """Instead of `start`: go on as an Up session that another process had.

        The other end has one detection time from now to be heard; a poll sequence asks it to answer
        at once.
        """
        self.state = State.UP
        self._remote = Remote.of(handover)
        self._intervals.resume()
        if self._authenticator is not None:
            self._authenticator.sequence = handover.sequence
        self._rearm_detection(now)
        self._transmit(now)

    @property
    def remote_state(self) -> State:
        return self._remote.state

    @property
    def is_remote_admin_down(self) -> bool:
        """Whether the remote system says so; never while this end is Up."""
        return self._remote.state is State.ADMIN_DOWN

    @property
    def remote_discriminator(self) -> int:
        return self._remote.discriminator

    @property
    def detection_time_s(self) -> float:
        """§6.8.4; 0 while nothing is known of the remote system."""
        return self._detection_s

    @property
    def transmit_interval_s(self) -> float:
        """§6.8.2, before jitter."""
        return max(self._intervals.used_tx_us, self._remote.required_min_rx_us) / 1e6

    def next_deadline(self) -> float | None:
        deadline = min(self._tx_at, self._detect_at)
        return None if deadline == inf else deadline

    def is_detection_due(self, now: float) -> bool:
        return now >= self._detect_at

    def excuse(self, now: float) -> None:
        """The deadline of detection has come and nothing is there to be read. Where the caller was
        kept from running well past it, that proves little: packets were dropped meanwhile, or both
        ends stood still. The other end has one interval more then, once in a silence.
        """
        interval_s = self._detection_s / max(1, self._remote.detect_mult)
        if now - self._detect_at > interval_s / 2 and self._detect_at != self._excused_until:
            self._detect_at = self._excused_until = now + interval_s

    def packets_to_send(self) -> list[bytes]:
        """Takes everything that is due, in order."""
        packets, self._outbox = self._outbox, []
        return packets

    def configure(self, config: BfdConfig, now: float) -> None:
        """Change the wanted values; while Up, a poll sequence (§6.5) makes them known first.

        Raises ValueError for another authentication, under which no session can go on.
        """
        if config.auth != self.config.auth:
            raise ValueError("the authentication of a session cannot change")
        old, self.config = self.config, config
        if config == old:
            return
        self._periodic = None
        if self.state is State.UP:
            self._intervals.change(config)
        else:
            self._intervals.config = config
            self._use_slow_timers()
        if self._detect_at != inf:
            self._rearm_detection(heard_at=self._detect_at - self._detection_s)
        self._transmit(now)

    def admin_down(self, now: float) -> None:
        """§6.8.16: stop on purpose; to be heard, the session goes on for a detection time."""
        if self.state is not State.ADMIN_DOWN:
            self._enter(State.ADMIN_DOWN, Diagnostic.ADMINISTRATIVELY_DOWN)
            self._transmit(now)

    def repeats(self, data: bytes, now: float) -> bool:
        """The usual case, before `receive`: Up, and the same bytes as last time. If so, the packet
        has been received, nothing is to be sent, and no deadline is nearer than it was."""
        if data != self._steady:
            return False
        self._detect_at = now + self._detection_s
        if self._authenticator is not None:
            self._authenticator.heard(now, self._detection_s)
        return True

    def receive(self, data: bytes, now: float) -> list[BfdEvent]:
        """One datagram that was chosen for this session (§6.8.6)."""
        if self.repeats(data, now):
            return []
        try:
            packet = decode(data)
        except PacketError as error:
            return [PacketDiscarded(error.reason)]
        refusal = self._refuses(data, packet, now)
        if refusal is not None:
            return [PacketDiscarded(refusal)]
        return self._accept(data, packet, now)

    def handle_timer(self, now: float) -> list[BfdEvent]:
        events: list[BfdEvent] = []
        if now >= self._detect_at:
            next_state, diagnostic = ON_DETECTION_TIME_EXPIRED[self.state]
            silence_ms = round(self._detection_s * 1000)
            # Whether its control plane is another one is what its last packet said, all the same.
            self._remote = Remote(independent=self._remote.independent)
            self._detect_at = inf
            self._detection_s = 0.0
            self._periodic = None
            reason = f"nothing was heard for the detection time of {silence_ms} ms"
            events = self._step(next_state, diagnostic, reason)
            if events:
                self._transmit(now)
            self._schedule()
            events.extend(self._remote_admin_down(reason))
        if now >= self._tx_at:
            self._transmit(now)
        return events

    def _refuses(self, data: bytes, packet: ControlPacket, now: float) -> Discard | None:
        if packet.your_discriminator not in {0, self.local_discriminator}:
            return Discard.NO_SESSION
        if self._authenticator is not None:
            return self._authenticator.refuses(data, packet, now)
        return None if packet.authentication is None else Discard.AUTHENTICATION_UNEXPECTED

    def _accept(self, data: bytes, packet: ControlPacket, now: float) -> list[BfdEvent]:
        self._learn(packet)
        polls_again = (
            packet.final and self._intervals.is_polling and self._intervals.poll_answered()
        )
        self._rearm_detection(now)
        if self._authenticator is not None:
            self._authenticator.heard(now, self._detection_s)
        if self.state is State.ADMIN_DOWN:
            return []
        events = self._step(*ON_RECEIVED[self.state, packet.state])
        if events or polls_again:
            self._transmit(now)
        if packet.poll:
            self._outbox.append(self._encode(final=True))
        self._schedule()
        events.extend(
            self._remote_admin_down("the remote system is not administratively down any more")
        )
        if self.state is State.UP:
            # A meticulous packet that comes twice is a replay.
            if not (packet.poll or packet.final or self._is_meticulous):
                self._steady = data
            events.extend(self._negotiated())
        return events

    def _learn(self, packet: ControlPacket) -> None:
        self._periodic = None
        self._steady = None
        self._remote = Remote.said(packet)

    def _step(
        self, state: State, diagnostic: Diagnostic | None, reason: str | None = None
    ) -> list[BfdEvent]:
        if state is self.state:
            return []
        old = self.state
        self._enter(state, diagnostic)
        if reason is None:
            reason = reason_for(state, self._remote.state, self._remote.diagnostic)
        return [
            StateChanged(
                old, state, self.diagnostic, self._remote.state, reason, self._remote.independent
            )
        ]

    def _remote_admin_down(self, reason_if_over: str) -> list[BfdEvent]:
        """What is new of it; an end that is going itself asks for nothing and is told nothing."""
        down = self.is_remote_admin_down
        if down == self._told_admin_down or self.state is State.ADMIN_DOWN:
            return []
        self._told_admin_down = down
        reason = "the remote system is administratively down" if down else reason_if_over
        return [RemoteAdminDown(down, reason)]

    def _enter(self, state: State, diagnostic: Diagnostic | None) -> None:
        self.state = state
        if diagnostic is not None:
            self.diagnostic = diagnostic
        self._steady = None
        self._periodic = None
        if state is State.UP:
            self._intervals.be_up()
        else:
            self._use_slow_timers()

    def _use_slow_timers(self) -> None:
        self._intervals.be_slow()
        self._told = None

    def _negotiated(self) -> list[BfdEvent]:
        if self._is_meticulous:  # each packet moves the number; nobody else could go on from there
            return []
        sequence = 0 if self._authenticator is None else self._authenticator.sequence
        handover = self._remote.handover(self.local_discriminator, sequence)
        if handover == self._told:
            return []
        self._told = handover
        return [Negotiated(handover)]

    def _rearm_detection(self, heard_at: float) -> None:
        slower_us = max(self._intervals.used_rx_us, self._remote.desired_min_tx_us)
        self._detection_s = self._remote.detect_mult * slower_us / 1e6
        self._detect_at = heard_at + self._detection_s

    def _transmit(self, now: float) -> None:
        """Send the current values now, and the next periodic packet one jittered interval later."""
        if not (self.config.passive and self._remote.discriminator == 0):
            if self._periodic is None:
                self._periodic = self._encode(poll=self._intervals.is_polling)
            self._outbox.append(self._periodic)
            if self._is_meticulous:
                self._periodic = None
        self._last_tx = now
        # §6.8.7: 75 to 100 % of the interval, 90 % at most when a single loss would end the
        # session.
        spread = 0.15 if self.config.detect_mult == 1 else 0.25
        self._jitter = 0.75 + spread * self._random()
        self._schedule()

    def _schedule(self) -> None:
        """Place the next periodic packet; a shorter interval counts from the last one (§6.8.3)."""
        obeys_demand = (
            self._remote.demand
            and self.state is State.UP
            and self._remote.state is State.UP
            and not self._intervals.is_polling
        )
        waits = self.config.passive and self._remote.discriminator == 0
        if waits or obeys_demand or self._remote.required_min_rx_us == 0:
            self._tx_at = inf
        else:
            self._tx_at = self._last_tx + self.transmit_interval_s * self._jitter

    def _encode(self, *, poll: bool = False, final: bool = False) -> bytes:
        packet = ControlPacket(
            state=self.state,
            my_discriminator=self.local_discriminator,
            your_discriminator=self._remote.discriminator,
            detect_mult=self.config.detect_mult,
            desired_min_tx_us=self._intervals.announced_tx_us,
            required_min_rx_us=self.config.required_min_rx_us,
            diagnostic=self.diagnostic,
            poll=poll,
            final=final,
            control_plane_independent=self._independent,
        )
        if self._authenticator is None:
            return encode(packet)
        before = self._authenticator.sequence
        data = self._authenticator.sign(packet)
        if self._authenticator.sequence != before:
            self._steady = None  # the next packet goes the whole way, and the new number is told
        return data
