"""What the world looks like at this moment, as far as an answer shows it. Looking never changes
anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from routeserver.domain.routing import Entry
from routeserver.net.path import PathAttributes
from routeserver.net.prefix import Prefix


@dataclass(frozen=True, slots=True)
class PeerStatus:
    bgp_up: bool = False
    bfd_up: bool = False


@dataclass(frozen=True, slots=True)
class Installation:
    """One route in one route table; `reason` is set when it was rejected."""

    route_table_id: str
    installed: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RouteView:
    """One path of the routing database."""

    prefix: Prefix
    endpoint_id: str
    peer_id: str
    attributes: PathAttributes
    in_fib: bool
    installations: tuple[Installation, ...]


class Observed(Protocol):
    def peer_status(self, peer_id: str) -> PeerStatus: ...

    def propagated(self, route_table_id: str) -> Mapping[Prefix, Entry]:
        """The entries that propagation has put into a route table."""
        ...

    def routes(
        self,
        route_server_id: str,
        after: tuple[Prefix, str] | None = None,
        *,
        prefixes: Collection[Prefix] | None = None,
        peer_ids: Collection[str] | None = None,
    ) -> Iterator[RouteView | None]:
        """The routing database by prefix and then best first, from just behind `after`.

        `prefixes` are looked up instead of looked for. Of other peers than `peer_ids` comes None
        in place of the route: the reader may be long on its way between two of these.
        """
        ...

    def are_routes_persisted(self, route_server_id: str) -> bool:
        """Whether routes are being held now because the last BGP session ended."""
        ...
