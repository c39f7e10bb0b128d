"""Malformed, unknown and unreasonable requests: each gets EC2's code and a sentence that names the
parameter."""

from __future__ import annotations

from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routeserver.ec2 import form, model, request
from routeserver.ec2.faults import Fault

ASKED = "Version=2016-11-15&Action="
ROUTE_SERVER = ASKED + "CreateRouteServer"
TAGS = ASKED + "CreateTags&ResourceId.1=vpc-1"


def parse(body: str | bytes, service: str = "ec2") -> object:
    raw = body.encode() if isinstance(body, str) else body
    parameters = form.decode(raw)
    return request.parse(request.operation_of(parameters, model.service(service)), parameters)


def refusal(body: str | bytes, service: str = "ec2") -> tuple[str, str]:
    with pytest.raises(Fault) as refused:
        parse(body, service)
    assert refused.value.status == 400
    return refused.value.code, refused.value.message


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("", "MissingAction", "The request must contain the parameter Action"),
        (
            "Action=&Version=2016-11-15",
            "MissingAction",
            "The request must contain the parameter Action",
        ),
        (
            "Action=DescribeVpcs",
            "MissingParameter",
            "The request must contain the parameter Version",
        ),
        (
            "Action=DescribeVpcs&Version=2010-01-01",
            "NoSuchVersion",
            "The requested version (2010-01-01) of service AmazonEC2 does not exist",
        ),
        (
            ASKED + "RunFast",
            "InvalidAction",
            "The action RunFast is not valid for this web service.",
        ),
        (
            ASKED + "__class__",
            "InvalidAction",
            "The action __class__ is not valid for this web service.",
        ),
        (
            ASKED + "describeVpcs",
            "InvalidAction",
            "The action describeVpcs is not valid for this web service.",
        ),
        (ROUTE_SERVER, "MissingParameter", "The request must contain the parameter AmazonSideAsn"),
        (
            ROUTE_SERVER + "&AmazonSideAsn=65000&Colour=red",
            "UnknownParameter",
            "The parameter Colour is not recognized",
        ),
        (
            ROUTE_SERVER + "&AmazonSideAsn=65000&amazonSideAsn=1",
            "UnknownParameter",
            "The parameter amazonSideAsn is not recognized",
        ),
        (
            ROUTE_SERVER + "&AmazonSideAsn.1=65000",
            "UnknownParameter",
            "The parameter AmazonSideAsn.1 is not recognized",
        ),
        (
            ROUTE_SERVER + "&AmazonSideAsn=65000&TagSpecification.1.Tag.1.Colour=red",
            "UnknownParameter",
            "The parameter TagSpecification.1.Tag.1.Colour is not recognized",
        ),
        (
            ROUTE_SERVER + "&AmazonSideAsn=65000&TagSpecification.1=red",
            "UnknownParameter",
            "The parameter TagSpecification.1 is not recognized",
        ),
        (TAGS, "MissingParameter", "The request must contain the parameter Tag"),
        (TAGS + "&Tag=", "MissingParameter", "The request must contain the parameter Tag"),
        (TAGS + "&Tag=x", "UnknownParameter", "The parameter Tag is not recognized"),
        (TAGS + "&Tag.0.Key=x", "UnknownParameter", "The parameter Tag.0 is not recognized"),
        (TAGS + "&Tag.-1.Key=x", "UnknownParameter", "The parameter Tag.-1 is not recognized"),
        (TAGS + "&Tag.01.Key=x", "UnknownParameter", "The parameter Tag.01 is not recognized"),
        (TAGS + "&Tag.1_0.Key=x", "UnknownParameter", "The parameter Tag.1_0 is not recognized"),
        (
            TAGS + "&Tag.%D9%A1.Key=x",
            "UnknownParameter",
            "The parameter Tag.\u0661 is not recognized",
        ),
        (
            TAGS + "&Tag.9999999999.Key=x",
            "UnknownParameter",
            "The parameter Tag.9999999999 is not recognized",
        ),
        (
            TAGS + "&Tag.member.1.Key=x",
            "UnknownParameter",
            "The parameter Tag.member is not recognized",
        ),
        (TAGS + "&.=x", "UnknownParameter", "The parameter . is not recognized"),
        (TAGS + "&=x", "UnknownParameter", "The parameter  is not recognized"),
    ],
)
def test_what_the_model_does_not_know_is_refused(body: str, code: str, message: str) -> None:
    assert refusal(body) == (code, message)


@pytest.mark.parametrize(
    ("parameter", "value", "expectation"),
    [
        ("AmazonSideAsn", "ten", "Expecting an integer."),
        ("AmazonSideAsn", "", "Expecting an integer."),
        ("AmazonSideAsn", "1_0", "Expecting an integer."),
        ("AmazonSideAsn", " 1", "Expecting an integer."),
        ("AmazonSideAsn", "1e3", "Expecting an integer."),
        ("AmazonSideAsn", "\u0661", "Expecting an integer."),
        ("AmazonSideAsn", "9223372036854775808", "Expecting an integer of 64 bits."),
        ("PersistRoutes", "maybe", "Valid values: enable, disable, reset."),
        ("DryRun", "perhaps", "Valid values: true, false."),
        ("TagSpecification.2.ResourceType", "planet", "Valid values: "),
    ],
)
def test_values_that_do_not_fit_are_refused_with_what_would(
    parameter: str, value: str, expectation: str
) -> None:
    asn = "" if parameter == "AmazonSideAsn" else "&AmazonSideAsn=1"
    code, message = refusal(f"{ROUTE_SERVER}{asn}&{parameter}={quote(value)}")
    assert code == "InvalidParameterValue"
    assert message.startswith(
        f"Value ({value}) for parameter {parameter} is invalid. {expectation}"
    )


@pytest.mark.parametrize(("count", "bound"), [(4, "at least 5"), (1001, "at most 1000")])
def test_the_models_bounds_are_kept(count: int, bound: str) -> None:
    code, message = refusal(f"{ASKED}DescribeRouteServers&MaxResults={count}")
    assert code == "InvalidParameterValue"
    assert (
        message
        == f"Value ({count}) for parameter MaxResults is invalid. Expecting a value of {bound}."
    )


@pytest.mark.parametrize(
    "when", ["tomorrow", "2026-13-01T00:00:00Z", "20260101T000000Z", "0001-01-01T00:00:00+23:59"]
)
def test_what_is_no_timestamp_is_refused(when: str) -> None:
    body = f"{ASKED}CreateCapacityReservation&EndDate={when.replace('+', '%2B')}"
    assert refusal(body)[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"Action=%", "a % is not followed by two hexadecimal digits"),
        (b"Action=%4", "a % is not followed by two hexadecimal digits"),
        (b"Action=%zz", "a % is not followed by two hexadecimal digits"),
        (b"Action=\xff\xfe", "it is not UTF-8"),
        (b"Action=%ff%fe", "a percent-encoded text is not UTF-8"),
        (b"Action=%ed%a0%80", "a percent-encoded text is not UTF-8"),
        (b"Action=a&Action=b", "Action is given more than once"),
        (b"Tag.1.Key=a&%54ag.1.Key=a", "Tag.1.Key is given more than once"),
        (b"&".join([b"a"] * 10_001), "more than 10000 parameters"),
    ],
)
def test_a_broken_form_is_refused(body: bytes, reason: str) -> None:
    assert refusal(body) == (
        "MalformedQueryString",
        f"The query string contains a syntax error: {reason}",
    )


@pytest.mark.parametrize("body", [TAGS + "&Tag.1=x&Tag.1.Key=y", TAGS + "&Tag.1.Key=y&Tag.1=x"])
def test_a_name_that_is_both_value_and_structure_is_refused(body: str) -> None:
    assert refusal(body)[0] == "MalformedQueryString"


@pytest.mark.parametrize("raw", [b"\x00", b"\x1b", b"\xef\xbf\xbf"])
def test_a_character_no_answer_could_carry_is_refused(raw: bytes) -> None:
    body = f"{TAGS}&Tag.1.Key=k&Tag.1.Value={quote_from_bytes(raw)}"
    assert refusal(body)[0] == "InvalidCharacter"


def test_a_refusal_says_only_the_start_of_a_long_name_back() -> None:
    code, message = refusal(f"{TAGS}&{'x' * 100_000}=1")
    assert code == "UnknownParameter"
    assert len(message) < 300


def test_a_name_of_many_dots_costs_no_stack() -> None:
    assert refusal(f"{TAGS}&{'a.' * 255}=1")[0] == "UnknownParameter"


def test_as_many_parameters_as_are_allowed_are_read() -> None:
    pairs = "&".join(f"ResourceId.{n}=i" for n in range(2, 9_990))
    parse(f"{TAGS}&Tag.1.Key=k&{pairs}")


def test_the_query_protocol_has_its_own_list_form() -> None:
    body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/r"
    body += "&RoleSessionName=session"
    assert refusal(body + "&TransitiveTagKeys.1=x", "sts")[1] == (
        "The parameter TransitiveTagKeys.1 is not recognized"
    )
    assert refusal(body + "&Tags.member.1.Colour=x", "sts")[1] == (
        "The parameter Tags.member.1.Colour is not recognized"
    )


@given(body=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    try:
        parse(TAGS.encode() + b"&Tag.1.Key=k&" + body)
    except Fault as refused:
        assert refused.message  # noqa: PT017 - either outcome is right, a refusal must say why


names = st.lists(
    st.sampled_from(
        ["Tag", "ResourceId", "Filter", "1", "2", "0", "Key", "Value", "DryRun", "", "member"]
    ),
    min_size=1,
    max_size=5,
).map(".".join)


@given(pairs=st.lists(st.tuples(names, st.sampled_from(["", "x", "true", "%41"])), max_size=6))
@settings(max_examples=200, deadline=None)
def test_any_arrangement_of_known_names_is_parsed_or_refused(pairs: list[tuple[str, str]]) -> None:
    body = ASKED + "CreateTags&" + "&".join(f"{name}={value}" for name, value in pairs)
    try:
        parse(body)
    except Fault as refused:
        assert refused.message  # noqa: PT017 - as above


def test_a_refusal_does_not_list_a_thousand_right_values() -> None:
    run = f"Action=RunInstances&Version={model.API_VERSIONS['ec2']}&MinCount=1&MaxCount=1"
    code, message = refusal(f"{run}&InstanceType=x9.nope")
    assert code == "InvalidParameterValue"
    assert message.startswith("Value (x9.nope) for parameter InstanceType is invalid.")
    assert len(message) < 200
