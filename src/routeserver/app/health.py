"""What ``/healthz`` says: ok, or what is wrong, in sentences that a person can act on.

Only what a restart or an operator could change counts. A session that is down, or a route without
room, is an appliance's business and shows in the metrics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from routeserver.store import StoreError

STORE_ANSWER_S: Final = 2.0
"""How long a read of the store may take."""
FAILING_S: Final = 30.0
"""How long the reconciler may fail: it tries again every ten seconds at the latest."""
BUSY_S: Final = 300.0
"""How long one activation may take; filling many large tables takes minutes at most."""
LAG_S: Final = 1.0
"""How long the event loop may have been away: keepalives are sent once in some seconds."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is asked, each time anew. All but `read_store` answer at once."""

    bfd_pid: Callable[[], int | None]
    read_store: Callable[[], Awaitable[object]]
    reconciler_failing_s: Callable[[], float]
    reconciler_busy_s: Callable[[], float]
    loop_lag_s: Callable[[], float]


class Health:
    def __init__(self, vitals: Vitals, version: str) -> None:
        self._vitals = vitals
        self._version = version

    async def report(self) -> dict[str, Any]:
        """``status`` is ``ok`` or ``failing``, the latter with `reasons`."""
        found = [self._bfd(), await self._store(), self._reconciler(), self._loop()]
        reasons = [reason for reason in found if reason is not None]
        report = {"status": "failing" if reasons else "ok", "version": self._version}
        return {**report, "reasons": reasons} if reasons else report

    def _bfd(self) -> str | None:
        if self._vitals.bfd_pid() is not None:
            return None
        return "The BFD process is gone and is being started again; bfd.log may say why."

    async def _store(self) -> str | None:
        try:
            async with asyncio.timeout(STORE_ANSWER_S):
                await self._vitals.read_store()
        except TimeoutError:
            return f"The database has not answered within {STORE_ANSWER_S:.0f} s."
        except StoreError as error:
            return f"The database cannot be read: {error}."
        return None

    def _reconciler(self) -> str | None:
        failing_s, busy_s = self._vitals.reconciler_failing_s(), self._vitals.reconciler_busy_s()
        if failing_s > FAILING_S:
            return (
                f"What is wanted has not been carried out for {failing_s:.0f} s; the log says why "
                "(reconcile_failed)."
            )
        if busy_s > BUSY_S:
            return f"What is wanted has been on its way for {busy_s:.0f} s without an end."
        return None

    def _loop(self) -> str | None:
        lag_s = self._vitals.loop_lag_s()
        if lag_s <= LAG_S:
            return None
        return f"The server was away for {lag_s:.1f} s lately: the machine or its disk is too slow."
