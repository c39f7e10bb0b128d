"""EC2's filters: names, values, wildcards, tags."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.ec2.faults import Fault
from routeserver.ec2.filters import compile_filters, matches

FIELDS: dict[str, Any] = {
    "vpc-id": "vpc-1",
    "state": lambda: "available",
    "private-ip": ["10.0.0.1", "10.0.0.2"],
    "gateway-id": None,
}
TAGS = {"Name": "blue box", "env": ""}


def passes(name: str, *values: str) -> bool:
    return matches([{"Name": name, "Values": list(values)}], FIELDS, TAGS)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("vpc-id", ["vpc-1"], True),
        ("vpc-id", ["vpc-2", "vpc-1"], True),
        ("vpc-id", ["VPC-1"], False),
        ("vpc-id", ["vpc"], False),
        ("vpc-id", ["vpc-*"], True),
        ("vpc-id", ["*1"], True),
        ("vpc-id", ["*"], True),
        ("vpc-id", ["?pc-?"], True),
        ("vpc-id", ["?"], False),
        ("vpc-id", ["vpc\\-1"], True),
        ("vpc-id", ["vpc-\\*"], False),
        ("vpc-id", [".*"], False),
        ("state", ["available"], True),
        ("private-ip", ["10.0.0.2"], True),
        ("private-ip", ["10.0.0.3"], False),
        ("gateway-id", ["*"], False),
        ("tag:Name", ["blue*"], True),
        ("tag:Name", ["red"], False),
        ("tag:env", [""], True),
        ("tag:none", ["*"], False),
        ("tag-key", ["Name"], True),
        ("tag-key", ["name"], False),
    ],
)
def test_one_filter(name: str, values: list[str], expected: bool) -> None:
    assert passes(name, *values) is expected


def test_no_filter_lets_everything_pass() -> None:
    assert matches([], FIELDS, TAGS)


def test_all_filters_must_match() -> None:
    good = {"Name": "vpc-id", "Values": ["vpc-1"]}
    bad = {"Name": "state", "Values": ["deleted"]}
    assert matches([good, good], FIELDS)
    assert not matches([good, bad], FIELDS)


def test_an_escaped_wildcard_stands_for_itself() -> None:
    assert matches([{"Name": "n", "Values": ["a\\*\\?\\\\"]}], {"n": "a*?\\"})


def test_a_filter_that_the_type_does_not_have_is_refused_without_any_resource() -> None:
    with pytest.raises(Fault, match="The filter 'colour' is invalid") as refused:
        compile_filters([{"Name": "colour", "Values": ["red"]}], FIELDS)
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ({"Values": ["x"]}, "MissingParameter"),
        ({"Name": "", "Values": ["x"]}, "MissingParameter"),
        ({"Name": "vpc-id"}, "InvalidParameterValue"),
        ({"Name": "vpc-id", "Values": ["x"] * 201}, "FilterLimitExceeded"),
    ],
)
def test_a_malformed_filter_is_refused(one: dict[str, Any], code: str) -> None:
    with pytest.raises(Fault) as refused:
        compile_filters([one], FIELDS)
    assert refused.value.code == code


def test_a_pattern_of_many_stars_does_not_explode() -> None:
    assert not matches([{"Name": "n", "Values": ["*a" * 300 + "b"]}], {"n": "a" * 3000})


@given(pattern=st.text("ab*?", max_size=12), text=st.text("ab", max_size=12))
def test_wildcards_are_those_of_a_shell(pattern: str, text: str) -> None:
    assert matches([{"Name": "n", "Values": [pattern]}], {"n": text}) is fnmatchcase(text, pattern)
