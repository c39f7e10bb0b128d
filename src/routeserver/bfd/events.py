"""What a BFD session tells its owner: facts in the past tense, each a frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from routeserver.bfd.discard import Discard
from routeserver.bfd.packet import Diagnostic, State


@dataclass(frozen=True, slots=True)
class Handover:
    """All that an Up session needs to go on in another process, unnoticed by the other end.

    The intervals and the multiplier are the ones last heard from the remote system; `sequence` is
    the last number of an authenticated packet, 0 without authentication.
    """

    local_discriminator: int
    remote_discriminator: int
    remote_desired_min_tx_us: int
    remote_required_min_rx_us: int
    remote_detect_mult: int
    sequence: int = 0

    def __post_init__(self) -> None:
        numbers = (
            self.local_discriminator,
            self.remote_discriminator,
            self.remote_desired_min_tx_us,
            self.remote_required_min_rx_us,
            self.sequence,
        )
        if not all(0 <= number < 1 << 32 for number in numbers):
            raise ValueError("a discriminator, interval or sequence does not fit in 32 bits")
        if 0 in numbers[:2] or not 1 <= self.remote_detect_mult <= 255:
            raise ValueError("a discriminator or multiplier that no Up session can have")


@dataclass(frozen=True, slots=True)
class StateChanged:
    """`remote_state` is what the remote system last said of itself.

    `remote_independent` is its C bit: a failure is then one of the path, whatever its control plane
    is doing (RFC 5882 §4.3).
    """

    old: State
    new: State
    diagnostic: Diagnostic
    remote_state: State
    reason: str
    remote_independent: bool = False

    @property
    def is_failure(self) -> bool:
        """Whether clients should act on the loss of this session.

        RFC 5882 §3.2 and §4.2: a session that the other end has taken down administratively says
        nothing about the path, and must not take routing down with it.
        """
        return self.old is State.UP and self.remote_state is not State.ADMIN_DOWN


@dataclass(frozen=True, slots=True)
class RemoteAdminDown:
    """The remote system has been heard to be administratively down (`down`), or that is over: it
    was heard in another state, or for a detection time not at all.

    It comes after the StateChanged of the same moment, and without one where this end was Down
    before. RFC 5882 §3.2: whose BFD is administratively down, nobody may wait for.
    """

    down: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Negotiated:
    """While Up: the remote system was heard with these values, and they were not told before."""

    handover: Handover


@dataclass(frozen=True, slots=True)
class PacketDiscarded:
    """A datagram changed nothing, for this reason."""

    reason: Discard


BfdEvent = StateChanged | RemoteAdminDown | Negotiated | PacketDiscarded


def reason_for(state: State, remote_state: State, remote_diagnostic: int) -> str:
    """Why what was heard led to `state`, in words."""
    match state:
        case State.UP:
            return "the remote system answers"
        case State.INIT:
            return "the remote system was heard"
        case _ if remote_state is State.ADMIN_DOWN:
            return "the remote system took the session down administratively"
        case _:
            return f"the remote system went down ({_words(remote_diagnostic)})"


def _words(diagnostic: int) -> str:
    try:
        return Diagnostic(diagnostic).name.replace("_", " ").lower()
    except ValueError:
        return f"diagnostic {diagnostic}"
