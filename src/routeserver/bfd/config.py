"""What one end wants of a session: the intervals, the multiplier, and whether to authenticate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from routeserver.bfd.authentication import BfdAuth

MIN_INTERVAL_US: Final = 1_000
"""Shorter intervals would keep a processor busy with one session."""

_UINT32_MAX: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class BfdConfig:
    """What this end wants of a session. Raises ValueError for numbers that no packet can carry."""

    desired_min_tx_us: int = 300_000
    required_min_rx_us: int = 300_000
    detect_mult: int = 3
    passive: bool = False
    auth: BfdAuth | None = None

    def __post_init__(self) -> None:
        for interval_us in (self.desired_min_tx_us, self.required_min_rx_us):
            if not MIN_INTERVAL_US <= interval_us <= _UINT32_MAX:
                raise ValueError(f"a BFD interval of {interval_us} us is outside 1 ms to 4294 s")
        if not 1 <= self.detect_mult <= 255:
            raise ValueError(f"a BFD multiplier of {self.detect_mult} is outside 1 to 255")
