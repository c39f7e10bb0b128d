"""AWS Signature Version 4: who signed this request, and is it true?

Both forms are read, the ``Authorization`` header and the presigned query string, in two steps,
because the secret is looked up in between: `read_claim` takes the request's word for who signed it,
`verify` rebuilds the signature as botocore's ``SigV4Auth`` makes it and compares in constant time.
All requests go to the path ``/``, so the canonical path is constant.

Derived signing keys are kept, a bounded number of them: they change once a day for each key, region
and service, and deriving one costs four of a request's five HMACs. The secret itself is part of
what they are kept by, so that a changed secret never meets an old key.

SigV4A and signed streams are not understood. Refusals are in the vocabulary of the service the
request was signed for: EC2 answers AuthFailure to everything but an old date or token, IAM and STS
tell the cases apart.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from routeserver.ec2.faults import Fault

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW_S: Final = 300
MAX_EXPIRES_S: Final = 7 * 24 * 3600
MAX_SIGNED_HEADERS: Final = 64
MAX_KEPT_SIGNING_KEYS: Final = 512
MAX_KEPT_TIMESTAMPS: Final = 64
"""Of a client with much to ask, all requests of a second have the same."""

_AUTHORIZATION_FIELDS: Final = {"Credential", "SignedHeaders", "Signature"}
_CREDENTIAL: Final = re.compile(
    r"([\w-]{1,128})/([0-9]{8})/([a-z0-9-]{1,32})/(\w{1,32})/aws4_request", re.A
)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SHA256: Final = re.compile(rb"[0-9a-f]{64}")
_HMAC_BLOCK_BYTES: Final = 64
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
_UNSIGNED_PAYLOAD: Final = b"UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The bytes that a signature covers. Header names are in lower case; `query` is as sent."""

    method: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says about its signer; nothing of it is proven."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[bytes, ...]
    signature: str
    timestamp: str
    signed_at: float
    expires_s: int | None
    """How long a presigned request is valid; None for the header form."""
    session_token: str | None = None


class Denial(Enum):
    UNSIGNED = auto()
    UNKNOWN_KEY = auto()
    MALFORMED = auto()
    MISMATCH = auto()
    EXPIRED = auto()
    TOKEN_EXPIRED = auto()


EC2_MESSAGE: Final = "AWS was not able to validate the provided access credentials"

TELLING_SERVICES: Final = ("iam", "sts")

TELLING_DENIALS: Final[dict[Denial, tuple[str, int, str]]] = {
    Denial.UNSIGNED: ("MissingAuthenticationToken", 403, "Request is missing Authentication Token"),
    Denial.UNKNOWN_KEY: (
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid.",
    ),
    Denial.MALFORMED: ("IncompleteSignature", 400, "The request signature is not well-formed"),
    Denial.MISMATCH: (
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided.",
    ),
    Denial.EXPIRED: ("SignatureDoesNotMatch", 403, "Signature expired"),
    Denial.TOKEN_EXPIRED: (
        "ExpiredToken",
        403,
        "The security token included in the request is expired",
    ),
}


def denied(denial: Denial, service: str, detail: str = "") -> Fault:
    """The Fault for a request that is not authenticated, in its service's vocabulary."""
    suffix = f": {detail}" if detail else ""
    if service in TELLING_SERVICES:
        code, status, message = TELLING_DENIALS[denial]
        return Fault(code, message + suffix, status)
    if denial in {Denial.EXPIRED, Denial.TOKEN_EXPIRED}:
        return Fault("RequestExpired", f"Request has expired{suffix}")
    return Fault("AuthFailure", EC2_MESSAGE + suffix)


def read_claim(
    request: SignedRequest,
    services: Collection[str] = ("ec2", *TELLING_SERVICES),
    regions: Collection[str] | None = None,
) -> Claim:
    """Who the request says signed it.

    With `regions`, only requests for one of them are let through; IAM and STS answer in every
    region. Raises Fault when the request is unsigned, or its signature is not well-formed or for
    another service or region.
    """
    authorizations = [value for name, value in request.headers if name == b"authorization"]
    is_presigned = b"X-Amz-Signature=" in request.query
    service = _service_meant(authorizations, request.query)
    if len(authorizations) + is_presigned != 1:
        if authorizations:
            raise denied(Denial.MALFORMED, service, "the request is signed more than once")
        raise denied(Denial.UNSIGNED, service, "the request is not signed")
    parts = (
        _presigned_parts(request.query, service)
        if is_presigned
        else _header_parts(authorizations[0], request.headers, service)
    )
    claim = _claim(parts, service)
    if claim.service not in services:
        raise denied(
            Denial.MALFORMED,
            service,
            f"Credential should be scoped to one of the services {', '.join(services)}, "
            f"not '{claim.service}'",
        )
    if regions is not None and claim.service == "ec2" and claim.region not in regions:
        raise denied(
            Denial.MALFORMED,
            service,
            f"Credential should be scoped to a valid region, not '{claim.region}'; "
            f"this server is {', '.join(regions)}",
        )
    return claim


def verify(request: SignedRequest, claim: Claim, secret: str | None, now: float) -> None:
    """Raise Fault unless the claim is true.

    `secret` is that of the claimed access key, None when there is no such key; `now` is UTC seconds
    since the epoch.
    """
    _check_date(claim, now)
    if secret is None:
        raise denied(Denial.UNKNOWN_KEY, claim.service)
    if not hmac.compare_digest(_signature(request, claim, secret), claim.signature):
        raise denied(Denial.MISMATCH, claim.service)


def signed_headers(
    host: str, body: bytes, key: tuple[str, str], scope: tuple[str, str], now: float
) -> dict[str, str]:
    """The headers of a POST to ``/`` of `host`, signed; for our own commands.

    `key` is an access key's id and secret, `scope` the region and service, `now` UTC seconds.
    """
    timestamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = [(b"host", host.encode()), (b"x-amz-date", timestamp.encode())]
    names = tuple(name for name, _ in headers)
    date = timestamp[:8]
    claim = Claim(key[0], date, *scope, names, "", timestamp, now, None)
    signature = _signature(SignedRequest("POST", b"", headers, body), claim, key[1])
    credential = f"{key[0]}/{date}/{scope[0]}/{scope[1]}/aws4_request"
    signed = b";".join(names).decode()
    return {
        "Host": host,
        "X-Amz-Date": timestamp,
        "Authorization": (
            f"{ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}"
        ),
    }


def _signature(request: SignedRequest, claim: Claim, secret: str) -> str:
    canonical = _canonical_request(request, claim)
    string_to_sign = (
        f"{ALGORITHM}\n{claim.timestamp}\n"
        f"{claim.date}/{claim.region}/{claim.service}/aws4_request\n"
        f"{sha256(canonical).hexdigest()}"
    )
    inside, outside = _signing_key(secret, claim.date, claim.region, claim.service)
    inner, outer = inside.copy(), outside.copy()
    inner.update(string_to_sign.encode("ascii"))
    outer.update(inner.digest())
    return outer.hexdigest()


def check_token(claim: Claim, expires_at: float | None, now: float) -> None:
    """Raise Fault when temporary credentials have expired; times are UTC seconds."""
    if expires_at is not None and now >= expires_at:
        raise denied(Denial.TOKEN_EXPIRED, claim.service)


def service_meant(request: SignedRequest) -> str:
    """Whose vocabulary to refuse in, as far as a request that may be broken tells."""
    authorizations = [value for name, value in request.headers if name == b"authorization"]
    return _service_meant(authorizations, request.query)


# --- reading a claim ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Parts:
    credential: str
    signed_headers: str
    signature: str
    timestamp: str
    expires: str | None
    session_token: str | None


def _service_meant(authorizations: Sequence[bytes], query: bytes) -> str:
    for service in TELLING_SERVICES:
        scope = f"/{service}/aws4_request".encode()
        if any(scope in value for value in authorizations) or scope.replace(b"/", b"%2F") in query:
            return service
    return "ec2"


def _header_parts(value: bytes, headers: Sequence[tuple[bytes, bytes]], service: str) -> _Parts:
    algorithm, _, rest = value.decode("latin-1").partition(" ")
    pairs = [field.strip().partition("=")[::2] for field in rest.split(",", 3)]
    fields = dict(pairs)
    if algorithm != ALGORITHM or len(pairs) != 3 or fields.keys() != _AUTHORIZATION_FIELDS:
        detail = f"Authorization is not '{ALGORITHM} Credential=…, SignedHeaders=…, Signature=…'"
        raise denied(Denial.MALFORMED, service, detail)
    found = dict(headers)
    timestamp = found.get(b"x-amz-date", b"").decode("latin-1")
    if not timestamp and b"date" in found:
        timestamp = _from_http_date(found[b"date"].decode("latin-1"))
    token = found.get(b"x-amz-security-token")
    return _Parts(
        fields["Credential"],
        fields["SignedHeaders"],
        fields["Signature"],
        timestamp,
        None,
        None if token is None else token.decode("latin-1"),
    )


def _from_http_date(text: str) -> str:
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        return ""


def _presigned_parts(query: bytes, service: str) -> _Parts:
    found: dict[bytes, str] = {}
    for name, value in _pairs(query):
        if name.startswith(b"X-Amz-"):
            if name in found:
                detail = f"{name.decode('latin-1')} is given more than once"
                raise denied(Denial.MALFORMED, service, detail)
            found[name] = unquote_to_bytes(value).decode("latin-1")
    if found.get(b"X-Amz-Algorithm") != ALGORITHM:
        raise denied(Denial.MALFORMED, service, f"X-Amz-Algorithm is not {ALGORITHM}")
    return _Parts(
        found.get(b"X-Amz-Credential", ""),
        found.get(b"X-Amz-SignedHeaders", ""),
        found.get(b"X-Amz-Signature", ""),
        found.get(b"X-Amz-Date", ""),
        found.get(b"X-Amz-Expires", ""),
        found.get(b"X-Amz-Security-Token"),
    )


def _claim(parts: _Parts, service: str) -> Claim:
    credential = _CREDENTIAL.fullmatch(parts.credential)
    if credential is None:
        detail = "Credential is not <key id>/<date>/<region>/<service>/aws4_request"
        raise denied(Denial.MALFORMED, service, detail)
    if _SIGNATURE.fullmatch(parts.signature) is None:
        raise denied(Denial.MALFORMED, service, "Signature is not 64 hexadecimal digits")
    signed_headers = tuple(parts.signed_headers.encode("latin-1").split(b";"))
    if b"host" not in signed_headers or len(signed_headers) > MAX_SIGNED_HEADERS:
        detail = f"SignedHeaders must name host, and at most {MAX_SIGNED_HEADERS} headers"
        raise denied(Denial.MALFORMED, service, detail)
    signed_at = _seconds(parts.timestamp)
    if signed_at is None or not parts.timestamp.startswith(credential[2]):
        detail = "the request's date is missing, malformed, or not the Credential's"
        raise denied(Denial.MALFORMED, service, detail)
    expires_s = None
    if parts.expires is not None:
        if re.fullmatch(r"[0-9]{1,6}", parts.expires) is None:
            raise denied(Denial.MALFORMED, service, "X-Amz-Expires is not a number of seconds")
        expires_s = int(parts.expires)
        if not 1 <= expires_s <= MAX_EXPIRES_S:
            detail = f"X-Amz-Expires must be between 1 and {MAX_EXPIRES_S} seconds"
            raise denied(Denial.MALFORMED, service, detail)
    return Claim(
        access_key_id=credential[1],
        date=credential[2],
        region=credential[3],
        service=credential[4],
        signed_headers=signed_headers,
        signature=parts.signature,
        timestamp=parts.timestamp,
        signed_at=signed_at,
        expires_s=expires_s,
        session_token=parts.session_token,
    )


@lru_cache(maxsize=MAX_KEPT_TIMESTAMPS)
def _seconds(timestamp: str) -> float | None:
    if _TIMESTAMP.fullmatch(timestamp) is None:
        return None
    t = timestamp
    try:
        moment = datetime(
            int(t[:4]),
            int(t[4:6]),
            int(t[6:8]),
            int(t[9:11]),
            int(t[11:13]),
            int(t[13:15]),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return moment.timestamp()


# --- rebuilding the signature ---------------------------------------------------------------------


def _check_date(claim: Claim, now: float) -> None:
    lifetime_s = SKEW_S if claim.expires_s is None else claim.expires_s
    if -SKEW_S <= now - claim.signed_at <= lifetime_s:
        return
    clock = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    detail = f"signed at {claim.timestamp}, valid for {lifetime_s} s, and it is {clock} here"
    raise denied(Denial.EXPIRED, claim.service, detail)


def _canonical_request(request: SignedRequest, claim: Claim) -> bytes:
    values: dict[bytes, bytes] = {}
    for name, value in request.headers:
        if name in claim.signed_headers or name == b"x-amz-content-sha256":
            trimmed = b" ".join(value.split())
            values[name] = values[name] + b"," + trimmed if name in values else trimmed
    lines = [request.method.encode("latin-1"), b"/", _canonical_query(request.query)]
    for name in claim.signed_headers:
        if name not in values:
            # A header the client signed is gone; whatever removed it broke the signature.
            raise denied(Denial.MISMATCH, claim.service)
        lines.append(name + b":" + values[name])
    lines += [b"", b";".join(claim.signed_headers)]
    lines.append(_payload_hash(request.body, values.get(b"x-amz-content-sha256"), claim))
    return b"\n".join(lines)


def _payload_hash(body: bytes, declared: bytes | None, claim: Claim) -> bytes:
    if declared == _UNSIGNED_PAYLOAD:
        return declared
    actual = sha256(body).hexdigest().encode("ascii")
    if declared is not None and (_SHA256.fullmatch(declared) is None or declared != actual):
        raise denied(
            Denial.MISMATCH, claim.service, "the body is not what x-amz-content-sha256 says"
        )
    return actual


def _canonical_query(query: bytes) -> bytes:
    if not query:
        return b""
    pairs = sorted(pair for pair in _pairs(query) if pair[0] != b"X-Amz-Signature")
    return b"&".join([name + b"=" + value for name, value in pairs])


def _pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    return [pair.partition(b"=")[::2] for pair in query.split(b"&") if pair]


@lru_cache(maxsize=MAX_KEPT_SIGNING_KEYS)
def _signing_key(secret: str, date: str, region: str, service: str) -> tuple[Hash, Hash]:
    """HMAC's inner and outer hash (RFC 2104 §2) with the key in them already: one that begins with
    the key each time takes twice as long."""
    key = f"AWS4{secret}".encode()
    for step in (date, region, service, "aws4_request"):
        key = hmac.digest(key, step.encode("ascii"), "sha256")
    block = key.ljust(_HMAC_BLOCK_BYTES, b"\0")
    return sha256(block.translate(_INNER_PAD)), sha256(block.translate(_OUTER_PAD))
