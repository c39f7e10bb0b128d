"""Route persistence: what becomes of a peer's routes when its session ends, as one table of
transitions.

NORMAL: a peer that is lost loses its routes. HELD: the last session of the route server has ended
with persistence enabled, and its routes stay with no limit of time. GRACE: a session is up again;
what was held stays for the configured duration, so that the appliances can advertise anew, and what
they have not refreshed by then goes.

Pure: it holds no routes. Each call answers with imperatives that the owner carries out on its RIB,
in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias, assert_never

from routeserver.net.prefix import Family


class RetentionState(Enum):
    NORMAL = auto()
    HELD = auto()
    GRACE = auto()


class RetentionEvent(Enum):
    """Facts. The two that name the last session are told apart from the others by the sessions that
    are left.
    """

    SESSION_UP = auto()
    SESSION_DOWN = auto()
    """Other sessions live on, or persistence is disabled."""
    LAST_SESSION_DOWN = auto()
    PEER_REMOVED = auto()
    PEER_REMOVED_NONE_LIVE = auto()
    """The peer is no longer configured, and no session is left."""
    HOLDER_GONE = auto()
    """No peer has held routes any more."""
    GRACE_OVER = auto()
    DISABLED = auto()
    RESET = auto()


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the peer's routes as held."""

    peer_id: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Let all the peer's routes go."""

    peer_id: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """Let those of the peer's held routes go, of one family or all, that no session refreshed."""

    peer_id: str
    family: Family | None = None


Action: TypeAlias = Hold | Drop | Sweep


class Verb(Enum):
    """What a transition asks for: of the peer the event names (HOLD, DROP), of every holder
    (SWEEP), or nothing.
    """

    NOTHING = auto()
    HOLD = auto()
    DROP = auto()
    SWEEP = auto()


_S: TypeAlias = RetentionState
_E: TypeAlias = RetentionEvent

TRANSITIONS: Final[Mapping[tuple[RetentionState, RetentionEvent], tuple[RetentionState, Verb]]] = {
    (_S.NORMAL, _E.SESSION_UP): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.SESSION_DOWN): (_S.NORMAL, Verb.DROP),
    (_S.NORMAL, _E.LAST_SESSION_DOWN): (_S.HELD, Verb.HOLD),
    (_S.NORMAL, _E.PEER_REMOVED): (_S.NORMAL, Verb.DROP),
    (_S.NORMAL, _E.PEER_REMOVED_NONE_LIVE): (_S.NORMAL, Verb.DROP),
    (_S.NORMAL, _E.HOLDER_GONE): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.GRACE_OVER): (_S.NORMAL, Verb.NOTHING),
    (_S.NORMAL, _E.DISABLED): (_S.NORMAL, Verb.NOTHING),
    # Routes of live sessions are not held, so there is nothing to reset.
    (_S.NORMAL, _E.RESET): (_S.NORMAL, Verb.NOTHING),
    (_S.HELD, _E.SESSION_UP): (_S.GRACE, Verb.NOTHING),
    (_S.HELD, _E.SESSION_DOWN): (_S.HELD, Verb.DROP),
    (_S.HELD, _E.LAST_SESSION_DOWN): (_S.HELD, Verb.HOLD),
    (_S.HELD, _E.PEER_REMOVED): (_S.HELD, Verb.DROP),
    (_S.HELD, _E.PEER_REMOVED_NONE_LIVE): (_S.HELD, Verb.DROP),
    (_S.HELD, _E.HOLDER_GONE): (_S.NORMAL, Verb.NOTHING),
    (_S.HELD, _E.GRACE_OVER): (_S.HELD, Verb.NOTHING),
    (_S.HELD, _E.DISABLED): (_S.NORMAL, Verb.SWEEP),
    (_S.HELD, _E.RESET): (_S.NORMAL, Verb.SWEEP),
    # The duration runs from the first session that came back; later ones do not prolong it.
    (_S.GRACE, _E.SESSION_UP): (_S.GRACE, Verb.NOTHING),
    (_S.GRACE, _E.SESSION_DOWN): (_S.GRACE, Verb.DROP),
    (_S.GRACE, _E.LAST_SESSION_DOWN): (_S.HELD, Verb.HOLD),
    (_S.GRACE, _E.PEER_REMOVED): (_S.GRACE, Verb.DROP),
    (_S.GRACE, _E.PEER_REMOVED_NONE_LIVE): (_S.HELD, Verb.DROP),
    (_S.GRACE, _E.HOLDER_GONE): (_S.NORMAL, Verb.NOTHING),
    (_S.GRACE, _E.GRACE_OVER): (_S.NORMAL, Verb.SWEEP),
    (_S.GRACE, _E.DISABLED): (_S.NORMAL, Verb.SWEEP),
    (_S.GRACE, _E.RESET): (_S.NORMAL, Verb.SWEEP),
}


class Retention:
    """The persistence of one route server; `duration_s` is the time of grace in seconds."""

    def __init__(self, enabled: bool, duration_s: float) -> None:
        self._enabled = enabled
        self._duration_s = duration_s
        self._state = RetentionState.NORMAL
        self._grace_since: float | None = None
        self._holders: set[str] = set()

    @property
    def state(self) -> RetentionState:
        return self._state

    @property
    def persisting(self) -> bool:
        """Whether routes of ended sessions are being kept now; not whether that is configured."""
        return self._state is not RetentionState.NORMAL

    def next_deadline(self) -> float | None:
        return None if self._grace_since is None else self._grace_since + self._duration_s

    def session_up(self, peer_id: str, now: float) -> list[Action]:
        return self._step(RetentionEvent.SESSION_UP, now, peer_id)

    def session_down(self, peer_id: str, live: int, now: float) -> list[Action]:
        """A configured peer's session ended; `live` counts the sessions of the route server that
        are still up.
        """
        last = live == 0 and self._enabled
        event = RetentionEvent.LAST_SESSION_DOWN if last else RetentionEvent.SESSION_DOWN
        return self._step(event, now, peer_id)

    def peer_removed(self, peer_id: str, live: int, now: float) -> list[Action]:
        """The peer is no longer configured, its session was up or not; `live` as for
        `session_down`.
        """
        none = live == 0
        event = RetentionEvent.PEER_REMOVED_NONE_LIVE if none else RetentionEvent.PEER_REMOVED
        return self._step(event, now, peer_id)

    def handle_timer(self, now: float) -> list[Action]:
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return []
        return self._step(RetentionEvent.GRACE_OVER, now)

    def configure(self, enabled: bool, duration_s: float, now: float) -> list[Action]:
        """A new duration counts from where a grace that is running began."""
        self._enabled = enabled
        self._duration_s = duration_s
        return [] if enabled else self._step(RetentionEvent.DISABLED, now)

    def reset(self, now: float) -> list[Action]:
        return self._step(RetentionEvent.RESET, now)

    def _step(self, event: RetentionEvent, now: float, peer_id: str = "") -> list[Action]:
        state, verb = TRANSITIONS[self._state, event]
        actions = self._act(verb, peer_id)
        if not self._holders:
            state, _ = TRANSITIONS[state, RetentionEvent.HOLDER_GONE]
        if state is not RetentionState.GRACE:
            self._grace_since = None
        elif self._grace_since is None:
            self._grace_since = now
        self._state = state
        return actions

    def _act(self, verb: Verb, peer_id: str) -> list[Action]:
        match verb:
            case Verb.NOTHING:
                return []
            case Verb.HOLD:
                self._holders.add(peer_id)
                return [Hold(peer_id)]
            case Verb.DROP:
                self._holders.discard(peer_id)
                return [Drop(peer_id)]
            case Verb.SWEEP:
                swept = sorted(self._holders)
                self._holders.clear()
                return [Sweep(holder) for holder in swept]
            case _:
                assert_never(verb)
