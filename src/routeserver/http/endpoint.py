"""The API endpoint: one ASGI application that answers EC2's and STS's requests.

A request is authenticated before a byte of it is interpreted, then parsed by the model, then handed
to the `Api`; whatever comes of it goes back as the service's XML. Every request gets an answer of
that form, also one to a path or by a method that the services do not have. This is the edge where
an unexpected exception ends: the client is told InternalError and a request id, the log is told the
rest under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from routeserver.control.api import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.ec2 import faults, form, model, request, response, sigv4
from routeserver.ec2.faults import Fault
from routeserver.http.api import Api
from routeserver.http.body import ClientGone, read_body

_log = structlog.get_logger(__name__)

_METHODS: Final = frozenset({"POST", "GET"})
_STS_VERSION: Final = f"Version={model.API_VERSIONS['sts']}".encode()


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int = 1 << 20
    body_s: float = 30.0
    """How long a request may take to arrive."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and of what. The secret that proved it stays behind, out of every later frame."""

    service: str
    region: str
    account_id: str
    principal_arn: str
    user_id: str


class Endpoint:
    """The ASGI application behind ``/`` and every path that nothing else answers."""

    def __init__(
        self,
        api: Api,
        *,
        wall_clock: Callable[[], float],
        new_request_id: Callable[[], str],
        regions: Collection[str] | None,
        limits: Limits,
    ) -> None:
        self._api = api
        self._wall_clock = wall_clock
        self._new_request_id = new_request_id
        self._regions = regions
        self._limits = limits
        for name in model.API_VERSIONS:
            model.service(name)  # read now, so that the first request need not wait for it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._new_request_id()
        signed: sigv4.SignedRequest | None = None
        try:
            signed = await self._receive(scope, receive)
            body = await self._answer(signed, request_id)
            await _send(send, 200, body, request_id)
        except ClientGone:
            return
        except (Fault, Refusal) as refused:
            await _send_refusal(send, refused, signed, request_id)
        except Exception:
            _log.exception("request_failed", request_id=request_id)
            await _send_refusal(send, faults.internal_error(), signed, request_id)

    async def _receive(self, scope: Scope, receive: Receive) -> sigv4.SignedRequest:
        if scope["path"] not in {"/", ""}:
            raise faults.no_such_path(scope["path"])
        if scope["method"] not in _METHODS:
            raise faults.no_such_method(scope["method"])
        body = await read_body(scope, receive, self._limits.body_bytes, self._limits.body_s)
        query = scope["query_string"]
        if len(query) > self._limits.body_bytes:
            raise faults.too_large(self._limits.body_bytes)
        return sigv4.SignedRequest(scope["method"], query, scope["headers"], body)

    async def _answer(self, signed: sigv4.SignedRequest, request_id: str) -> bytes:
        caller = await self._authenticate(signed)
        parameters = form.decode(signed.query, signed.body)
        operation = request.operation_of(parameters, model.service(caller.service))
        answer = await self._api.call(
            ApiRequest(
                service=caller.service,
                action=operation.name,
                params=request.parse(operation, parameters),
                account_id=caller.account_id,
                principal_arn=caller.principal_arn,
                user_id=caller.user_id,
                region=caller.region,
                request_id=request_id,
            )
        )
        return response.encode(operation, answer, request_id)

    async def _authenticate(self, signed: sigv4.SignedRequest) -> Caller:
        claim = sigv4.read_claim(signed, regions=self._regions)
        key = await self._api.secret_of(claim.access_key_id)
        if key is None:
            sigv4.verify(signed, claim, None, self._wall_clock())
            raise sigv4.denied(sigv4.Denial.UNKNOWN_KEY, claim.service)
        sigv4.verify(signed, claim, key.secret, self._wall_clock())
        return Caller(claim.service, claim.region, key.account_id, key.principal_arn, key.user_id)


async def send_fault(send: Send, fault: Fault, request_id: str) -> None:
    """Answer with a fault in EC2's form."""
    await _send_refusal(send, fault, None, request_id)


async def _send_refusal(
    send: Send, refused: Fault | Refusal, signed: sigv4.SignedRequest | None, request_id: str
) -> None:
    status = faults.STATUS.get(refused.code, refused.status)
    protocol = _protocol_meant(signed)
    body = response.encode_fault(protocol, refused.code, refused.message, status, request_id)
    # What could not be received in full is still on its way: the connection cannot be used again.
    await _send(send, status, body, request_id, close=signed is None)


def _protocol_meant(signed: sigv4.SignedRequest | None) -> model.Protocol:
    """Which service's form of error the client will understand; EC2's when nothing tells."""
    if signed is None:
        return model.Protocol.EC2
    scopes = (value for name, value in signed.headers if name == b"authorization")
    is_sts = (
        any(b"/sts/aws4_request" in value for value in scopes)
        or _STS_VERSION in signed.query
        or _STS_VERSION in signed.body
    )
    return model.Protocol.QUERY if is_sts else model.Protocol.EC2


async def _send(
    send: Send, status: int, body: bytes, request_id: str, *, close: bool = False
) -> None:
    headers = [
        (b"content-type", b"text/xml;charset=UTF-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-cache, no-store"),
        (b"x-amzn-requestid", request_id.encode("ascii")),
    ]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
