"""Listening in on sessions: what whoever records a peer is shown, and where it began to listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from routeserver.bgp.errors import Notification
from routeserver.bgp.events import Established, Event
from routeserver.bgp.session import SessionConfig


class Tap(Protocol):
    """Who is shown what a session is told, decides and says; see `observe.recorder`."""

    def told(
        self,
        fact: str,
        now: float,
        data: bytes = b"",
        notification: Notification | None = None,
        reason: str = "",
    ) -> None: ...

    def decided(self, event: Event) -> None: ...

    def said(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Joined:
    """Where a session was when somebody began to listen in on it: what it had agreed on, when it
    had last heard the peer, and `Session.so_far`."""

    established: Established
    heard_at: float
    unframed: bytes


class Taps(Protocol):
    """Who listens in on a peer: a tap for each of its sessions, from the beginning of one
    (`joined` None) or from its middle on."""

    def session(self, config: SessionConfig, joined: Joined | None) -> Tap: ...
