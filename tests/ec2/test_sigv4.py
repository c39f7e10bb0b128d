"""Signatures that botocore made are accepted; anything changed, stale or malformed is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from routeserver.ec2 import sigv4
from routeserver.ec2.faults import Fault
from routeserver.ec2.sigv4 import SignedRequest

SIGNED_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NOW = SIGNED_AT.timestamp()
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
CREDENTIALS = Credentials("AKIDEXAMPLE", SECRET)
BODY = b"Action=DescribeRouteServers&Version=2016-11-15"


@pytest.fixture(autouse=True)
def _signing_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: SIGNED_AT)


def as_received(request: AWSRequest, body: bytes) -> SignedRequest:
    url = urlsplit(request.url)
    headers = [(str(k).lower().encode(), str(v).encode()) for k, v in request.headers.items()]
    if all(name != b"host" for name, _ in headers):
        headers.append((b"host", url.netloc.encode()))
    return SignedRequest(request.method, url.query.encode(), headers, body)


def signed(
    body: bytes = BODY,
    *,
    headers: dict[str, str] | None = None,
    service: str = "ec2",
    query: str = "",
    method: str = "POST",
) -> SignedRequest:
    url = "http://127.0.0.1:8179/" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, headers=headers or {}, data=body)
    SigV4Auth(CREDENTIALS, service, "eu-north-1").add_auth(request)
    return as_received(request, body)


def presigned(expires: int = 900, *, service: str = "ec2") -> SignedRequest:
    request = AWSRequest(
        "GET", "http://127.0.0.1:8179/", params={"Action": "DescribeVpcs", "X": "a b+ü"}
    )
    SigV4QueryAuth(CREDENTIALS, service, "eu-north-1", expires).add_auth(request)
    return as_received(request, b"")


def check(
    request: SignedRequest, *, secret: str | None = SECRET, now: float = NOW, **limits: Any
) -> sigv4.Claim:
    claim = sigv4.read_claim(request, **limits)
    sigv4.verify(request, claim, secret, now)
    return claim


def refusal(request: SignedRequest, **how: Any) -> tuple[str, int, str]:
    with pytest.raises(Fault) as refused:
        check(request, **how)
    return refused.value.code, refused.value.status, refused.value.message


def with_header(request: SignedRequest, name: bytes, value: bytes | None) -> SignedRequest:
    others = [pair for pair in request.headers if pair[0] != name]
    return replace(request, headers=others if value is None else [*others, (name, value)])


def authorization(request: SignedRequest) -> bytes:
    return dict(request.headers)[b"authorization"]


@given(
    body=st.binary(max_size=50),
    value=st.text(st.characters(codec="ascii", categories=("L", "Nd", "Zs")), max_size=20),
)
def test_what_botocore_signed_is_true(body: bytes, value: str) -> None:
    request = AWSRequest("POST", "http://127.0.0.1:8179/", headers={"X-Amz-Note": value}, data=body)
    SigV4Auth(CREDENTIALS, "ec2", "eu-north-1").add_auth(request)
    received = as_received(request, body)
    at = datetime.strptime(dict(received.headers)[b"x-amz-date"].decode(), "%Y%m%dT%H%M%S%z")
    check(received, now=at.timestamp())


def test_the_claim_names_key_region_and_service() -> None:
    claim = check(signed(service="sts"))
    assert (claim.access_key_id, claim.region, claim.service) == (
        "AKIDEXAMPLE",
        "eu-north-1",
        "sts",
    )


def test_a_presigned_request_is_true() -> None:
    assert check(presigned()).expires_s == 900


def test_a_query_string_is_signed_too() -> None:
    request = signed(b"", query="Version=2016-11-15&Action=DescribeVpcs&Empty=&B=%20", method="GET")
    check(request)
    assert refusal(replace(request, query=request.query + b"&DryRun=true"))[0] == "AuthFailure"


def test_the_date_header_serves_where_there_is_no_amz_date() -> None:
    request = signed(headers={"Date": "to be replaced by the signer"})
    assert b"x-amz-date" not in dict(request.headers)
    check(request)


def test_white_space_in_a_header_does_not_count() -> None:
    request = signed(headers={"X-Amz-Note": "a b"})
    check(with_header(request, b"x-amz-note", b"  a   b "))


def test_repeated_headers_are_signed_as_one() -> None:
    request = signed(headers={"X-Amz-Note": "a,b"})
    others = with_header(request, b"x-amz-note", None)
    check(replace(others, headers=[*others.headers, (b"x-amz-note", b"a"), (b"x-amz-note", b"b")]))


def test_an_unsigned_payload_may_be_declared() -> None:
    check(signed(headers={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}))


@pytest.mark.parametrize("declared", ["0" * 64, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""])
def test_a_declared_hash_must_be_the_bodys(declared: str) -> None:
    assert refusal(signed(headers={"X-Amz-Content-SHA256": declared}))[0] == "AuthFailure"


@pytest.mark.parametrize("signer", [signed, presigned])
def test_anything_changed_breaks_the_signature(signer: Any) -> None:
    request: SignedRequest = signer()
    for changed in (
        replace(request, body=request.body + b"x"),
        replace(request, method="PUT"),
        replace(request, query=request.query + b"&x=y"),
        with_header(request, b"host", b"127.0.0.1:9999"),
        with_header(request, b"host", None),
    ):
        assert refusal(changed)[:2] == ("AuthFailure", 401)


def test_a_wrong_secret_and_an_unknown_key_look_the_same() -> None:
    wrong, unknown = refusal(signed(), secret="x"), refusal(signed(), secret=None)
    assert wrong == unknown
    assert wrong == (
        "AuthFailure",
        401,
        "AWS was not able to validate the provided access credentials",
    )


@pytest.mark.parametrize(
    ("late_s", "ok"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_a_signature_is_valid_for_five_minutes_either_way(late_s: int, ok: bool) -> None:
    if ok:
        check(signed(), now=NOW + late_s)
    else:
        code, status, message = refusal(signed(), now=NOW + late_s)
        assert (code, status) == ("RequestExpired", 400)
        assert "signed at 20260304T050607Z" in message


@pytest.mark.parametrize(("late_s", "ok"), [(-301, False), (899, True), (901, False)])
def test_a_presigned_request_is_valid_as_long_as_it_says(late_s: int, ok: bool) -> None:
    if ok:
        check(presigned(), now=NOW + late_s)
    else:
        assert refusal(presigned(), now=NOW + late_s)[0] == "RequestExpired"


@pytest.mark.parametrize("expires", [0, 604_801, 99_999_999, -1])
def test_a_presigned_request_is_valid_for_a_week_at_most(expires: int) -> None:
    assert "X-Amz-Expires" in refusal(presigned(expires))[2]


def test_an_unsigned_request_is_told_so() -> None:
    message = refusal(SignedRequest("POST", b"", [(b"host", b"h")], BODY))[2]
    assert message.endswith("the request is not signed")


def test_a_request_signed_in_both_forms_is_refused() -> None:
    request = replace(signed(), query=presigned().query)
    assert refusal(request)[2].endswith("the request is signed more than once")


def test_two_authorization_headers_are_refused() -> None:
    request = signed()
    doubled = [*request.headers, (b"authorization", authorization(request))]
    assert refusal(replace(request, headers=doubled))[0] == "AuthFailure"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256"),
        (b"AWS4-HMAC-SHA256", b"Basic"),
        (b"Credential=", b"Credentials="),
        (b"Credential=AKIDEXAMPLE/", b"Credential="),
        (b"Credential=AKIDEXAMPLE/", b"Credential=\xff/"),
        (b"/aws4_request", b"/aws5_request"),
        (b"20260304", b"20260305"),
        (b"/ec2/", b"/s3/"),
        (b"SignedHeaders=host;", b"SignedHeaders="),
        (b"SignedHeaders=host;", b"SignedHeaders=" + b"host;" * 65),
        (b", SignedHeaders=", b", "),
        (b"Signature=", b"Signature=\xc3\xa9"),
        (b"Signature=", b"Signature=0"),
        (b", Signature=", b", Signature=0, Signature="),
    ],
)
def test_a_malformed_authorization_is_refused(old: bytes, new: bytes) -> None:
    request = signed()
    broken = with_header(request, b"authorization", authorization(request).replace(old, new))
    assert refusal(broken)[:2] == ("AuthFailure", 401)


@pytest.mark.parametrize(
    "date", [None, b"", b"20260304", b"20260304T250607Z", b"20260332T050607Z", b"\xff"]
)
def test_a_missing_or_malformed_date_is_refused(date: bytes | None) -> None:
    assert refusal(with_header(signed(), b"x-amz-date", date))[:2] == ("AuthFailure", 401)


@pytest.mark.parametrize("date", [b"", b"yesterday", b"Wed, 99 Mar 2026 05:06:07 GMT"])
def test_a_malformed_http_date_is_refused(date: bytes) -> None:
    request = with_header(signed(), b"x-amz-date", None)
    assert refusal(with_header(request, b"date", date))[:2] == ("AuthFailure", 401)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"X-Amz-Algorithm=AWS4-HMAC-SHA256", b"X-Amz-Algorithm=none"),
        (b"X-Amz-Date=", b"X-Amz-Data="),
        (b"X-Amz-Expires=900", b"X-Amz-Expires=soon"),
        (b"X-Amz-Expires=900", b"X-Amz-Expires=900&X-Amz-Expires=901"),
        (b"X-Amz-SignedHeaders=host", b"X-Amz-SignedHeaders="),
        (b"X-Amz-Credential=", b"X-Amz-Credential=%ff"),
        (b"X-Amz-Signature=", b"X-Amz-Signature=z"),
    ],
)
def test_a_malformed_presigned_request_is_refused(old: bytes, new: bytes) -> None:
    request = presigned()
    assert old in request.query
    broken = replace(request, query=request.query.replace(old, new))
    assert refusal(broken)[:2] == ("AuthFailure", 401)


def test_another_region_than_the_servers_is_refused_by_name() -> None:
    code, _, message = refusal(signed(), regions=["us-east-1"])
    assert code == "AuthFailure"
    assert message.endswith("not 'eu-north-1'; this server is us-east-1")


def test_sts_answers_in_every_region() -> None:
    check(signed(service="sts"), regions=["us-east-1"])


@pytest.mark.parametrize(
    ("how", "code", "status"),
    [
        ({"secret": None}, "InvalidClientTokenId", 403),
        ({"secret": "x"}, "SignatureDoesNotMatch", 403),
        ({"now": NOW + 1000}, "SignatureDoesNotMatch", 403),
    ],
)
def test_sts_refuses_in_its_own_words(how: dict[str, Any], code: str, status: int) -> None:
    assert refusal(signed(service="sts"), **how)[:2] == (code, status)


def test_a_kept_key_stays_the_key_however_often_it_is_used() -> None:
    for number in range(3):
        check(signed(b"Action=DescribeVpcs&Version=%d" % number))


def test_a_kept_key_is_of_no_use_to_whoever_has_another_secret() -> None:
    request = signed()
    check(request)
    assert refusal(request, secret="another")[0] == "AuthFailure"
    check(request)


def test_derived_keys_are_kept_but_not_without_bound() -> None:
    for n in range(sigv4.MAX_KEPT_SIGNING_KEYS + 10):
        sigv4._signing_key(SECRET, "20260304", f"region-{n}", "ec2")
    assert sigv4._signing_key.cache_info().currsize == sigv4.MAX_KEPT_SIGNING_KEYS


@given(value=st.binary(max_size=300), query=st.binary(max_size=100))
def test_any_authorization_is_refused_in_words(value: bytes, query: bytes) -> None:
    request = SignedRequest("POST", query, [(b"host", b"h"), (b"authorization", value)], b"")
    assert refusal(request)[0] in {
        "AuthFailure",
        "IncompleteSignature",
        "MissingAuthenticationToken",
    }


@given(tail=st.binary(max_size=100))
def test_any_presigned_query_is_refused_in_words(tail: bytes) -> None:
    request = SignedRequest("GET", b"X-Amz-Signature=&" + tail, [(b"host", b"h")], b"")
    assert refusal(request)[0] in {"AuthFailure", "IncompleteSignature"}
