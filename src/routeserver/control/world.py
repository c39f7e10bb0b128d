"""The world as control sees it: the speaker, the BFD process and the route tables, joined.

Here the one path for change comes together: whatever ends a session or moves a best path arrives as
"these prefixes changed" and leaves as route-table entries. It also answers what an API call may
look at (`Observed`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

import structlog

from routeserver.bfdd.client import BfdDaemon
from routeserver.bfdd.spec import BfdChange
from routeserver.bgp.events import Established
from routeserver.control.fib_log import FibLog
from routeserver.control.observed import Installation, PeerStatus, RouteView
from routeserver.control.reconcile.tables import RouteTables
from routeserver.dataplane import DataPlane
from routeserver.domain.routing import Entry
from routeserver.domain.topology import Topology
from routeserver.domain.topology_rows import Rows, topology
from routeserver.fabric import Fabric
from routeserver.net.attribute_set import AttributeSet
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Prefix
from routeserver.net.route_batch import RouteBatch
from routeserver.rib.fib import FibDelta
from routeserver.rib.path import Path
from routeserver.rib.rib import Rib
from routeserver.speaker.speaker import Speaker

log = structlog.get_logger()

NOTHING: Final[Mapping[Prefix, Path]] = {}

LATEST_SETS: Final = 256
"""Attribute sets that stay decoded while routes are listed."""

_Row: TypeAlias = tuple[Prefix, Path, bool]
"""A prefix, one of its paths, and whether that is the best."""


@dataclass(slots=True)
class SessionHistory:
    """What became of a peer's sessions since the process began; times are UTC seconds."""

    up: bool = False
    since: float = 0.0
    times_down: int = 0
    last_error: str | None = None
    last_error_at: float | None = None


class World:
    """Made before the speaker and the BFD process, which report to it; `attach` closes the
    circle."""

    def __init__(
        self,
        data_plane: DataPlane,
        fabric: Fabric,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.data_plane = data_plane
        self.fabric = fabric
        self.topology = Topology()
        """What the fabric was last asked to build."""
        self._faults: dict[str, Mapping[str, str]] = {}
        """What of it could not be built, or be given its routes: by who says so, and the id of a
        resource."""
        self.tables = RouteTables(data_plane, self._fib, self._is_deciding)
        self.sessions: dict[str, SessionHistory] = {}
        """By peer id; peers that never had a session are not in it."""
        self.fib_changes: Counter[str] = Counter()
        """How many best paths have changed since the process began, by route server."""
        self.fib_log = FibLog()
        self._wall_clock = wall_clock
        self.speaker: Speaker
        self.bfd: BfdDaemon

    def attach(self, speaker: Speaker, bfd: BfdDaemon) -> None:
        self.speaker = speaker
        self.bfd = bfd

    def _fib(self, route_server_id: str) -> Mapping[Prefix, Path]:
        rib = self.speaker.rib(route_server_id)
        return NOTHING if rib is None else rib.fib

    def _is_deciding(self, route_server_id: str) -> bool:
        return self.speaker.is_deciding(route_server_id)

    # --- what VPCs are built from -----------------------------------------------------------------

    async def build(self, shape: Rows | None) -> Mapping[str, str]:
        """Networks, ports and gateways; answers what could not be built, in one line, by the id of
        a resource."""
        if shape is None:
            return {}
        self.topology = topology(
            shape, needs_plug=self.fabric.needs_plug, main_table=self.fabric.main_table
        )
        found = {**self.topology.faults, **await self.fabric.converge(self.topology)}
        self._note("fabric", found)
        return found

    async def lay_routes(self) -> None:
        """Rules, local and static routes, over what was built."""
        if self.fabric.needs_topology:
            self._note("routes", await self.data_plane.converge(self.topology))

    @property
    def faults(self) -> dict[str, str]:
        """Everything that could not be made of the topology, by the id of a resource."""
        return {id_: why for found in self._faults.values() for id_, why in found.items()}

    def _note(self, what: str, found: Mapping[str, str]) -> None:
        """Each fault is logged once."""
        before = self._faults.get(what, {})
        for resource_id, reason in found.items():
            if before.get(resource_id) != reason:
                log.warning(f"{what}_fault", resource_id=resource_id, reason=reason)
        self._faults[what] = found

    def keep_only(self, peer_ids: Container[str]) -> None:
        """Forget the history of peers that are no longer wanted."""
        for peer_id in [known for known in self.sessions if known not in peer_ids]:
            del self.sessions[peer_id]

    # --- what the speaker and the BFD process report ----------------------------------------------

    def fib_changed(self, route_server_id: str, delta: FibDelta) -> None:
        changed = len(delta)
        self.fib_log.add(route_server_id, changed, delta.withdrawn)
        self.fib_changes[route_server_id] += changed
        self.tables.fib_changed(route_server_id, delta)

    def routes_touched(self, route_server_id: str, batch: RouteBatch | None) -> None:
        self.tables.routes_touched(route_server_id, batch)

    def peer_lost(self, route_server_id: str, peer_id: str) -> None:
        del route_server_id
        self.data_plane.peer_lost(peer_id)

    def peer_back(self, peer_id: str) -> None:
        self.data_plane.peer_back(peer_id)

    def session_changed(self, peer_id: str, up: bool, reason: str) -> None:
        log.info("bgp_session_up" if up else "bgp_session_down", peer_id=peer_id, reason=reason)
        history = self.sessions.setdefault(peer_id, SessionHistory())
        history.up, history.since = up, self._wall_clock()
        if not up:
            history.times_down += 1
            history.last_error, history.last_error_at = reason, history.since

    def bfd_changed(self, change: BfdChange) -> None:
        """BGP follows a failure, and no other end of a BFD session (RFC 5882 §3.2)."""
        peer_id, reason, at = change.session_id, change.reason, change.at
        if change.already_down:
            down = change.admin_down
            log.info("bfd_admin_down", peer_id=peer_id, down=down, reason=reason, at=at)
        else:
            log.info("bfd_up" if change.up else "bfd_down", peer_id=peer_id, reason=reason, at=at)
        if change.up:
            self.speaker.bfd_up(peer_id)
            return
        if change.failure:
            self.speaker.bfd_down(peer_id, independent=change.independent)
        self.speaker.bfd_not_up(peer_id, admin_down=change.admin_down)

    # --- what an API call may look at -------------------------------------------------------------

    def peer_status(self, peer_id: str) -> PeerStatus:
        return PeerStatus(
            bgp_up=self.speaker.is_established(peer_id), bfd_up=self.bfd.is_up(peer_id)
        )

    def negotiated(self, peer_id: str) -> Established | None:
        return self.speaker.negotiated(peer_id)

    def propagated(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        return self.tables.read(route_table_id)

    def are_routes_persisted(self, route_server_id: str) -> bool:
        return self.speaker.are_routes_persisted(route_server_id)

    def routes(
        self,
        route_server_id: str,
        after: tuple[Prefix, str] | None = None,
        *,
        prefixes: Collection[Prefix] | None = None,
        peer_ids: Collection[str] | None = None,
    ) -> Iterator[RouteView | None]:
        rib = self.speaker.rib(route_server_id)
        if rib is None:
            return
        table_ids = self.tables.tables_of(route_server_id)
        begin = None if after is None else (after[0], "")
        rows = rib.routes(begin) if prefixes is None else _looked_up(rib, prefixes, begin)
        read = _AttributeReader()
        for prefix, path, in_fib in _in_lasting_order(rows, after):
            if peer_ids is not None and path.source.peer_id not in peer_ids:
                yield None
                continue
            installations: tuple[Installation, ...] = ()
            if in_fib:
                installations = self.tables.installations(route_server_id, prefix, table_ids)
            elif prefix in rib.refused:
                reason = rib.refused[prefix]
                installations = tuple(
                    Installation(table_id, installed=False, reason=reason) for table_id in table_ids
                )
            yield RouteView(
                prefix=prefix,
                endpoint_id=path.source.endpoint_id,
                peer_id=path.source.peer_id,
                attributes=read(path.attribute_set),
                in_fib=in_fib,
                installations=installations,
            )


class _AttributeReader:
    """Neighbours often share their attributes: each of the latest sets is decoded once."""

    def __init__(self) -> None:
        self._latest: dict[int, tuple[AttributeSet, PathAttributes]] = {}

    def __call__(self, attribute_set: AttributeSet) -> PathAttributes:
        kept = self._latest.get(id(attribute_set))
        # Held here, no other set can have its id.
        if kept is None:
            if len(self._latest) >= LATEST_SETS:
                self._latest.clear()
            kept = self._latest[id(attribute_set)] = (attribute_set, attribute_set.attributes)
        return kept[1]


def _in_lasting_order(rows: Iterator[_Row], after: tuple[Prefix, str] | None) -> Iterator[_Row]:
    """By prefix and peer id, whatever becomes the best path meanwhile: a page ends at a place that
    stays where it is."""
    for prefix, paths in groupby(rows, key=itemgetter(0)):
        for row in sorted(paths, key=_peer_id):
            if after is None or (prefix, _peer_id(row)) > after:
                yield row


def _peer_id(row: _Row) -> str:
    return row[1].source.peer_id


def _looked_up(
    rib: Rib, prefixes: Collection[Prefix], after: tuple[Prefix, str] | None
) -> Iterator[_Row]:
    """As `Rib.routes`, for these prefixes alone."""
    for prefix in sorted(prefixes):
        if after is None or prefix >= after[0]:
            best = rib.fib.get(prefix)
            for path in rib.candidates(prefix):
                yield prefix, path, path is best
