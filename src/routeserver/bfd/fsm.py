"""The BFD state machine (RFC 5880 §6.2, §6.8.6): one table over every (own state, received state).

```
            received Down                received Init or Up
   DOWN ─────────────────────▶ INIT ─────────────────────────▶ UP
    │ ▲                          │ received AdminDown,          │ received AdminDown or Down,
    │ └──────────────────────────┴ or detection time expired ───┴ or detection time expired
    └── received Init ───────────────────────────────────────▶ UP
```

Nothing received moves a session that is administratively down, a Down session that hears Up (the
other end has not noticed yet), or a Down session that hears AdminDown.
"""

from __future__ import annotations

from typing import Final

from routeserver.bfd.packet import Diagnostic, State

Transition = tuple[State, Diagnostic | None]
"""The next state, and the local diagnostic to set, or None to keep it."""

_SIGNALED: Final = Diagnostic.NEIGHBOR_SIGNALED_DOWN

ON_RECEIVED: Final[dict[tuple[State, State], Transition]] = {
    (State.ADMIN_DOWN, State.ADMIN_DOWN): (State.ADMIN_DOWN, None),
    (State.ADMIN_DOWN, State.DOWN): (State.ADMIN_DOWN, None),
    (State.ADMIN_DOWN, State.INIT): (State.ADMIN_DOWN, None),
    (State.ADMIN_DOWN, State.UP): (State.ADMIN_DOWN, None),
    (State.DOWN, State.ADMIN_DOWN): (State.DOWN, None),
    (State.DOWN, State.DOWN): (State.INIT, None),
    (State.DOWN, State.INIT): (State.UP, Diagnostic.NONE),
    (State.DOWN, State.UP): (State.DOWN, None),
    (State.INIT, State.ADMIN_DOWN): (State.DOWN, _SIGNALED),
    (State.INIT, State.DOWN): (State.INIT, None),
    (State.INIT, State.INIT): (State.UP, Diagnostic.NONE),
    (State.INIT, State.UP): (State.UP, Diagnostic.NONE),
    (State.UP, State.ADMIN_DOWN): (State.DOWN, _SIGNALED),
    (State.UP, State.DOWN): (State.DOWN, _SIGNALED),
    (State.UP, State.INIT): (State.UP, None),
    (State.UP, State.UP): (State.UP, None),
}

ON_DETECTION_TIME_EXPIRED: Final[dict[State, Transition]] = {
    State.ADMIN_DOWN: (State.ADMIN_DOWN, None),
    State.DOWN: (State.DOWN, None),
    State.INIT: (State.DOWN, Diagnostic.DETECTION_TIME_EXPIRED),
    State.UP: (State.DOWN, Diagnostic.DETECTION_TIME_EXPIRED),
}
