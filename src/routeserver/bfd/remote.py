"""What the remote system last said of itself (the state variables of RFC 5880 §6.8.1)."""

from __future__ import annotations

from dataclasses import dataclass

from routeserver.bfd.events import Handover
from routeserver.bfd.packet import ControlPacket, State


@dataclass(slots=True)
class Remote:
    """The defaults are the initial values, which also hold after a detection time of silence."""

    state: State = State.DOWN
    discriminator: int = 0
    diagnostic: int = 0
    demand: bool = False
    independent: bool = False
    desired_min_tx_us: int = 0
    required_min_rx_us: int = 1
    detect_mult: int = 0

    @classmethod
    def said(cls, packet: ControlPacket) -> Remote:
        return cls(
            packet.state,
            packet.my_discriminator,
            packet.diagnostic,
            packet.demand,
            packet.control_plane_independent,
            packet.desired_min_tx_us,
            packet.required_min_rx_us,
            packet.detect_mult,
        )

    @classmethod
    def of(cls, handover: Handover) -> Remote:
        """As it was when another process had the session, which was Up."""
        return cls(
            state=State.UP,
            discriminator=handover.remote_discriminator,
            desired_min_tx_us=handover.remote_desired_min_tx_us,
            required_min_rx_us=handover.remote_required_min_rx_us,
            detect_mult=handover.remote_detect_mult,
        )

    def handover(self, local_discriminator: int, sequence: int) -> Handover:
        return Handover(
            local_discriminator,
            self.discriminator,
            self.desired_min_tx_us,
            self.required_min_rx_us,
            self.detect_mult,
            sequence,
        )
