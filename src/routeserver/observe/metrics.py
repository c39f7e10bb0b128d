"""Metrics in the Prometheus text format.

Gauges are read from a snapshot at the moment of the scrape, so they can neither drift from what
they describe nor cost anything between scrapes. Requests are counted as they are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
OTHER_ACTION: Final = "other"
"""The label of actions that do not exist: a client must not be able to make series at will."""

LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class RouteServerSample:
    route_server_id: str
    rib_routes: int
    fib_routes: int
    sessions_established: int


@dataclass(frozen=True, slots=True)
class PeerSample:
    """`bfd_up` is None for a peer whose liveness is BGP's keepalive."""

    route_server_id: str
    peer_id: str
    bgp_up: bool
    bfd_up: bool | None


@dataclass(frozen=True, slots=True)
class RouteTableSample:
    route_table_id: str
    installed: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is at this moment."""

    route_servers: Sequence[RouteServerSample] = ()
    peers: Sequence[PeerSample] = ()
    route_tables: Sequence[RouteTableSample] = ()


class SnapshotCollector(Collector):
    """Turns a snapshot into metric families, one series per object."""

    def __init__(self, take: Callable[[], Snapshot], version: str) -> None:
        self._take = take
        self._version = version

    def collect(self) -> Iterator[Metric]:
        snapshot = self._take()
        yield InfoMetricFamily(
            "routeserver_build", "What is running.", value={"version": self._version}
        )
        yield _gauges(
            "routeserver_rib_routes",
            "Routes accepted from peers.",
            ("route_server_id",),
            [((rs.route_server_id,), rs.rib_routes) for rs in snapshot.route_servers],
        )
        yield _gauges(
            "routeserver_fib_routes",
            "Prefixes with a best path.",
            ("route_server_id",),
            [((rs.route_server_id,), rs.fib_routes) for rs in snapshot.route_servers],
        )
        yield _gauges(
            "routeserver_bgp_sessions_established",
            "BGP sessions in state Established.",
            ("route_server_id",),
            [((rs.route_server_id,), rs.sessions_established) for rs in snapshot.route_servers],
        )
        peer_labels = ("route_server_id", "peer_id")
        yield _gauges(
            "routeserver_peer_bgp_up",
            "Whether the peer's BGP session is Established.",
            peer_labels,
            [((p.route_server_id, p.peer_id), int(p.bgp_up)) for p in snapshot.peers],
        )
        yield _gauges(
            "routeserver_peer_bfd_up",
            "Whether the peer's BFD session is Up; only peers with BFD.",
            peer_labels,
            [
                ((p.route_server_id, p.peer_id), int(p.bfd_up))
                for p in snapshot.peers
                if p.bfd_up is not None
            ],
        )
        yield _gauges(
            "routeserver_installed_routes",
            "Propagated routes installed in a route table.",
            ("route_table_id",),
            [((t.route_table_id,), t.installed) for t in snapshot.route_tables],
        )


class Metrics:
    """Everything a scrape shows. `actions` are the API actions that exist."""

    def __init__(
        self, take: Callable[[], Snapshot], *, version: str, actions: Collection[str]
    ) -> None:
        self._registry = CollectorRegistry()
        self._actions = frozenset(actions)
        self._registry.register(SnapshotCollector(take, version))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "routeserver_api_requests",
            "API requests answered, by action and error code (OK for none).",
            ("action", "code"),
            registry=self._registry,
        )
        self._latency = Histogram(
            "routeserver_api_request_duration_seconds",
            "Time from the whole request to the whole answer.",
            ("action",),
            buckets=LATENCY_BUCKETS_S,
            registry=self._registry,
        )

    def request_answered(self, action: str | None, code: str, duration_s: float) -> None:
        """Count one request; `code` is the EC2 error code or OK."""
        label = action if action in self._actions else OTHER_ACTION
        self._requests.labels(label, code).inc()
        self._latency.labels(label).observe(duration_s)

    def render(self) -> bytes:
        """The scrape's body, of type `CONTENT_TYPE`."""
        return generate_latest(self._registry)


def _gauges(
    name: str, meaning: str, labels: Sequence[str], samples: Sequence[tuple[Sequence[str], int]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
