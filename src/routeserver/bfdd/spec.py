"""What the BFD engine is asked for and what it reports, in-process and over the channel alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from routeserver.bfd.config import BfdConfig
from routeserver.bfd.discard import Discard
from routeserver.bfd.events import Handover

BFD_PORT: Final = 3784
"""RFC 5881 §4, single hop."""


@dataclass(frozen=True, slots=True)
class BfdSpec:
    """One wanted session, the only one of its pair of addresses; both are of one family.

    `network` is where the addresses are: the id of a VPC with a network of its own, or empty for
    the daemon's.
    """

    session_id: str
    local: str
    remote: str
    config: BfdConfig = field(default_factory=BfdConfig)
    network: str = ""

    @property
    def ends(self) -> tuple[str, str, str]:
        """Where it runs; no two sessions have the same."""
        return self.network, self.local, self.remote


@dataclass(frozen=True, slots=True)
class BfdChange:
    """A session came up, an Up session did not stay so, or one that was `already_down` has other
    news of `admin_down`. `at` is wall-clock seconds, for logs.

    `failure` says whether to act on a loss: False when the other end took the session down
    administratively, of which RFC 5882 §3.2 says that routing must not follow it. `independent` is
    the C bit of the other end: its BFD outlives its control plane, so that a failure is one of the
    path even while its control plane restarts (RFC 5882 §4.3). `admin_down`: the other end says
    that its BFD is administratively down, so that nobody may wait for it (RFC 5882 §3.2).
    """

    session_id: str
    up: bool
    reason: str
    at: float
    failure: bool = False
    independent: bool = False
    admin_down: bool = False
    already_down: bool = False

    @property
    def is_loss(self) -> bool:
        """Whether a session that was up is not any more, for whatever reason."""
        return not (self.up or self.already_down)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a session stands that has run for another server before.

    `loss` is what nobody was there to be told: the session was up and did not stay so.
    `admin_down` is what the remote system says of itself, as in BfdChange.
    """

    session_id: str
    local: str
    remote: str
    up: bool
    handover: Handover | None = None
    loss: BfdChange | None = None
    network: str = ""
    admin_down: bool = False

    def is_of(self, spec: BfdSpec) -> bool:
        return (self.network, self.local, self.remote) == spec.ends


@dataclass(frozen=True, slots=True)
class Discarded:
    """Packets that changed nothing, since this was last told.

    `session_id` is empty when they were for no session, `source` when they came from more addresses
    than are told apart; `data` is how one of them began, in hexadecimal.
    """

    session_id: str
    source: str
    reason: Discard
    count: int
    data: str
