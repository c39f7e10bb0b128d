"""What is counted of peers and endpoints, to be read by whoever shows it.

Counts live as long as what they are of; nothing here decides anything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from routeserver.bgp.events import SessionClosed

Ending: TypeAlias = tuple[str, int, int]
"""Who ended a session (``sent``, ``received``: a NOTIFICATION; ``lost``: nobody said so) and the
code and subcode of the NOTIFICATION, 0 without one."""


@dataclass(slots=True)
class PeerTally:
    """`ignored` counts UPDATEs with no or less effect than they asked for, by what became of them;
    `endings` sessions that were established and ended; `warnings` those about the prefix limit, by
    the name of the log line."""

    ignored: Counter[str] = field(default_factory=Counter)
    endings: Counter[Ending] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)

    def closed(self, event: SessionClosed) -> None:
        if event.was_established:
            self.endings[ending_of(event)] += 1


def ending_of(event: SessionClosed) -> Ending:
    if event.sent is not None:
        return "sent", int(event.sent.code), int(event.sent.subcode)
    if event.received is not None:
        return "received", int(event.received.code), int(event.received.subcode)
    return "lost", 0, 0
