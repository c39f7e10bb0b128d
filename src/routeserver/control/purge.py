"""What was deleted and is still described, forgotten at once instead of when its time is over.

Deleted route servers, endpoints and peers and terminated instances stay described for a while, as
on Amazon's service; who tests tear-downs or cleans up wants them gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from routeserver.domain.network import Instance, InstanceState
from routeserver.domain.resources import (
    EndpointState,
    PeerState,
    Resource,
    RouteServer,
    RouteServerEndpoint,
    RouteServerPeer,
    RouteServerState,
)
from routeserver.store import Transaction

TOMBSTONES: Final[tuple[tuple[type[Resource], str], ...]] = (
    (RouteServerPeer, PeerState.DELETED),
    (RouteServerEndpoint, EndpointState.DELETED),
    (RouteServer, RouteServerState.DELETED),
    (Instance, InstanceState.TERMINATED),
)


async def purge(tx: Transaction, *, deleted_before: float | None = None) -> Mapping[str, int]:
    """Forget what was deleted, in the transaction's scope or everywhere when it has none.

    `deleted_before` (UTC seconds) leaves what was deleted since. Answers how many there were of
    each kind of resource.
    """
    counts: Counter[str] = Counter({type_.kind: 0 for type_, _ in TOMBSTONES})
    for type_, state in TOMBSTONES:
        for row in await tx.list(type_, state=state):
            if deleted_before is None or _deleted_at(row) < deleted_before:
                await tx.delete(row)
                counts[type_.kind] += 1
    return counts


def _deleted_at(row: Resource) -> float:
    at = row.terminated_at if isinstance(row, Instance) else getattr(row, "deleted_at", None)
    return row.created_at if at is None else at
