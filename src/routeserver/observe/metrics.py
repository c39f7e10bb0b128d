"""Metrics in the Prometheus text format.

Gauges and the counts of sessions are read from a snapshot at the moment of the scrape, so they can
neither drift from what they describe nor cost anything between scrapes. Requests are counted as
they are answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from routeserver.observe.snapshot import KernelSample, PeerSample, RouteServerSample, Snapshot

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
OTHER_ACTION: Final = "other"
"""The label of actions that do not exist: a client must not be able to make series at will."""

LATENCY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class SnapshotCollector(Collector):
    """Turns a snapshot into metric families, one series per object."""

    def __init__(
        self, take: Callable[[], Snapshot], version: str, audit_lost: Callable[[], int]
    ) -> None:
        self._take = take
        self._version = version
        self._audit_lost = audit_lost

    def collect(self) -> Iterator[Metric]:
        snapshot = self._take()
        yield InfoMetricFamily(
            "routeserver_build", "What is running.", value={"version": self._version}
        )
        yield _counters(
            "routeserver_audit_lines_lost",
            "API calls that are in no line of the audit trail: its disk is full or too slow.",
            (),
            [((), self._audit_lost())],
        )
        yield from _of_route_servers(snapshot.route_servers)
        yield from _of_peers(snapshot.peers)
        yield _gauges(
            "routeserver_installed_routes",
            "Propagated routes installed in a route table.",
            ("route_table_id",),
            [((t.route_table_id,), t.installed) for t in snapshot.route_tables],
        )
        yield _counters(
            "routeserver_connections_refused",
            "BGP connections that got no session, by what kept them from it.",
            ("route_server_endpoint_id", "kind"),
            list(snapshot.refused.items()),
        )
        if snapshot.kernel is not None:
            yield from _of_kernel(snapshot.kernel)
        if snapshot.longest_turn_s is not None:
            yield _gauges(
                "routeserver_event_loop_longest_turn_seconds",
                "Longest time the event loop was away since the last scrape.",
                (),
                [((), snapshot.longest_turn_s)],
            )


def _of_route_servers(servers: Sequence[RouteServerSample]) -> Iterator[Metric]:
    labels = ("route_server_id",)
    yield _gauges(
        "routeserver_rib_routes",
        "Routes accepted from peers.",
        labels,
        [((rs.route_server_id,), rs.rib_routes) for rs in servers],
    )
    yield _gauges(
        "routeserver_fib_routes",
        "Prefixes with a best path.",
        labels,
        [((rs.route_server_id,), rs.fib_routes) for rs in servers],
    )
    yield _gauges(
        "routeserver_bgp_sessions_established",
        "BGP sessions in state Established.",
        labels,
        [((rs.route_server_id,), rs.sessions_established) for rs in servers],
    )
    yield _counters(
        "routeserver_fib_changes",
        "Changes of a prefix's best path.",
        labels,
        [((rs.route_server_id,), rs.fib_changes) for rs in servers],
    )


def _of_peers(peers: Sequence[PeerSample]) -> Iterator[Metric]:
    labels = ("route_server_id", "peer_id")
    yield _gauges(
        "routeserver_peer_bgp_up",
        "Whether the peer's BGP session is Established.",
        labels,
        [(_labels(p), int(p.bgp_up)) for p in peers],
    )
    yield _gauges(
        "routeserver_peer_bfd_up",
        "Whether the peer's BFD session is Up; only peers with BFD.",
        labels,
        [(_labels(p), int(p.bfd_up)) for p in peers if p.bfd_up is not None],
    )
    yield _gauges(
        "routeserver_peer_routes",
        "Routes of the peer, those held of an ended session included.",
        labels,
        [(_labels(p), p.routes) for p in peers],
    )
    yield _gauges(
        "routeserver_peer_routes_held",
        "Routes of the peer whose session has ended.",
        labels,
        [(_labels(p), p.held) for p in peers],
    )
    yield _gauges(
        "routeserver_peer_routes_over_limit",
        "Advertisements that the present session has discarded over the peer's limit.",
        labels,
        [(_labels(p), p.discarded) for p in peers],
    )
    yield _counters(
        "routeserver_peer_limit_warnings",
        "Warnings that the peer is near its prefix limit or over it, by their name in the log.",
        (*labels, "event"),
        [((*_labels(p), name), count) for p in peers for name, count in p.warnings.items()],
    )
    yield _counters(
        "routeserver_peer_updates_ignored",
        "UPDATEs that had another effect than the peer meant, by what became of them.",
        (*labels, "verdict"),
        [((*_labels(p), kind), count) for p in peers for kind, count in p.ignored.items()],
    )
    yield _counters(
        "routeserver_peer_sessions_ended",
        "Established BGP sessions that ended, by who said so with which code and subcode.",
        (*labels, "by", "code", "subcode"),
        [
            ((*_labels(p), by, str(code), str(subcode)), count)
            for p in peers
            for (by, code, subcode), count in p.endings.items()
        ],
    )
    yield _counters(
        "routeserver_bfd_packets_discarded",
        "BFD packets of the peer's session that changed nothing, by reason.",
        (*labels, "reason"),
        [((*_labels(p), kind), count) for p in peers for kind, count in p.bfd_discarded.items()],
    )


def _of_kernel(kernel: KernelSample) -> Iterator[Metric]:
    yield _gauges(
        "routeserver_kernel_routes",
        "Propagated routes that stand in the kernel; only with the data plane kernel.",
        (),
        [((), kernel.routes)],
    )
    for name, meaning, count in (
        ("flips", "Next-hop objects led elsewhere with all the routes they have.", kernel.flips),
        ("repairs", "Routes, rules and next hops put right that others changed.", kernel.repairs),
        ("routes_refused", "Routes that the kernel did not take.", kernel.refused),
    ):
        yield _counters(f"routeserver_kernel_{name}", meaning, (), [((), count)])


def _labels(peer: PeerSample) -> tuple[str, str]:
    return peer.route_server_id, peer.peer_id


class _Taken(CollectorRegistry):
    """Families that were collected before, and what a registry collects."""

    def __init__(self, families: Sequence[Metric], rest: CollectorRegistry) -> None:
        super().__init__()
        self._families = families
        self._rest = rest

    def collect(self) -> Iterator[Metric]:
        yield from self._families
        yield from self._rest.collect()


class Metrics:
    """Everything a scrape shows. `actions` are the API actions that exist."""

    def __init__(
        self,
        take: Callable[[], Snapshot],
        *,
        version: str,
        actions: Collection[str],
        audit_lost: Callable[[], int] = lambda: 0,
    ) -> None:
        self._registry = CollectorRegistry()
        self._actions = frozenset(actions)
        self._snapshot = SnapshotCollector(take, version, audit_lost)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "routeserver_api_requests",
            "API requests answered, by action and error code (OK for none).",
            ("action", "code"),
            registry=self._registry,
        )
        self._answered: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        """What the registry keeps for each action and code, which are as many; finding it there
        costs more than counting."""
        self._refused = Counter(
            "routeserver_api_requests_refused",
            "Requests that reached no operation, by error code: not authenticated, malformed.",
            ("code",),
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
        answered = self._answered.get((label, code))
        if answered is None:
            answered = self._requests.labels(label, code), self._latency.labels(label)
            self._answered[label, code] = answered
        count, latency = answered
        count.inc()
        latency.observe(duration_s)

    def request_refused(self, code: str) -> None:
        """Count one request that got no further than its form or its signature; `code` is one of
        ours, never a client's text."""
        self._refused.labels(code).inc()

    def render(self) -> bytes:
        """The scrape's body, of type `CONTENT_TYPE`."""
        return self._write([*self._snapshot.collect()])

    async def scrape(self) -> bytes:
        """`render` with only the snapshot taken on the event loop: to write some thousand samples
        down takes a long time.
        """
        return await asyncio.to_thread(self._write, [*self._snapshot.collect()])

    def _write(self, families: Sequence[Metric]) -> bytes:
        return generate_latest(_Taken(families, self._registry))


def _gauges(
    name: str, meaning: str, labels: Sequence[str], samples: Sequence[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _counters(
    name: str, meaning: str, labels: Sequence[str], samples: Sequence[tuple[Sequence[str], float]]
) -> CounterMetricFamily:
    """Exposed as ``<name>_total``."""
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
