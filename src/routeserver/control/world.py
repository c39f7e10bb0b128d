"""The world as control sees it: the speaker, the BFD process and the route tables, joined.

Here the one path for change comes together: whatever ends a session or moves a best path arrives as
"these prefixes changed" and leaves as route-table entries. It also answers what an API call may
look at (`Observed`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import structlog

from routeserver.bfdd.client import BfdDaemon
from routeserver.bfdd.spec import BfdChange
from routeserver.control.observed import Installation, PeerStatus, RouteView
from routeserver.control.reconcile.tables import RouteTables
from routeserver.dataplane import DataPlane
from routeserver.domain.routing import Entry
from routeserver.net.prefix import Prefix
from routeserver.rib.path import Path
from routeserver.speaker.speaker import Speaker

log = structlog.get_logger()

NOTHING: Final[Mapping[Prefix, Path]] = {}


class World:
    """Made before the speaker and the BFD process, which report to it; `attach` closes the
    circle."""

    def __init__(self, data_plane: DataPlane) -> None:
        self.tables = RouteTables(data_plane, self._fib)
        self.speaker: Speaker
        self.bfd: BfdDaemon

    def attach(self, speaker: Speaker, bfd: BfdDaemon) -> None:
        self.speaker = speaker
        self.bfd = bfd

    def _fib(self, route_server_id: str) -> Mapping[Prefix, Path]:
        rib = self.speaker.rib(route_server_id)
        return NOTHING if rib is None else rib.fib

    # --- what the speaker and the BFD process report ----------------------------------------------

    def fib_changed(self, route_server_id: str, delta: Mapping[Prefix, Path | None]) -> None:
        gone = sum(path is None for path in delta.values())
        log.info("fib_changed", route_server_id=route_server_id, changed=len(delta), withdrawn=gone)
        self.tables.fib_changed(route_server_id, delta)

    def session_changed(self, peer_id: str, up: bool, reason: str) -> None:
        log.info("bgp_session_up" if up else "bgp_session_down", peer_id=peer_id, reason=reason)

    def bfd_changed(self, change: BfdChange) -> None:
        log.info(
            "bfd_up" if change.up else "bfd_down",
            peer_id=change.session_id,
            reason=change.reason,
            at=change.at,
        )
        if change.failure:
            self.speaker.bfd_down(change.session_id)

    # --- what an API call may look at -------------------------------------------------------------

    def peer_status(self, peer_id: str) -> PeerStatus:
        return PeerStatus(
            bgp_up=self.speaker.is_established(peer_id), bfd_up=self.bfd.is_up(peer_id)
        )

    def propagated(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        return self.tables.read(route_table_id)

    def are_routes_persisted(self, route_server_id: str) -> bool:
        return self.speaker.are_routes_persisted(route_server_id)

    def routes(
        self, route_server_id: str, after: tuple[Prefix, str] | None = None
    ) -> Iterator[RouteView]:
        rib = self.speaker.rib(route_server_id)
        if rib is None:
            return
        table_ids = self.tables.tables_of(route_server_id)
        for prefix, path, in_fib in rib.routes(after):
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
                attributes=path.attributes,
                in_fib=in_fib,
                installations=installations,
            )
