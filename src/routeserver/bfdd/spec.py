"""What the BFD engine is asked for and what it reports, in-process and over the channel alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from routeserver.bfd.session import BfdConfig

BFD_PORT: Final = 3784
"""RFC 5881 §4, single hop."""


@dataclass(frozen=True, slots=True)
class BfdSpec:
    """One wanted session, the only one of its pair of addresses; both are of one family."""

    session_id: str
    local: str
    remote: str
    config: BfdConfig = field(default_factory=BfdConfig)


@dataclass(frozen=True, slots=True)
class BfdChange:
    """A session came up, or an Up session did not stay so. `at` is wall-clock seconds, for logs.

    `failure` says whether to act on a loss: False when the other end took the session down
    administratively, of which RFC 5882 §3.2 says that routing must not follow it.
    """

    session_id: str
    up: bool
    reason: str
    at: float
    failure: bool = False
