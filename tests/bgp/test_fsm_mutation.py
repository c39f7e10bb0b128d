"""Mutation of the state machine: whichever entry of `TRANSITIONS` is replaced by whichever other
one, something that the session does changes, and this oracle sees it.

The oracle is one sentence per pair of state and event: the state afterwards, what was told, what
was sent, and what the timers do from then on when nothing else happens. Some pairs cannot be
brought about from outside (no timer runs in Connect); to those the event is delivered as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from routeserver.bgp import session as session_module
from routeserver.bgp.errors import Cease, cease
from routeserver.bgp.events import Event, SessionClosed
from routeserver.bgp.framing import HEADER_OCTETS, MARKER, Framer, MessageType
from routeserver.bgp.fsm import TRANSITIONS, Action, FsmEvent, FsmState, Transition
from routeserver.bgp.messages import KEEPALIVE, NotificationMessage, RouteRefresh
from routeserver.bgp.negotiation import MIN_SEND_HOLD_TIME_S
from routeserver.bgp.session import Session
from tests.bgp.support import MANDATORY, attribute, config, nlri, peer_open, update

IDLE, CONNECT, OPEN_SENT, OPEN_CONFIRM, ESTABLISHED = FsmState
E = FsmEvent

MESSAGES: Final[dict[FsmEvent, bytes]] = {
    E.OPEN_RECEIVED: peer_open().encode(),
    E.KEEPALIVE_RECEIVED: KEEPALIVE,
    # Not a plain one: those are read past the table where the table takes UPDATEs.
    E.UPDATE_RECEIVED: update(MANDATORY + attribute(0xC0, 99, b""), nlri("192.0.2.0/24")),
    E.ROUTE_REFRESH_RECEIVED: RouteRefresh(1, 1).encode(),
    E.NOTIFICATION_RECEIVED: NotificationMessage(cease(Cease.OUT_OF_RESOURCES)).encode(),
    E.MALFORMED_MESSAGE: MARKER + bytes(3),
}
RESET: Final = cease(Cease.ADMINISTRATIVE_RESET)


def at_one(session: Session, event: FsmEvent) -> list[Event]:
    """The event at time 1, as the world brings it about, or as it is where the world cannot."""
    if session.state is IDLE:
        return delivered(session, event, *MESSAGES.values())
    match event:
        case E.CONNECTION_OPENED:
            return session.connection_opened(1)
        case E.CONNECTION_LOST:
            return session.connection_lost(1)
        case E.STOP:
            return session.stop(RESET, "stopped", 1)
        case E.SEND_HOLD_TIMER_EXPIRED if session.state in {OPEN_CONFIRM, ESTABLISHED}:
            session.write_blocked(1 - MIN_SEND_HOLD_TIME_S)
            return session.handle_timer(1)
        case _ if event in MESSAGES:
            return session.receive(MESSAGES[event], 1)
    return delivered(session, event, KEEPALIVE)


def delivered(session: Session, event: FsmEvent, *messages: bytes) -> list[Event]:
    """With whatever message a wrong action might want to read."""
    for message in messages:
        body = message[HEADER_OCTETS:]
        session._step(event, 1, body, notification=RESET, reason="stopped")
    return session.handle_timer(1)


def brought_to(state: FsmState) -> Session:
    """At time 0, timers negotiated as far as that goes; Idle is the end of an established one."""
    session = Session(config())
    if state is not CONNECT:
        session.connection_opened(0)
    if state in {OPEN_CONFIRM, ESTABLISHED, IDLE}:
        session.receive(peer_open().encode(), 0)
    if state in {ESTABLISHED, IDLE}:
        session.receive(KEEPALIVE, 0)
    if state is IDLE:
        session.connection_lost(0)
    assert session.state is state
    session.data_to_send()
    return session


def sent(session: Session) -> str:
    """What waits to be sent, in words."""
    framer, words = Framer(), []
    frames = framer.receive(session.data_to_send())[0]
    for message_type, body in [*frames, *framer.receive(b"")[0]]:
        if message_type == MessageType.NOTIFICATION:
            words.append(f"{body[0]}/{body[1]} {body[2:].hex()}".strip())
        else:
            words.append(MessageType(message_type).name)
    return " ".join(words)


def sentence(state: FsmState, event: FsmEvent) -> str:
    session = brought_to(state)
    events = at_one(session, event)
    told = [
        f"closed ({'up' if e.was_established else 'down'}: {e.reason})"
        if isinstance(e, SessionClosed)
        else type(e).__name__
        for e in events
    ]
    parts = [session.state.name, *told, sent(session)]
    for _ in range(6):
        deadline = session.next_deadline()
        if deadline is None:
            break
        session.handle_timer(deadline)
        parts.append(f"@{deadline:g} {sent(session)}")
    return ", ".join(part for part in parts if part)


UNOPENED: Final = "IDLE, closed (down: the peer spoke before the connection was opened)"
GONE: Final = "closed (down: the connection was lost)"
NOTIFIED: Final = "closed (down: the peer sent Cease/Out Of Resources)"
STOPPED: Final = "closed (down: stopped), 6/4"
BAD_LENGTH: Final = (
    "(down: Message Header Error/Bad Message Length: no message is 0 octets long), 1/2 0000"
)
CONFIRMED: Final = "@10 KEEPALIVE, @20 KEEPALIVE, @30 4/0"
FROM_ONE: Final = "@10 KEEPALIVE, @20 KEEPALIVE, @30 KEEPALIVE, @31 4/0"


def unexpected(name: str, where: str, subcode: int, kind: int | None) -> str:
    data = "" if kind is None else f" {kind:02x}"
    return f"IDLE, closed ({where}: {name}), 5/{subcode}{data}"


def _unexpected(name: str, state: str, subcode: int, kind: int) -> str:
    return unexpected(
        f"{name} is not expected in {state}", "up" if subcode == 3 else "down", subcode, kind
    )


ORACLE: Final[Mapping[FsmState, Mapping[FsmEvent, str]]] = {
    IDLE: dict.fromkeys(FsmEvent, "IDLE"),
    CONNECT: {
        E.CONNECTION_OPENED: "OPEN_SENT, OPEN, @241 4/0",
        E.CONNECTION_LOST: f"IDLE, {GONE}",
        E.STOP: f"IDLE, {STOPPED}",
        E.HOLD_TIMER_EXPIRED: UNOPENED,
        E.KEEPALIVE_TIMER_EXPIRED: UNOPENED,
        E.SEND_HOLD_TIMER_EXPIRED: UNOPENED,
        E.OPEN_RECEIVED: UNOPENED,
        E.KEEPALIVE_RECEIVED: UNOPENED,
        E.UPDATE_RECEIVED: UNOPENED,
        E.ROUTE_REFRESH_RECEIVED: UNOPENED,
        E.NOTIFICATION_RECEIVED: f"IDLE, {NOTIFIED}",
        E.MALFORMED_MESSAGE: f"IDLE, closed {BAD_LENGTH}",
    },
    OPEN_SENT: {
        E.CONNECTION_OPENED: "OPEN_SENT, @240 4/0",
        E.CONNECTION_LOST: f"IDLE, {GONE}",
        E.STOP: f"IDLE, {STOPPED}",
        E.HOLD_TIMER_EXPIRED: "IDLE, closed (down: hold timer expired), 4/0",
        E.KEEPALIVE_TIMER_EXPIRED: unexpected(
            "KEEPALIVE_TIMER_EXPIRED is not expected in OPEN_SENT", "down", 0, None
        ),
        E.SEND_HOLD_TIMER_EXPIRED: "IDLE, closed (down: send hold timer expired), 8/0",
        E.OPEN_RECEIVED: f"OPEN_CONFIRM, KEEPALIVE, @{10 + 1} KEEPALIVE, @21 KEEPALIVE, @31 4/0",
        E.KEEPALIVE_RECEIVED: _unexpected("KEEPALIVE", "OPEN_SENT", 1, 4),
        E.UPDATE_RECEIVED: _unexpected("UPDATE", "OPEN_SENT", 1, 2),
        E.ROUTE_REFRESH_RECEIVED: _unexpected("ROUTE_REFRESH", "OPEN_SENT", 1, 5),
        E.NOTIFICATION_RECEIVED: f"IDLE, {NOTIFIED}",
        E.MALFORMED_MESSAGE: f"IDLE, closed {BAD_LENGTH}",
    },
    OPEN_CONFIRM: {
        E.CONNECTION_OPENED: f"OPEN_CONFIRM, {CONFIRMED}",
        E.CONNECTION_LOST: f"IDLE, {GONE}",
        E.STOP: f"IDLE, {STOPPED}",
        E.HOLD_TIMER_EXPIRED: "IDLE, closed (down: hold timer expired), 4/0",
        E.KEEPALIVE_TIMER_EXPIRED: (
            "OPEN_CONFIRM, KEEPALIVE, @11 KEEPALIVE, @21 KEEPALIVE, @30 4/0"
        ),
        E.SEND_HOLD_TIMER_EXPIRED: "IDLE, closed (down: send hold timer expired), 8/0",
        E.OPEN_RECEIVED: _unexpected("OPEN", "OPEN_CONFIRM", 2, 1),
        E.KEEPALIVE_RECEIVED: f"ESTABLISHED, Established, {FROM_ONE}",
        E.UPDATE_RECEIVED: _unexpected("UPDATE", "OPEN_CONFIRM", 2, 2),
        E.ROUTE_REFRESH_RECEIVED: _unexpected("ROUTE_REFRESH", "OPEN_CONFIRM", 2, 5),
        E.NOTIFICATION_RECEIVED: f"IDLE, {NOTIFIED}",
        E.MALFORMED_MESSAGE: f"IDLE, closed {BAD_LENGTH}",
    },
    ESTABLISHED: {
        E.CONNECTION_OPENED: f"ESTABLISHED, {CONFIRMED}",
        E.CONNECTION_LOST: f"IDLE, {GONE}".replace("down", "up"),
        E.STOP: f"IDLE, {STOPPED}".replace("down", "up"),
        E.HOLD_TIMER_EXPIRED: "IDLE, closed (up: hold timer expired), 4/0",
        E.KEEPALIVE_TIMER_EXPIRED: "ESTABLISHED, KEEPALIVE, @11 KEEPALIVE, @21 KEEPALIVE, @30 4/0",
        E.SEND_HOLD_TIMER_EXPIRED: "IDLE, closed (up: send hold timer expired), 8/0",
        E.OPEN_RECEIVED: _unexpected("OPEN", "ESTABLISHED", 3, 1),
        E.KEEPALIVE_RECEIVED: f"ESTABLISHED, {FROM_ONE}",
        E.UPDATE_RECEIVED: f"ESTABLISHED, RoutesReceived, {FROM_ONE}",
        # RFC 4271 §8.2.2 restarts the hold timer on KEEPALIVE and UPDATE only.
        E.ROUTE_REFRESH_RECEIVED: f"ESTABLISHED, RefreshRequested, {CONFIRMED}",
        E.NOTIFICATION_RECEIVED: f"IDLE, {NOTIFIED}".replace("down", "up"),
        E.MALFORMED_MESSAGE: f"IDLE, closed {BAD_LENGTH}".replace("down", "up"),
    },
}

# Without an OPEN of the peer there is no hold time to restart, and after the end no timer starts
# again: the same as doing nothing.
EQUIVALENT: Final = frozenset(
    {
        (OPEN_SENT, E.CONNECTION_OPENED, Transition(OPEN_SENT, Action.RESTART_HOLD_TIMER)),
        *((IDLE, event, Transition(IDLE, Action.RESTART_HOLD_TIMER)) for event in FsmEvent),
    }
)

PAIRS: Final = [(state, event) for state in FsmState for event in FsmEvent]


@pytest.mark.parametrize(
    ("state", "event"), PAIRS, ids=[f"{state.name}-{event.name}" for state, event in PAIRS]
)
def test_each_pair_does_what_its_sentence_says(state: FsmState, event: FsmEvent) -> None:
    assert sentence(state, event) == ORACLE[state][event]


@pytest.mark.parametrize("state", FsmState, ids=lambda state: state.name)
def test_an_update_that_is_read_past_the_table_does_the_same(
    state: FsmState, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = update(MANDATORY, nlri("192.0.2.0/24"))
    monkeypatch.setitem(MESSAGES, E.UPDATE_RECEIVED, plain)
    assert sentence(state, E.UPDATE_RECEIVED) == ORACLE[state][E.UPDATE_RECEIVED]


def mutants(state: FsmState, event: FsmEvent) -> Iterator[Transition]:
    for other in FsmState:
        for action in Action:
            if (other, action) != TRANSITIONS[state][event]:
                yield Transition(other, action)


def noticed(say: Callable[[FsmState, FsmEvent], str], state: FsmState, event: FsmEvent) -> bool:
    """Any exception is as good as another sentence: the session no longer works."""
    try:
        return say(state, event) != ORACLE[state][event]
    except Exception:
        return True


@pytest.mark.parametrize("state", FsmState, ids=lambda state: state.name)
def test_every_mutation_of_one_entry_is_noticed(
    state: FsmState, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnoticed = set()
    for event in FsmEvent:
        for mutant in mutants(state, event):
            table = {**TRANSITIONS, state: {**TRANSITIONS[state], event: mutant}}
            monkeypatch.setattr(session_module, "TRANSITIONS", table)
            if not noticed(sentence, state, event):
                unnoticed.add((state, event, mutant))
    assert unnoticed == {known for known in EQUIVALENT if known[0] is state}
