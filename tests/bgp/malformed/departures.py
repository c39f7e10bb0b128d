"""Where this speaker knowingly does something else than the row says: the name of the row, what it
does instead, and why. The list is strict: a departure that no longer departs has to leave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from routeserver.bgp.errors import Notification
from tests.bgp.malformed.rows import Fate


class Departure(NamedTuple):
    outcome: Fate | Notification
    why: str


DEPARTURES: Final[Mapping[str, Departure]] = {}
