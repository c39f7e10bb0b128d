"""What a BFD session tells its owner: facts in the past tense, each a frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from routeserver.bfd.packet import Diagnostic, State


@dataclass(frozen=True, slots=True)
class Handover:
    """All that an Up session needs to go on in another process, unnoticed by the other end.

    The intervals and the multiplier are the ones last heard from the remote system.
    """

    local_discriminator: int
    remote_discriminator: int
    remote_desired_min_tx_us: int
    remote_required_min_rx_us: int
    remote_detect_mult: int

    def __post_init__(self) -> None:
        numbers = (
            self.local_discriminator,
            self.remote_discriminator,
            self.remote_desired_min_tx_us,
            self.remote_required_min_rx_us,
        )
        if not all(0 <= number < 1 << 32 for number in numbers):
            raise ValueError("a discriminator or interval does not fit in 32 bits")
        if 0 in numbers[:2] or not 1 <= self.remote_detect_mult <= 255:
            raise ValueError("a discriminator or multiplier that no Up session can have")


@dataclass(frozen=True, slots=True)
class StateChanged:
    """`remote_state` is what the remote system last said of itself."""

    old: State
    new: State
    diagnostic: Diagnostic
    remote_state: State
    reason: str

    @property
    def is_failure(self) -> bool:
        """Whether clients should act on the loss of this session.

        RFC 5882 §3.2 and §4.2: a session that the other end has taken down administratively says
        nothing about the path, and must not take routing down with it.
        """
        return self.old is State.UP and self.remote_state is not State.ADMIN_DOWN


@dataclass(frozen=True, slots=True)
class Negotiated:
    """While Up: the remote system was heard with these values, and they were not told before."""

    handover: Handover


@dataclass(frozen=True, slots=True)
class PacketDiscarded:
    """A datagram changed nothing, for this reason."""

    reason: str


BfdEvent = StateChanged | Negotiated | PacketDiscarded
