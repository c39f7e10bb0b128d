"""What is due, from what is wanted and what the world answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from routeserver.control.policy import Policy
from routeserver.control.reconcile.intent import (
    Intent,
    interface_addresses,
    speaker_specs,
    table_intents,
)
from routeserver.control.reconcile.moves import Outcome, moves
from routeserver.domain.resources import (
    AssociationState,
    EndpointState,
    NetworkInterface,
    PropagationState,
    Route,
    RouteServer,
    RouteServerAssociation,
    RouteServerEndpoint,
    RouteServerPropagation,
    RouteServerState,
    RouteTable,
    Vpc,
)
from routeserver.net.prefix import parse_prefix

OWNER: dict[str, Any] = {"account_id": "1", "region": "us-east-1", "created_at": 0.0}
VPC = Vpc(id="vpc-1", cidr="10.0.0.0/16", state="available", **OWNER)
TABLE = RouteTable(id="rtb-1", vpc_id="vpc-1", **OWNER)
SERVER = RouteServer(id="rs-1", amazon_side_asn=65000, state=RouteServerState.AVAILABLE, **OWNER)
ASSOCIATION = RouteServerAssociation(
    id="rs-1|vpc-1",
    route_server_id="rs-1",
    vpc_id="vpc-1",
    state=AssociationState.ASSOCIATED,
    **OWNER,
)
PROPAGATION = RouteServerPropagation(
    id="rs-1|rtb-1",
    route_server_id="rs-1",
    route_table_id="rtb-1",
    state=PropagationState.AVAILABLE,
    **OWNER,
)
ENDPOINT = RouteServerEndpoint(
    id="rse-1",
    route_server_id="rs-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    state=EndpointState.AVAILABLE,
    eni_id="eni-1",
    eni_address="10.0.1.4",
    **OWNER,
)
INTERFACE = NetworkInterface(
    id="eni-1",
    vpc_id="vpc-1",
    subnet_id="subnet-1",
    mac_address="02:00:00:00:00:01",
    private_ips=("10.0.1.4",),
    requester_managed=True,
    **OWNER,
)
FINE = Outcome({}, {})


def intent(**changes: Any) -> Intent:
    settled = Intent(
        pending_vpcs=[],
        pending_subnets=[],
        servers=[SERVER],
        associations=[ASSOCIATION],
        endpoints=[ENDPOINT],
        peers=[],
        propagations=[PROPAGATION],
        vpcs={"vpc-1": VPC},
        interfaces=[INTERFACE],
        tables={"rtb-1": TABLE},
        static_routes=[],
    )
    return replace(settled, **changes)


def due(wanted: Intent, outcome: Outcome = FINE, now: float = 100.0) -> list[tuple[str, Any]]:
    found = moves(wanted, outcome, now=now, expired_before=now - 60.0)
    return [(move.resource.id, move.to_state) for move in found]


def test_nothing_is_due_when_everything_has_settled() -> None:
    assert due(intent()) == []


def test_an_endpoint_that_is_deleted_takes_its_interface_with_it() -> None:
    deleting = replace(ENDPOINT, state=EndpointState.DELETING)
    assert due(intent(endpoints=[deleting])) == [("eni-1", None), ("rse-1", "deleted")]


def test_an_endpoint_without_an_address_waits_for_the_next_activation() -> None:
    new = replace(ENDPOINT, state=EndpointState.PENDING, eni_id=None, eni_address=None)
    assert due(intent(endpoints=[new])) == []
    full = Outcome({"rse-1": "The subnet has no free address."}, {})
    assert due(intent(endpoints=[new]), full) == [("rse-1", "failing")]


def test_a_failure_carries_its_reason_and_a_recovery_clears_it() -> None:
    [move] = moves(intent(), Outcome({"rse-1": "in use"}, {}), now=1.0, expired_before=0.0)
    assert move.changes == {"failure_reason": "in use"}
    failed = replace(ENDPOINT, state=EndpointState.FAILED, failure_reason="in use")
    [move] = moves(intent(endpoints=[failed]), FINE, now=1.0, expired_before=0.0)
    assert (move.to_state, move.changes) == ("available", {"failure_reason": None})


def test_links_vanish_and_deleted_objects_are_forgotten_when_their_time_is_over() -> None:
    going = replace(ASSOCIATION, state=AssociationState.DISASSOCIATING)
    assert due(intent(associations=[going])) == [("rs-1|vpc-1", None)]
    deleted = replace(SERVER, state=RouteServerState.DELETED, deleted_at=39.0)
    assert due(intent(servers=[deleted], endpoints=[]), now=99.0) == [("rs-1", None)]
    assert due(intent(servers=[deleted], endpoints=[]), now=98.0) == []


def test_what_is_being_disabled_is_not_wanted_in_a_table_any_more() -> None:
    going = replace(PROPAGATION, state=PropagationState.DELETING)
    assert table_intents(intent(propagations=[going]), Policy()) == {}
    assert due(intent(propagations=[going])) == [("rs-1|rtb-1", None)]


def test_local_and_static_routes_take_their_destinations() -> None:
    static = Route(
        id="rtb-1|203.0.113.0/24",
        route_table_id="rtb-1",
        destination="203.0.113.0/24",
        network_interface_id="eni-2",
        **OWNER,
    )
    occupied = table_intents(intent(static_routes=[static]), Policy())["rtb-1"].occupied
    assert "local" in occupied[parse_prefix("10.0.0.0/16")]
    assert "static" in occupied[parse_prefix("203.0.113.0/24")]


def test_an_endpoints_own_interface_is_no_next_hop() -> None:
    assert interface_addresses(intent()) == {}


def test_an_endpoint_that_failed_is_bound_behind_all_others() -> None:
    newer = replace(SERVER, id="rs-2")
    failed = replace(ENDPOINT, state=EndpointState.FAILED)
    holder = replace(ENDPOINT, id="rse-2", route_server_id="rs-2")
    wanted = intent(servers=[SERVER, newer], endpoints=[failed, holder])
    assert list(speaker_specs(wanted, {}, {}, lambda _: "")) == ["rs-2", "rs-1"]
