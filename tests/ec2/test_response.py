"""Answers that botocore's own parsers read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routeserver.ec2 import model, response
from tests.ec2.botocore_side import (
    SERVICES,
    answers,
    client_model,
    client_operation,
    operations_of_this_server,
    parsed,
)

QUICK = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def encode(service: str, name: str, answer: dict[str, Any]) -> bytes:
    operation = model.operation(service, name)
    assert operation is not None
    return response.encode(operation, answer, "the-request-id")


def round_trip(data: st.DataObject, service: str, name: str) -> None:
    shape = client_operation(service, name).output_shape
    answer = data.draw(answers(shape)) if shape else {}
    read = parsed(service, name, encode(service, name, answer))
    assert read.pop("ResponseMetadata")["RequestId"] == "the-request-id"
    assert read == answer


@pytest.mark.parametrize(("service", "name"), operations_of_this_server())
@given(data=st.data())
@QUICK
def test_answers_survive_the_wire(service: str, name: str, data: st.DataObject) -> None:
    round_trip(data, service, name)


@given(data=st.data())
@settings(QUICK, max_examples=80)
def test_answers_of_any_operation_survive_the_wire(data: st.DataObject) -> None:
    service = data.draw(st.sampled_from(SERVICES))
    name = data.draw(st.sampled_from(client_model(service).operation_names))
    round_trip(data, service, name)


def test_an_ec2_answer_is_spelled_as_ec2_spells_it() -> None:
    answer = {"RouteServers": [{"RouteServerId": "rs-1", "AmazonSideAsn": 65000, "Tags": []}]}
    assert encode("ec2", "DescribeRouteServers", answer).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<DescribeRouteServersResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        "<requestId>the-request-id</requestId><routeServerSet><item>"
        "<routeServerId>rs-1</routeServerId><amazonSideAsn>65000</amazonSideAsn><tagSet></tagSet>"
        "</item></routeServerSet></DescribeRouteServersResponse>"
    )


def test_an_sts_answer_is_spelled_as_sts_spells_it() -> None:
    assert encode("sts", "GetCallerIdentity", {"Account": "1"}).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult>"
        "<ResponseMetadata><RequestId>the-request-id</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    )


def test_an_operation_without_output_returns_true() -> None:
    body = encode("ec2", "DeleteVpc", {})
    assert b"<return>true</return>" in body
    assert parsed("ec2", "DeleteVpc", body)["ResponseMetadata"]["RequestId"] == "the-request-id"


def test_a_member_that_is_none_is_left_out() -> None:
    body = encode("ec2", "DescribeVpcs", {"Vpcs": [], "NextToken": None})
    assert b"nextToken" not in body


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678999, tzinfo=UTC),
        datetime(2026, 1, 2, 4, 4, 5, 678999, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 1, 2, 3, 4, 5, 678999, tzinfo=UTC).timestamp(),
    ],
)
def test_timestamps_are_written_in_utc_with_milliseconds(moment: datetime | float) -> None:
    body = encode("ec2", "CreateNatGateway", {"NatGateway": {"CreateTime": moment}})
    assert b"<createTime>2026-01-02T03:04:05.678Z</createTime>" in body


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        ({"Vpc": {"Colour": "red"}}, "Vpc has no member 'Colour'"),
        ({"Vpc": {"CidrBlock": 10}}, "expected a string"),
        ({"Vpc": {"IsDefault": "true"}}, "expected a boolean"),
        ({"Vpc": {"IsDefault": 1}}, "expected a boolean"),
        ({"Vpc": {"Tags": "k=v"}}, "TagList is a list"),
    ],
)
def test_an_answer_that_does_not_fit_the_model_is_a_mistake_in_the_program(
    answer: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(TypeError, match=mistake):
        encode("ec2", "CreateVpc", answer)


def test_a_boolean_is_no_integer() -> None:
    with pytest.raises(TypeError, match="expected an integer"):
        encode("ec2", "CreateRouteServer", {"RouteServer": {"AmazonSideAsn": True}})


def test_an_answer_where_there_is_no_output_is_a_mistake_in_the_program() -> None:
    with pytest.raises(TypeError, match="DeleteVpc has no output"):
        encode("ec2", "DeleteVpc", {"Return": True})


@given(message=st.text())
def test_any_message_makes_a_well_formed_error(message: str) -> None:
    for protocol in model.Protocol:
        ET.fromstring(response.encode_fault(protocol, "Code", message, 400, "id"))  # noqa: S314


@pytest.mark.parametrize("service", SERVICES)
def test_botocore_reads_errors_of_both_services(service: str) -> None:
    protocol = model.service(service).protocol
    body = response.encode_fault(protocol, "IncorrectState", "<rs-1> & co", 400, "the-request-id")
    read = parsed(service, client_model(service).operation_names[0], body, 400)
    assert read["Error"]["Code"] == "IncorrectState"
    assert read["Error"]["Message"] == "<rs-1> & co"
    assert read["ResponseMetadata"]["RequestId"] == "the-request-id"
