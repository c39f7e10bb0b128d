"""The intervals of one BFD session: what is announced, what is in use, and the poll between them
(RFC 5880 §6.5 and §6.8.3). Microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from routeserver.bfd.config import BfdConfig

SLOW_TX_US: Final = 1_000_000
"""RFC 5880 §6.8.3: the shortest interval to announce and use while the session is not Up."""


@dataclass(slots=True)
class Intervals:
    """What is announced may have to wait for a poll sequence before it is used. `is_asked_again`: a
    poll is under way and another one must follow it.
    """

    config: BfdConfig
    announced_tx_us: int = field(init=False)
    used_tx_us: int = field(init=False)
    used_rx_us: int = field(init=False)
    is_polling: bool = field(init=False)
    is_asked_again: bool = field(init=False)

    def __post_init__(self) -> None:
        self.be_slow()

    def be_slow(self) -> None:
        """The session is not Up."""
        # Deviation: §6.8.3 asks for a poll sequence here too; outside Up every packet already
        # carries the values, nothing waits for them, and the state machine may be unable to carry
        # an answer.
        self.announced_tx_us = self.used_tx_us = max(SLOW_TX_US, self.config.desired_min_tx_us)
        self.used_rx_us = self.config.required_min_rx_us
        self.is_polling = self.is_asked_again = False

    def be_up(self) -> None:
        """The session has come Up: the wanted interval holds, and a poll says so."""
        if self.announced_tx_us != self.config.desired_min_tx_us:
            self.announced_tx_us = self.used_tx_us = self.config.desired_min_tx_us
            self.poll()

    def resume(self) -> None:
        """The session goes on as Up; a poll asks the other end to answer at once."""
        self.announced_tx_us = self.used_tx_us = self.config.desired_min_tx_us
        self.is_polling = True

    def change(self, config: BfdConfig) -> None:
        """Other wanted values while Up: a poll sequence makes them known first."""
        self.config = config
        self.announced_tx_us = config.desired_min_tx_us
        # §6.8.3: sending more often, or waiting longer, harms nobody and holds from now on.
        self.used_tx_us = min(self.used_tx_us, config.desired_min_tx_us)
        self.used_rx_us = max(self.used_rx_us, config.required_min_rx_us)
        self.poll()

    def poll(self) -> None:
        # The answer to a poll that is under way may be to older values, so it must be asked once
        # more.
        self.is_asked_again = self.is_polling
        self.is_polling = True

    def poll_answered(self) -> bool:
        """Whether to poll once more, for values that were changed after this poll began."""
        if self.is_asked_again:
            self.is_asked_again = False
            return True
        self.is_polling = False
        self.used_tx_us = self.announced_tx_us
        self.used_rx_us = self.config.required_min_rx_us
        return False
