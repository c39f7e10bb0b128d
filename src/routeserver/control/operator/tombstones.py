"""What was deleted and is still described, forgotten when the operator says so."""

from __future__ import annotations

from typing import Final

from routeserver.control.operator.desk import Answer, Desk, Params, number_of
from routeserver.control.purge import purge

MOST_S: Final = 10**9


async def purge_tombstones(desk: Desk, params: Params) -> Answer:
    """Of all accounts: what was deleted at least so many seconds ago."""
    older_than_s = number_of(params, "older_than_s", 0, MOST_S)
    deleted_before = desk.wall_clock() - older_than_s if older_than_s else None
    async with desk.store.write() as tx:
        counts = await purge(tx, deleted_before=deleted_before)
    return {"purged": dict(counts)}
