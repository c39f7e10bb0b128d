"""A session that runs: the state machine with its sockets, one of them shared with others."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from routeserver.bfd.events import Handover
from routeserver.bfd.session import BfdSession
from routeserver.bfdd.deadlines import Timed
from routeserver.bfdd.spec import BfdSpec


@dataclass(slots=True)
class Listener:
    """The receiving socket of one local address, for all its sessions."""

    network: str
    local: str
    socket: socket.socket
    sessions: int = 0


class Running(Timed):
    """`ends_at` is set when the session is leaving: it still sends AdminDown, and hears nothing."""

    # Deviation: RFC 5881 §4 has one source port for the whole life of a session; one that continues
    # in another process, after its daemon has died, takes a new one.

    __slots__ = (
        "admin_down",
        "destination",
        "ends_at",
        "handover",
        "is_up",
        "listener",
        "pair",
        "sender",
        "session",
        "spec",
    )

    def __init__(
        self,
        spec: BfdSpec,
        session: BfdSession,
        listener: Listener,
        sender: socket.socket,
        destination: tuple[str, int],
    ) -> None:
        super().__init__()
        self.spec = spec
        self.session = session
        self.listener = listener
        self.sender = sender
        self.destination = destination
        self.is_up = False
        self.admin_down = False
        """As it was last reported of the remote system."""
        self.handover: Handover | None = None
        self.pair = spec.network, listener.local, destination[0]
        self.ends_at: float | None = None

    def next_deadline(self) -> float | None:
        deadline = self.session.next_deadline()
        if self.ends_at is None:
            return deadline
        return self.ends_at if deadline is None else min(deadline, self.ends_at)
