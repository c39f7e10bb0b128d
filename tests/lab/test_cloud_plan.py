"""A lab's calls: each one fits the EC2 API's model, and names only what came before it."""

from __future__ import annotations

import re

import pytest

from routeserver.ec2.model import service as service_named
from routeserver.ec2.request import operation_of, parse
from routeserver.lab import examples
from routeserver.lab.cloud_plan import Call, Look, Ref, plan
from routeserver.lab.model import Lab
from routeserver.lab.reading import read_file, read_text
from tests.lab.test_reading import TEXT

LABS = [*(read_file(examples.path_of(name)) for name in examples.names()), read_text(TEXT, "x")]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_every_call_fits_the_model_and_refers_to_what_was_made_before(lab: Lab) -> None:
    service = service_named("ec2")
    made: set[str] = set()
    for step in plan(lab):
        refs = {value.name for value in step.params.values() if isinstance(value, Ref)}
        assert refs <= made, step
        params = {k: _example(v) for k, v in step.params.items()}
        called = {"Action": step.action, "Version": service.api_version, **params}
        parse(operation_of(called, service), called)
        made |= step.keeps.keys()
    assert {f"eni.{name}" for name in lab.appliances} <= made


def _example(value: str | Ref) -> str:
    return "x" if isinstance(value, Ref) else value


def test_what_is_asynchronous_is_waited_for() -> None:
    steps = list(plan(LABS[0]))
    slow = ("CreateRouteServer", "CreateRouteServerPeer", "AssociateRouteServer")
    for place, step in enumerate(steps):
        if isinstance(step, Call) and step.action in slow:
            assert isinstance(steps[place + 1], Look), step


def test_appliances_forward_and_hosts_do_not() -> None:
    changed = [
        step.params["NetworkInterfaceId"]
        for step in plan(LABS[-1])
        if step.action == "ModifyNetworkInterfaceAttribute"
    ]
    assert changed == [Ref("eni.fw"), Ref("eni.fw.inside")]


def test_a_peer_is_made_for_every_endpoint_in_the_subnets_of_an_appliance() -> None:
    text = re.sub(r'endpoints = \["dmz"\]', 'endpoints = ["dmz", "dmz", "app"]', TEXT)
    made = [step for step in plan(read_text(text, "x")) if step.action == "CreateRouteServerPeer"]
    endpoints = [step.params["RouteServerEndpointId"] for step in made]
    assert endpoints == [Ref(f"endpoint.rs.{place}") for place in (0, 1, 2)]
    addresses = [step.params["PeerAddress"] for step in made]
    assert addresses == ["10.0.1.10", "10.0.1.10", "10.0.2.10"]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_all_that_is_made_has_a_name_and_so_gets_the_labs_tag(lab: Lab) -> None:
    for step in plan(lab):
        if step.action.startswith("Create") and step.action != "CreateRoute":
            assert "TagSpecification.1.Tag.1.Value" in step.params, step
