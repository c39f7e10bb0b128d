"""What the routes of one peer go through on their way into the RIB: the import policy, the prefix
limit and the bound on attribute memory.

The exact numbers are the RIB's. Reading them costs a little, so they are read only when what came
in since the last look could have reached a threshold: far from one, a batch costs two additions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import structlog

from routeserver.bgp.errors import Notification
from routeserver.bgp.framing import EXTENDED_MESSAGE_OCTETS
from routeserver.net.peering import ImportAction, ImportRule, LimitAction, PeerSettings
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.counts import PeerCounts
from routeserver.rib.import_policy import ImportPolicy, Origins
from routeserver.speaker import cease
from routeserver.speaker.owner import Pausable, RibOwner
from routeserver.speaker.tally import PeerTally

MOST_OCTETS: Final = EXTENDED_MESSAGE_OCTETS
"""Of one attribute set: it came in one message."""

_NO_ROUTES: Final = PeerCounts(0, 0, 0)

_log: Final = structlog.get_logger()


class Excess(Enum):
    """Why a session ends for what the peer sends too much of."""

    PREFIXES = auto()
    ATTRIBUTES = auto()


NOTIFICATIONS: Final[dict[Excess, Notification]] = {
    Excess.PREFIXES: cease.MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
    Excess.ATTRIBUTES: cease.OUT_OF_RESOURCES,
}

REASONS: Final[dict[Excess, str]] = {
    Excess.PREFIXES: "the peer has sent more prefixes than it may",
    Excess.ATTRIBUTES: "the peer's attributes take more memory than they may",
}


@dataclass(slots=True)
class _Gauge:
    """Watches a number with a threshold, through an upper bound of what it has grown by."""

    threshold: int | None = None
    slack: int = 0
    """How much may come in before the number has to be looked at."""

    def reached(self, grown: int, look: Callable[[], int]) -> bool:
        if self.threshold is None:
            return False
        self.slack -= grown
        if self.slack > 0:
            return False
        self.slack = self.threshold - look()
        return self.slack <= 0


class Intake:
    """`server_limit` is what holds where the peer's settings name no limit."""

    def __init__(
        self,
        peer_id: str,
        settings: PeerSettings,
        *,
        owner: RibOwner,
        server_limit: int | None,
        tally: PeerTally,
    ) -> None:
        self._peer_id = peer_id
        self._owner = owner
        self._server_limit = server_limit
        self._settings = settings
        self._origins = Origins()
        self._policy = self._policy_of(settings)
        self._warning = _Gauge()
        self._limit = _Gauge()
        self._memory = _Gauge()
        self._is_over = False
        self._tally = tally

    def session_up(self) -> None:
        self._policy.forget()
        self._is_over = False
        self._arm()

    def configure(self, settings: PeerSettings) -> None:
        """The new limits hold from now on, and new rules for what comes."""
        before, self._settings = self._settings, settings
        if _rules_of(before) != _rules_of(settings):
            self._policy = self._policy_of(settings)
        self._is_over = False
        self._arm()

    def reimport(self) -> None:
        """The rules hold for what is there, too."""
        self._owner.reimport(self._peer_id, self._policy)

    @property
    def excess(self) -> Excess | None:
        """Why the session has to end for what is there already, after a limit was lowered."""
        restarts = self._settings.max_prefixes_action is LimitAction.RESTART
        limit = self._max_prefixes
        if restarts and limit is not None and self._routes() > limit:
            return Excess.PREFIXES
        return None

    @property
    def lacks_routes(self) -> bool:
        """The peer has sent routes that are not here, because of a limit, and now there is room."""
        counts = self._counts()
        limit = self._owner.rib.limit_of(self._peer_id)
        return bool(counts.discarded) and (limit is None or self._routes() < limit)

    def take(self, batch: RouteBatch, origin: Pausable) -> Excess | None:
        """Into the RIB with it; the reason, if the session has to end for it."""
        applied = self._owner.apply(self._peer_id, self._policy.apply(batch), origin)
        grown = applied.announced + applied.updated
        restarts = self._settings.max_prefixes_action is LimitAction.RESTART
        # The second question is for a limit that was lowered under routes that are there already.
        if restarts and (applied.over_limit or self._limit.reached(grown, self._routes)):
            return Excess.PREFIXES
        if applied.over_limit:
            self._note_discarded()
        if self._warning.reached(grown, self._routes):
            self._warning.threshold = None
            self._warn("routes_near_limit", "the peer comes close to the prefixes that it may send")
        if not restarts and self._limit.reached(grown, self._routes):
            self._limit.threshold = None
            self._warn("routes_over_limit", "the peer has sent more prefixes than it may")
        if self._memory.reached(len(batch.sets) * MOST_OCTETS, self._octets):
            return Excess.ATTRIBUTES
        return None

    def _arm(self) -> None:
        settings, limit = self._settings, self._max_prefixes
        only_warns = settings.max_prefixes_action is LimitAction.WARN
        self._owner.rib.set_limit(self._peer_id, None if only_warns else limit)
        warn_at = (
            None if limit is None else max(1, limit * settings.max_prefixes_warn_percent // 100)
        )
        self._warning = _Gauge(warn_at)
        discards = settings.max_prefixes_action is LimitAction.DISCARD
        self._limit = _Gauge(None if limit is None or discards else limit + 1)
        self._memory = _Gauge(settings.max_attribute_octets)

    @property
    def has_been_sent_routes(self) -> bool:
        counts = self._counts()
        return bool(counts.routes or counts.discarded)

    @property
    def _max_prefixes(self) -> int | None:
        own = self._settings.max_prefixes
        return self._server_limit if own is None else own

    def _policy_of(self, settings: PeerSettings) -> ImportPolicy:
        rules, default, graceful_shutdown = _rules_of(settings)
        return ImportPolicy(
            rules, default, graceful_shutdown=graceful_shutdown, origins=self._origins
        )

    def _counts(self) -> PeerCounts:
        return self._owner.rib.counts.per_peer.get(self._peer_id, _NO_ROUTES)

    def _routes(self) -> int:
        counts = self._counts()
        return counts.routes - counts.held

    def _octets(self) -> int:
        return self._counts().attribute_octets

    def _note_discarded(self) -> None:
        """Said once for each session; how many there are is counted in the RIB."""
        if not self._is_over:
            self._is_over = True
            self._warning.threshold = None
            self._warn(
                "routes_over_limit",
                "the peer has sent more routes than it may; the first ones are kept",
            )

    def _warn(self, event: str, reason: str) -> None:
        self._tally.warnings[event] += 1
        _log.warning(event, peer_id=self._peer_id, reason=reason, routes=self._routes())


def _rules_of(settings: PeerSettings) -> tuple[tuple[ImportRule, ...], ImportAction, bool]:
    return settings.import_rules, settings.import_default, settings.graceful_shutdown
