"""The service models as this server reads them."""

from __future__ import annotations

import pytest

from routeserver.ec2 import model, request, response
from tests.ec2.botocore_side import SERVICES, client_model


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_of_the_model_compiles_in_both_directions(service: str) -> None:
    for name in model.service(service).operation_names:
        operation = model.operation(service, name)
        assert operation is not None
        if operation.input is not None:
            request._parser(operation.input)
        if operation.output is not None:
            response._writer(operation.output)


@pytest.mark.parametrize("service", SERVICES)
def test_operations_and_version_are_those_of_botocore(service: str) -> None:
    ours, theirs = model.service(service), client_model(service)
    assert list(ours.operation_names) == theirs.operation_names
    assert ours.api_version == theirs.api_version
    assert ours.protocol == theirs.protocol


def test_an_operation_is_made_once() -> None:
    made = model.operation("ec2", "CreateRouteServer")
    assert made is model.operation("ec2", "CreateRouteServer")


def test_an_operation_the_service_does_not_have_is_none() -> None:
    assert model.operation("ec2", "GetCallerIdentity") is None


def test_a_queryname_wins_over_a_locationname_in_requests_only() -> None:
    shape = model.service("ec2").shape("InstanceNetworkInterfaceSpecification")
    (member,) = [m for m in shape.members if m.name == "PrivateIpAddresses"]
    assert member.request_name == "PrivateIpAddresses"
    assert member.response_name == "privateIpAddressesSet"


def test_no_model_of_the_users_own_changes_what_the_server_understands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    model.service.cache_clear()
    assert model.operation("ec2", "CreateRouteServer") is not None
