"""The speaker's timers, from the settings and from what this start is: the first one on its data
directory, or one after a run whose routes the data plane may have kept (RFC 4724 §4.1).
"""

from __future__ import annotations

from typing import Final

from routeserver.settings.model import Settings
from routeserver.speaker.spec import Timers

DEFERRAL_S: Final = 360.0
"""As long as stale routes of a peer are kept: then whoever wanted to come back has done so."""


def session_timers(settings: Settings, *, is_restart: bool, forwarding_kept: bool) -> Timers:
    """`forwarding_kept`: the data plane still has the routes of the process before."""
    window_s = deferral_s = 0.0
    if is_restart:
        window_s = float(settings.restart_window_s)
        if settings.selection_deferral_s is not None:
            deferral_s = float(settings.selection_deferral_s)
        elif forwarding_kept:
            deferral_s = DEFERRAL_S
    return Timers(
        settings.hold_time_s,
        settings.keepalive_s,
        restart_window_s=window_s,
        selection_deferral_s=deferral_s,
        forwarding_kept=forwarding_kept,
    )
