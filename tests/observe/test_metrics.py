"""Metrics: what a scrape shows of a snapshot and of the requests answered."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from routeserver.observe.metrics import Metrics
from routeserver.observe.snapshot import (
    PeerSample,
    RouteServerSample,
    RouteTableSample,
    Snapshot,
)


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"routeserver_{name}", frozenset(labels.items())


def test_a_scrape_shows_the_snapshot_of_its_moment() -> None:
    now = Snapshot()
    metrics = Metrics(lambda: now, version="1.2.3", actions=())
    assert key("rib_routes", route_server_id="rs-1") not in samples(metrics)
    now = Snapshot(
        route_servers=[RouteServerSample("rs-1", 7, 3, 2)],
        peers=[PeerSample("rs-1", "rsp-1", True, False), PeerSample("rs-1", "rsp-2", False, None)],
        route_tables=[RouteTableSample("rtb-1", 3)],
    )
    seen = samples(metrics)
    assert seen[key("rib_routes", route_server_id="rs-1")] == 7
    assert seen[key("fib_routes", route_server_id="rs-1")] == 3
    assert seen[key("bgp_sessions_established", route_server_id="rs-1")] == 2
    assert seen[key("peer_bgp_up", route_server_id="rs-1", peer_id="rsp-1")] == 1
    assert seen[key("peer_bgp_up", route_server_id="rs-1", peer_id="rsp-2")] == 0
    assert seen[key("peer_bfd_up", route_server_id="rs-1", peer_id="rsp-1")] == 0
    assert key("peer_bfd_up", route_server_id="rs-1", peer_id="rsp-2") not in seen
    assert seen[key("installed_routes", route_table_id="rtb-1")] == 3
    assert seen[key("build_info", version="1.2.3")] == 1


def test_requests_are_counted_by_action_and_code_and_timed() -> None:
    metrics = Metrics(Snapshot, version="1", actions={"DescribeVpcs"})
    metrics.request_answered("DescribeVpcs", "OK", 0.003)
    metrics.request_answered("DescribeVpcs", "OK", 0.3)
    metrics.request_answered("DescribeVpcs", "InvalidVpcID.NotFound", 0.001)
    seen = samples(metrics)
    assert seen[key("api_requests_total", action="DescribeVpcs", code="OK")] == 2
    missing = key("api_requests_total", action="DescribeVpcs", code="InvalidVpcID.NotFound")
    assert seen[missing] == 1
    timed = "api_request_duration_seconds"
    assert seen[key(f"{timed}_count", action="DescribeVpcs")] == 3
    assert seen[key(f"{timed}_bucket", action="DescribeVpcs", le="0.005")] == 2


def test_a_client_cannot_make_series_at_will() -> None:
    metrics = Metrics(Snapshot, version="1", actions={"DescribeVpcs"})
    for number in range(50):
        metrics.request_answered(f"Invented{number}", "InvalidAction", 0.001)
    metrics.request_answered(None, "AuthFailure", 0.001)
    counted = [name for name in samples(metrics) if name[0] == "routeserver_api_requests_total"]
    assert len(counted) == 2
    assert samples(metrics)[key("api_requests_total", action="other", code="InvalidAction")] == 50


def test_what_went_wrong_is_counted_by_peer_and_kind() -> None:
    peer = PeerSample(
        "rs-1",
        "rsp-1",
        True,
        None,
        routes=9,
        held=2,
        discarded=1,
        ignored={"treat as withdraw": 3},
        endings={("sent", 6, 10): 2, ("lost", 0, 0): 1},
        warnings={"routes_near_limit": 6},
        bfd_discarded={"bad_ttl": 4},
    )
    now = Snapshot(
        route_servers=[RouteServerSample("rs-1", 9, 9, 1, fib_changes=12)],
        peers=[peer],
        refused={("rse-1", "unknown peer"): 5},
        longest_turn_s=0.25,
    )
    seen = samples(Metrics(lambda: now, version="1", actions=()))
    of = {"route_server_id": "rs-1", "peer_id": "rsp-1"}
    assert seen[key("fib_changes_total", route_server_id="rs-1")] == 12
    assert seen[key("peer_routes", **of)] == 9
    assert seen[key("peer_routes_held", **of)] == 2
    assert seen[key("peer_routes_over_limit", **of)] == 1
    assert seen[key("peer_limit_warnings_total", **of, event="routes_near_limit")] == 6
    assert seen[key("peer_updates_ignored_total", **of, verdict="treat as withdraw")] == 3
    assert seen[key("peer_sessions_ended_total", **of, by="sent", code="6", subcode="10")] == 2
    assert seen[key("peer_sessions_ended_total", **of, by="lost", code="0", subcode="0")] == 1
    assert seen[key("bfd_packets_discarded_total", **of, reason="bad_ttl")] == 4
    refused = {"route_server_endpoint_id": "rse-1", "kind": "unknown peer"}
    assert seen[key("connections_refused_total", **refused)] == 5
    assert seen[key("event_loop_longest_turn_seconds")] == 0.25


async def test_a_scrape_takes_its_snapshot_at_once() -> None:
    now = Snapshot()
    metrics = Metrics(lambda: now, version="1", actions=())
    scrape = asyncio.ensure_future(metrics.scrape())
    await asyncio.sleep(0)
    now = Snapshot(route_servers=[RouteServerSample("rs-1", 7, 3, 2)])
    assert b"rs-1" not in await scrape
    assert b"rs-1" in await metrics.scrape()
