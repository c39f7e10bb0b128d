"""Requests that botocore serialised come back as its caller's parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routeserver.ec2 import form, model, request
from tests.ec2.botocore_side import (
    SERVICES,
    client_model,
    client_operation,
    operations_of_this_server,
    requests,
    serialized,
)

QUICK = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def parse(service: str, body: bytes) -> tuple[str, dict[str, Any]]:
    parameters = form.decode(body)
    operation = request.operation_of(parameters, model.service(service))
    return operation.name, request.parse(operation, parameters)


def round_trip(data: st.DataObject, service: str, name: str) -> None:
    shape = client_operation(service, name).input_shape
    params = data.draw(requests(shape)) if shape else {}
    assert parse(service, serialized(service, name, params)) == (name, params)


@pytest.mark.parametrize(("service", "name"), operations_of_this_server())
@given(data=st.data())
@QUICK
def test_parameters_survive_the_wire(service: str, name: str, data: st.DataObject) -> None:
    round_trip(data, service, name)


@given(data=st.data())
@settings(QUICK, max_examples=80)
def test_parameters_of_any_operation_survive_the_wire(data: st.DataObject) -> None:
    service = data.draw(st.sampled_from(SERVICES))
    name = data.draw(st.sampled_from(client_model(service).operation_names))
    round_trip(data, service, name)


def test_a_route_server_peer_reads_as_documented() -> None:
    body = (
        b"Action=CreateRouteServerPeer&Version=2016-11-15&RouteServerEndpointId=rse-1"
        b"&PeerAddress=10.0.2.3&BgpOptions.PeerAsn=4294967295&BgpOptions.PeerLivenessDetection=bfd"
        b"&TagSpecification.1.ResourceType=route-server-peer&TagSpecification.1.Tag.1.Key=Name"
        b"&TagSpecification.1.Tag.1.Value=a+b%26c&DryRun=true"
    )
    assert parse("ec2", body) == (
        "CreateRouteServerPeer",
        {
            "RouteServerEndpointId": "rse-1",
            "PeerAddress": "10.0.2.3",
            "BgpOptions": {"PeerAsn": 4294967295, "PeerLivenessDetection": "bfd"},
            "TagSpecifications": [
                {"ResourceType": "route-server-peer", "Tags": [{"Key": "Name", "Value": "a b&c"}]}
            ],
            "DryRun": True,
        },
    )


def test_list_indices_may_have_gaps_and_come_in_any_order() -> None:
    body = (
        b"Action=DescribeVpcs&Version=2016-11-15&Filter.999999999.Name=c&Filter.10.Name=b"
        b"&Filter.9.Name=a&Filter.9.Value.7=y&Filter.9.Value.3=x"
    )
    _, params = parse("ec2", body)
    assert params["Filters"] == [{"Name": "a", "Values": ["x", "y"]}, {"Name": "b"}, {"Name": "c"}]


def test_thousands_of_list_members_keep_their_order() -> None:
    ids = [f"vpc-{n:017x}" for n in range(5000)]
    body = serialized("ec2", "DescribeVpcs", {"VpcIds": ids})
    assert parse("ec2", body)[1] == {"VpcIds": ids}


def test_an_empty_value_is_an_empty_string() -> None:
    body = b"Action=CreateTags&Version=2016-11-15&ResourceId.1=vpc-1&Tag.1.Key=k&Tag.1.Value="
    assert parse("ec2", body)[1]["Tags"] == [{"Key": "k", "Value": ""}]


def test_an_empty_list_reads_as_empty() -> None:
    assert parse("ec2", b"Action=DescribeVpcs&Version=2016-11-15&VpcId=")[1] == {"VpcIds": []}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678Z", datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T04:04:05%2B01:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_timestamps_are_utc(text: str, moment: datetime) -> None:
    body = f"Action=CreateCapacityReservation&Version=2016-11-15&EndDate={text}&InstanceType=t"
    body += "&InstancePlatform=Windows&InstanceCount=1"
    assert parse("ec2", body.encode())[1]["EndDate"] == moment


def test_query_and_body_are_read_together() -> None:
    parameters = form.decode(b"Action=DescribeVpcs", b"Version=2016-11-15&MaxResults=5")
    operation = request.operation_of(parameters, model.service("ec2"))
    assert request.parse(operation, parameters) == {"MaxResults": 5}


def test_the_parameters_of_a_presigned_query_are_passed_over() -> None:
    body = b"Action=DescribeVpcs&Version=2016-11-15&X-Amz-Signature=0&X-Amz-Date=1&X-Amz-Expires=2"
    assert parse("ec2", body)[1] == {}
