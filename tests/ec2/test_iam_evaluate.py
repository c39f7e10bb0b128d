"""IAM evaluation against a table of cases: one row is a statement, a request, and whether it is
allowed."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeserver.ec2.iam_evaluate import Layer, Policies, Trust, evaluate, trust
from routeserver.ec2.iam_pattern import arn_like, like
from routeserver.ec2.iam_policy import Kind, Policy, PolicyError, parse

VPC = "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1"
CONTEXT = {
    "aws:username": ("anna",),
    "aws:principalarn": ("arn:aws:iam::111122223333:user/anna",),
    "aws:principalaccount": ("111122223333",),
    "aws:sourceip": ("192.0.2.7",),
    "aws:currenttime": ("2026-05-01T12:00:00Z",),
    "aws:epochtime": ("1777636800",),
    "aws:requestedregion": ("us-east-1",),
    "aws:securetransport": ("false",),
    "aws:resourcetag/team": ("net",),
    "ec2:resourcetag/team": ("net",),
    "aws:resourcetag/owner": ("anna",),
    "aws:requesttag/team": ("net",),
    "aws:tagkeys": ("team", "Owner"),
    "ec2:region": ("us-east-1",),
    "ec2:vpc": (VPC,),
    "sts:numbers": ("1", "5"),
    "aws:multifactorauthage": ("300",),
    "ec2:odd": ("a*b",),
}


def policy(*statements: dict[str, Any]) -> Policy:
    return parse(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **elements}


def only(**elements: Any) -> dict[str, Any]:
    """With what is given as None left out."""
    return {name: each for name, each in allow(**elements).items() if each is not None}


ACTIONS = [
    ("*", True),
    ("ec2:*", True),
    ("ec2:DeleteVpc", True),
    ("EC2:deletevpc", True),
    ("ec2:Delete*", True),
    ("ec2:*Vpc", True),
    ("ec2:D*V*c", True),
    ("ec2:DeleteVp?", True),
    ("ec2:DeleteVpc?", False),
    ("ec2:?DeleteVpc", False),
    ("ec2:DeleteVpcs", False),
    ("ec2:Describe*", False),
    ("iam:*", False),
    ("ec2:delete*s", False),
    (["ec2:CreateVpc", "ec2:DeleteVpc"], True),
    (["ec2:CreateVpc", "ec2:Describe*"], False),
]
NOT_ACTIONS = [
    ("ec2:DeleteVpc", False),
    ("ec2:Delete*", False),
    ("*", False),
    ("ec2:Describe*", True),
    ("iam:*", True),
    (["iam:*", "ec2:DeleteVpc"], False),
    (["iam:*", "sts:*"], True),
]
RESOURCES = [
    ("*", True),
    (VPC, True),
    ("arn:aws:ec2:*:*:vpc/*", True),
    ("arn:aws:ec2:us-east-1:*:vpc/vpc-1", True),
    ("arn:aws:ec2:us-*:111122223333:vpc/vpc-?", True),
    ("arn:aws:ec2:us-east-1:111122223333:*", True),
    ("arn:*:ec2:*:*:*", True),
    ("arn:aws:ec2:eu-west-1:*:vpc/*", False),
    ("arn:aws:ec2:us-east-1:999999999999:vpc/*", False),
    ("arn:aws:ec2:*:*:subnet/*", False),
    ("arn:aws:ec2:*:*:vpc/vpc-2", False),
    ("arn:aws:ec2:*:*:vpc/VPC-1", False),
    ("arn:aws:s3:::bucket", False),
    ("arn:aws:ec2:*:*:vpc/vpc-", False),
    ("arn:aws:ec2:*:${aws:PrincipalAccount}:vpc/*", True),
    ("arn:aws:ec2:*:${aws:username}:vpc/*", False),
    ("arn:aws:ec2:*:${aws:nothing}:vpc/*", False),
    ("arn:aws:ec2:*:${aws:nothing, '111122223333'}:vpc/*", True),
    (["arn:aws:ec2:*:*:subnet/*", VPC], True),
]
NOT_RESOURCES = [
    ("*", False),
    (VPC, False),
    ("arn:aws:ec2:*:*:vpc/*", False),
    ("arn:aws:ec2:*:*:subnet/*", True),
    (["arn:aws:ec2:*:*:subnet/*", VPC], False),
]
CONDITIONS: list[tuple[dict[str, Any], bool]] = [
    # Strings
    ({"StringEquals": {"aws:username": "anna"}}, True),
    ({"StringEquals": {"AWS:UserName": "anna"}}, True),
    ({"StringEquals": {"aws:username": "Anna"}}, False),
    ({"StringEquals": {"aws:username": ["bert", "anna"]}}, True),
    ({"StringEquals": {"aws:username": "an*"}}, False),
    ({"StringEquals": {"ec2:odd": "a*b"}}, True),
    ({"StringEquals": {"ec2:nothing": "x"}}, False),
    ({"StringNotEquals": {"aws:username": "anna"}}, False),
    ({"StringNotEquals": {"aws:username": "bert"}}, True),
    ({"StringNotEquals": {"aws:username": ["bert", "anna"]}}, False),
    ({"StringNotEquals": {"ec2:nothing": "x"}}, True),
    ({"StringEqualsIgnoreCase": {"aws:username": "ANNA"}}, True),
    ({"StringEqualsIgnoreCase": {"aws:username": "bert"}}, False),
    ({"StringNotEqualsIgnoreCase": {"aws:username": "ANNA"}}, False),
    ({"StringNotEqualsIgnoreCase": {"aws:username": "BERT"}}, True),
    ({"StringLike": {"aws:username": "a*a"}}, True),
    ({"StringLike": {"aws:username": "a??a"}}, True),
    ({"StringLike": {"aws:username": "b*"}}, False),
    ({"StringLike": {"ec2:odd": "a${*}b"}}, True),
    ({"StringLike": {"aws:username": "a${*}a"}}, False),
    ({"StringLike": {"aws:username": ["b*", "*n*"]}}, True),
    ({"StringNotLike": {"aws:username": "a*"}}, False),
    ({"StringNotLike": {"aws:username": "b*"}}, True),
    # Variables
    ({"StringEquals": {"aws:ResourceTag/owner": "${aws:username}"}}, True),
    ({"StringEquals": {"aws:ResourceTag/team": "${aws:username}"}}, False),
    ({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}}, True),
    ({"StringEquals": {"aws:username": "${aws:nothing}"}}, False),
    ({"StringEquals": {"aws:username": "${aws:nothing, 'anna'}"}}, True),
    ({"StringLike": {"aws:username": "${ec2:odd}"}}, False),
    ({"StringEquals": {"ec2:odd": "${ec2:odd}"}}, True),
    ({"StringEquals": {"aws:username": "${aws:TagKeys}"}}, False),
    # Numbers
    ({"NumericEquals": {"aws:MultiFactorAuthAge": "300"}}, True),
    ({"NumericEquals": {"aws:MultiFactorAuthAge": 300}}, True),
    ({"NumericEquals": {"aws:MultiFactorAuthAge": "300.0"}}, True),
    ({"NumericEquals": {"aws:MultiFactorAuthAge": "301"}}, False),
    ({"NumericNotEquals": {"aws:MultiFactorAuthAge": "301"}}, True),
    ({"NumericNotEquals": {"aws:MultiFactorAuthAge": "300"}}, False),
    ({"NumericLessThan": {"aws:MultiFactorAuthAge": "301"}}, True),
    ({"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}, False),
    ({"NumericLessThanEquals": {"aws:MultiFactorAuthAge": "300"}}, True),
    ({"NumericLessThanEquals": {"aws:MultiFactorAuthAge": "299"}}, False),
    ({"NumericGreaterThan": {"aws:MultiFactorAuthAge": "299"}}, True),
    ({"NumericGreaterThan": {"aws:MultiFactorAuthAge": "300"}}, False),
    ({"NumericGreaterThanEquals": {"aws:MultiFactorAuthAge": "300"}}, True),
    ({"NumericGreaterThanEquals": {"aws:MultiFactorAuthAge": "301"}}, False),
    ({"NumericEquals": {"aws:username": "1"}}, False),
    # Dates
    ({"DateEquals": {"aws:CurrentTime": "2026-05-01T12:00:00Z"}}, True),
    ({"DateEquals": {"aws:CurrentTime": "2026-05-01T14:00:00+02:00"}}, True),
    ({"DateEquals": {"aws:CurrentTime": "1777636800"}}, True),
    ({"DateEquals": {"aws:EpochTime": "2026-05-01T12:00:00Z"}}, True),
    ({"DateEquals": {"aws:CurrentTime": "2026-05-02T12:00:00Z"}}, False),
    ({"DateNotEquals": {"aws:CurrentTime": "2026-05-02T12:00:00Z"}}, True),
    ({"DateLessThan": {"aws:CurrentTime": "2026-06-01"}}, True),
    ({"DateLessThan": {"aws:CurrentTime": "2026-04-01"}}, False),
    ({"DateLessThanEquals": {"aws:CurrentTime": "2026-05-01T12:00:00Z"}}, True),
    ({"DateGreaterThan": {"aws:CurrentTime": "2026-04-01"}}, True),
    ({"DateGreaterThan": {"aws:CurrentTime": "2026-06-01"}}, False),
    ({"DateGreaterThanEquals": {"aws:CurrentTime": "2026-05-01T12:00:00Z"}}, True),
    # Truth
    ({"Bool": {"aws:SecureTransport": "false"}}, True),
    ({"Bool": {"aws:SecureTransport": False}}, True),
    ({"Bool": {"aws:SecureTransport": "False"}}, True),
    ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, False),
    ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, True),
    # Addresses
    ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
    ({"IpAddress": {"aws:SourceIp": "192.0.2.7"}}, True),
    ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False),
    ({"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "192.0.2.0/28"]}}, True),
    ({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, False),
    ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, True),
    ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
    ({"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, True),
    ({"IpAddress": {"aws:username": "192.0.2.0/24"}}, False),
    # ARNs
    ({"ArnEquals": {"ec2:Vpc": VPC}}, True),
    ({"ArnEquals": {"ec2:Vpc": "arn:aws:ec2:*:*:vpc/*"}}, True),
    ({"ArnLike": {"ec2:Vpc": "arn:aws:ec2:us-*:*:vpc/vpc-?"}}, True),
    ({"ArnLike": {"ec2:Vpc": "arn:aws:ec2:*:vpc/vpc-1"}}, False),
    ({"ArnLike": {"ec2:Vpc": "arn:aws:ec2:eu-*:*:vpc/*"}}, False),
    ({"ArnNotEquals": {"ec2:Vpc": VPC}}, False),
    ({"ArnNotLike": {"ec2:Vpc": "arn:aws:ec2:eu-*:*:vpc/*"}}, True),
    ({"ArnLike": {"aws:username": "*"}}, False),
    # Whether a key is there
    ({"Null": {"aws:username": "false"}}, True),
    ({"Null": {"aws:username": "true"}}, False),
    ({"Null": {"ec2:nothing": "true"}}, True),
    ({"Null": {"ec2:nothing": False}}, False),
    # …IfExists
    ({"StringEqualsIfExists": {"ec2:nothing": "x"}}, True),
    ({"StringEqualsIfExists": {"aws:username": "anna"}}, True),
    ({"StringEqualsIfExists": {"aws:username": "bert"}}, False),
    ({"NumericLessThanIfExists": {"ec2:nothing": "1"}}, True),
    ({"IpAddressIfExists": {"aws:SourceIp": "198.51.100.0/24"}}, False),
    # Several values
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "Owner", "x"]}}, True),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}, False),
    ({"ForAllValues:StringEquals": {"ec2:nothing": ["team"]}}, True),
    ({"ForAllValues:StringLike": {"aws:TagKeys": ["t*", "O*"]}}, True),
    ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["x"]}}, True),
    ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["team"]}}, False),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}}, True),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["x"]}}, False),
    ({"ForAnyValue:StringEquals": {"ec2:nothing": ["x"]}}, False),
    ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["team"]}}, True),
    ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["team", "Owner"]}}, False),
    ({"ForAnyValue:NumericGreaterThan": {"sts:numbers": "4"}}, True),
    ({"ForAllValues:NumericGreaterThan": {"sts:numbers": "4"}}, False),
    ({"ForAllValues:StringEqualsIfExists": {"ec2:nothing": "x"}}, True),
    # Tags and places
    ({"StringEquals": {"aws:RequestTag/team": "net"}}, True),
    ({"StringEquals": {"aws:RequestTag/cost": "net"}}, False),
    ({"StringEquals": {"ec2:ResourceTag/team": "net"}}, True),
    ({"StringEquals": {"ec2:ResourceTag/TEAM": "net"}}, True),
    ({"StringEquals": {"ec2:Region": "us-east-1"}}, True),
    ({"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}, False),
    # All must hold
    ({"StringEquals": {"aws:username": "anna", "ec2:Region": "us-east-1"}}, True),
    ({"StringEquals": {"aws:username": "anna", "ec2:Region": "eu-west-1"}}, False),
    ({"StringEquals": {"aws:username": "anna"}, "Bool": {"aws:SecureTransport": "true"}}, False),
    ({}, True),
]

TABLE = [
    *((only(Action=given), wanted) for given, wanted in ACTIONS),
    *((only(Action=None, NotAction=given), wanted) for given, wanted in NOT_ACTIONS),
    *((only(Resource=given), wanted) for given, wanted in RESOURCES),
    *((only(Resource=None, NotResource=given), wanted) for given, wanted in NOT_RESOURCES),
    *((only(Condition=given), wanted) for given, wanted in CONDITIONS),
]


def test_the_table_is_a_table() -> None:
    assert len(TABLE) >= 150


@pytest.mark.parametrize(("statement", "wanted"), TABLE, ids=lambda each: json.dumps(each)[:90])
def test_a_statement_that_allows(statement: dict[str, Any], wanted: bool) -> None:
    policies = Policies((policy(statement),))
    assert evaluate(policies, "ec2:DeleteVpc", VPC, CONTEXT).allowed is wanted


@pytest.mark.parametrize(("statement", "wanted"), TABLE, ids=lambda each: json.dumps(each)[:90])
def test_the_same_statement_denying_wins(statement: dict[str, Any], wanted: bool) -> None:
    policies = Policies((policy(allow(), {**statement, "Effect": "Deny"}),))
    decision = evaluate(policies, "ec2:DeleteVpc", VPC, CONTEXT)
    assert decision.allowed is not wanted
    assert decision.explicit is wanted


YES, NO, NONE = policy(allow()), policy(allow(Effect="Deny")), policy(allow(Action="iam:*"))


@pytest.mark.parametrize(
    ("policies", "allowed", "layer", "explicit"),
    [
        (Policies(()), False, Layer.IDENTITY, False),
        (Policies((YES,)), True, Layer.IDENTITY, False),
        (Policies((NONE,)), False, Layer.IDENTITY, False),
        (Policies((NONE, YES)), True, Layer.IDENTITY, False),
        (Policies((YES, NO)), False, Layer.IDENTITY, True),
        (Policies((YES,), boundary=YES), True, Layer.IDENTITY, False),
        (Policies((YES,), boundary=NONE), False, Layer.BOUNDARY, False),
        (Policies((YES,), boundary=NO), False, Layer.BOUNDARY, True),
        (Policies((), boundary=YES), False, Layer.IDENTITY, False),
        (Policies((YES,), session=(YES,)), True, Layer.IDENTITY, False),
        (Policies((YES,), session=(NONE,)), False, Layer.SESSION, False),
        (Policies((YES,), session=()), False, Layer.SESSION, False),
        (Policies((YES,), session=(NONE, YES)), True, Layer.IDENTITY, False),
        (Policies((YES,), session=(YES, NO)), False, Layer.SESSION, True),
        (Policies((YES,), boundary=YES, session=(YES,)), True, Layer.IDENTITY, False),
        (Policies((YES,), boundary=NONE, session=(NO,)), False, Layer.SESSION, True),
    ],
)
def test_every_layer_must_allow_and_none_may_deny(
    policies: Policies, allowed: bool, layer: Layer, explicit: bool
) -> None:
    decision = evaluate(policies, "ec2:DeleteVpc", VPC, CONTEXT)
    assert (decision.allowed, decision.layer, decision.explicit) == (allowed, layer, explicit)


def test_variables_mean_nothing_in_the_old_language() -> None:
    statement = only(Condition={"StringEquals": {"aws:username": "${aws:username}"}})
    old = parse(json.dumps({"Version": "2008-10-17", "Statement": statement}))
    assert not evaluate(Policies((old,)), "ec2:DeleteVpc", VPC, CONTEXT).allowed


ANNA = "arn:aws:iam::111122223333:user/anna"


@pytest.mark.parametrize(
    ("principal", "wanted"),
    [
        ({"AWS": ANNA}, Trust.PRINCIPAL),
        ("*", Trust.PRINCIPAL),
        ({"AWS": "*"}, Trust.PRINCIPAL),
        ({"AWS": "111122223333"}, Trust.ACCOUNT),
        ({"AWS": "arn:aws:iam::111122223333:root"}, Trust.ACCOUNT),
        ({"AWS": ["999999999999", ANNA]}, Trust.PRINCIPAL),
        ({"AWS": "999999999999"}, Trust.NONE),
        ({"Service": "ec2.amazonaws.com"}, Trust.NONE),
        ({"AWS": "arn:aws:iam::111122223333:user/ann*"}, Trust.NONE),
    ],
)
def test_whom_a_role_trusts(principal: Any, wanted: Trust) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = parse(document, Kind.TRUST)
    said = trust(role, "sts:AssumeRole", [ANNA], "111122223333", CONTEXT)
    assert said is wanted
    denying = parse(
        json.dumps({"Statement": [statement, {**statement, "Effect": "Deny"}]}), Kind.TRUST
    )
    refused = trust(denying, "sts:AssumeRole", [ANNA], "111122223333", CONTEXT)
    assert refused is (Trust.NONE if wanted is Trust.NONE else Trust.DENIED)


S = allow()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"Statement": NaN}', "not JSON"),
        ('{"Statement": [], "Statement": []}', "twice"),
        ({}, "no Statement"),
        ({"Statement": []}, "no Statement"),
        ({"Version": "2020-01-01", "Statement": S}, "Version must be"),
        ({"Statement": S, "Extra": 1}, "unknown element Extra"),
        ({"Statement": ["x"]}, "statement 1: it is not an object"),
        ({"Statement": {**S, "Effect": "allow"}}, "Effect must be"),
        ({"Statement": {**S, "Foo": 1}}, "unknown element Foo"),
        ({"Statement": {**S, "Sid": "a b"}}, "Sid is letters"),
        ({"Statement": [{**S, "Sid": "a"}, {**S, "Sid": "a"}]}, "same Sid"),
        ({"Statement": {**S, "NotAction": "ec2:*"}}, "either Action or NotAction"),
        ({"Statement": {"Effect": "Allow", "Resource": "*"}}, "either Action or NotAction"),
        ({"Statement": {**S, "Action": "CreateVpc"}}, "the action CreateVpc"),
        ({"Statement": {**S, "Action": []}}, "Action must be"),
        ({"Statement": {**S, "Action": [1]}}, "Action must be"),
        ({"Statement": {**S, "Resource": "vpc-1"}}, "must be an ARN or *"),
        ({"Statement": {**S, "Principal": "*"}}, "may not have"),
        ({"Statement": {**S, "Condition": []}}, "Condition must be an object"),
        ({"Statement": {**S, "Condition": {"Like": {"a:b": "c"}}}}, "Like is not known"),
        ({"Statement": {**S, "Condition": {"Bool": "x"}}}, "object of keys"),
        ({"Statement": {**S, "Condition": {"Bool": {"b": "true"}}}}, "no vendor"),
        ({"Statement": {**S, "Condition": {"Bool": {"a:b": "maybe"}}}}, "neither true nor"),
        ({"Statement": {**S, "Condition": {"NumericEquals": {"a:b": "x"}}}}, "not a number"),
        ({"Statement": {**S, "Condition": {"DateEquals": {"a:b": "soon"}}}}, "not a date"),
        ({"Statement": {**S, "Condition": {"IpAddress": {"a:b": "here"}}}}, "not an IP address"),
        ({"Statement": {**S, "Condition": {"NullIfExists": {"a:b": "true"}}}}, "not known"),
        ({"Statement": {**S, "Condition": {"StringEquals": {"a:b": {}}}}}, "not a string"),
        ({"Statement": {**S, "Resource": "arn:aws:ec2:::${aws:x"}}, "not closed"),
        ({"Statement": {**S, "Resource": "arn:aws:ec2:::${x}"}}, "not the name of a key"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_reason(document: Any, reason: str) -> None:
    if isinstance(document, dict):
        document = {"Version": "2012-10-17", **document}
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(PolicyError, match=reason.replace("*", r"\*")):
        parse(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Version", "Statement", "Effect", "Action", "Resource", "Condition", "Bool", "Sid"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_a_policy_or_refused(document: Any) -> None:
    for kind in Kind:
        try:
            parsed = parse(json.dumps(document), kind)
        except PolicyError:
            continue
        evaluate(Policies((parsed,)), "ec2:DeleteVpc", VPC, CONTEXT)


@given(st.text(max_size=200))
def test_any_text_is_refused_or_a_policy(text: str) -> None:
    with suppress(PolicyError):
        parse(text)


def test_nesting_and_long_patterns_take_no_time() -> None:
    with pytest.raises(PolicyError, match=r"too deeply|not JSON"):
        parse("[" * 100_000)
    assert not like("*a" * 200 + "b", "a" * 5000)


@given(st.text("ab*?\\", max_size=12), st.text("ab*", max_size=12))
def test_a_glob_means_what_a_plain_search_says(glob: str, text: str) -> None:
    def plain(g: str, t: str) -> bool:
        if not g:
            return not t
        if g[0] == "\\" and len(g) > 1:
            return bool(t) and t[0] == g[1] and plain(g[2:], t[1:])
        if g[0] == "*":
            return plain(g[1:], t) or (bool(t) and plain(g, t[1:]))
        return bool(t) and g[0] in {"?", t[0]} and plain(g[1:], t[1:])

    assert like(glob, text) is plain(glob, text)


def test_an_arn_is_compared_part_by_part() -> None:
    assert arn_like("arn:aws:ec2:*:*:vpc/*", VPC)
    assert not arn_like("arn:aws:*:vpc/*", VPC)
    assert arn_like("arn:aws:iam::*:user:*", "arn:aws:iam::1:user:a:b")
