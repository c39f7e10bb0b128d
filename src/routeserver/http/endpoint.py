"""The API endpoint: one ASGI application that answers EC2's, IAM's and STS's requests.

A request is authenticated before a byte of it is interpreted, then parsed by the model, then handed
to the `Api`; whatever comes of it goes back as the service's XML. Every request gets an answer of
that form, also one to a path or by a method that the services do not have. Whoever signed it and
whatever came of it goes to the audit trail. This is the edge where an unexpected exception ends:
the client is told InternalError and a request id, the log is told the rest under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import structlog
from starlette.types import Receive, Scope, Send

from routeserver.control.access.principal import Credential
from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.ec2 import faults, form, model, request, response, sigv4
from routeserver.ec2.faults import Fault
from routeserver.http import auditing
from routeserver.http.api import Api
from routeserver.http.body import ClientGone, read_body
from routeserver.observe.audit import AuditedCall

_log = structlog.get_logger(__name__)

LONGEST_AGENT: Final = 512

PIECE_BYTES: Final = 32 * 1024
"""Of a long answer, between two turns of the event loop: some 100 routes, a millisecond."""

_HEADERS: Final = (
    (b"content-type", b"text/xml;charset=UTF-8"),
    (b"cache-control", b"no-cache, no-store"),
)
_METHODS: Final = frozenset({"POST", "GET"})
_QUERY_VERSIONS: Final = tuple(
    f"Version={model.API_VERSIONS[name]}".encode() for name in sigv4.TELLING_SERVICES
)


@dataclass(frozen=True, slots=True)
class Limits:
    body_bytes: int = 1 << 20
    body_s: float = 30.0
    """How long a request may take to arrive."""


@dataclass(slots=True)
class _Heard:
    """How far a request has come."""

    request_id: str
    signed: sigv4.SignedRequest | None = None
    call: AuditedCall | None = None
    """Known from the moment the request says who signed it."""
    is_asked: bool = False
    """Whether an operation has been asked; what becomes of it then is the Api's to count."""


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
        audit: Callable[[AuditedCall], None] | None = None,
        count_refused: Callable[[str], None] | None = None,
    ) -> None:
        self._audit = audit
        self._count_refused = count_refused
        self._api = api
        self._wall_clock = wall_clock
        self.new_request_id = new_request_id
        self._regions = regions
        self._limits = limits
        for name in model.API_VERSIONS:
            model.service(name)  # read now, so that the first request need not wait for it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        heard = _Heard(self.new_request_id())
        try:
            heard.signed = await self._receive(scope, receive)
            body = await self._answer(heard, scope)
        except ClientGone:
            return
        except (Fault, Refusal) as refused:
            self._record(heard, refused)
            await _send_refusal(send, refused, heard.signed, heard.request_id)
        except Exception:
            _log.exception("request_failed", request_id=heard.request_id)
            unexpected = faults.internal_error()
            self._record(heard, unexpected)
            await _send_refusal(send, unexpected, heard.signed, heard.request_id)
        else:
            self._record(heard, None)
            if isinstance(body, bytes):
                await _send(send, 200, body, heard.request_id)
            else:
                await _send_pieces(receive, send, body, heard.request_id)

    def _record(self, heard: _Heard, refused: Fault | Refusal | None) -> None:
        if refused is not None and not heard.is_asked and self._count_refused is not None:
            self._count_refused(refused.code)
        if self._audit is None or heard.call is None:
            return
        if refused is not None:
            heard.call.error_code = refused.code
            heard.call.error_message = refused.message
            heard.call.status = faults.STATUS.get(refused.code, refused.status)
        self._audit(heard.call)

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

    async def _answer(self, heard: _Heard, scope: Scope) -> bytes | Iterator[bytes]:
        """The body, or the pieces that a long one is made of while it is sent."""
        assert heard.signed is not None  # noqa: S101 - received just now
        signed, now = heard.signed, self._wall_clock()
        claim = sigv4.read_claim(signed, regions=self._regions)
        source = _source_of(scope)
        audited = heard.call = auditing.claimed(claim, source, heard.request_id, now)
        holder = await self._authenticate(signed, claim, now)
        caller = holder.principal
        audited.identity, audited.account_id = auditing.identity(caller), caller.account_id
        parameters = form.decode(signed.query, signed.body)
        operation = request.operation_of(parameters, model.service(claim.service))
        audited.action = operation.name
        audited.params = parsed = _parsed(operation, parameters)
        heard.is_asked = True
        answer = await self._api.call(
            ApiRequest(
                service=claim.service,
                action=operation.name,
                params=parsed,
                account_id=caller.account_id,
                principal_arn=caller.arn,
                user_id=caller.user_id,
                region=claim.region,
                request_id=heard.request_id,
                principal=caller,
                source_ip=source.ip,
                user_agent=source.user_agent,
                is_encrypted=source.is_encrypted,
            )
        )
        if isinstance(answer, response.LongAnswer):
            return response.pieces(operation, answer, heard.request_id)
        return response.encode(operation, answer, heard.request_id)

    async def _authenticate(
        self, signed: sigv4.SignedRequest, claim: sigv4.Claim, now: float
    ) -> Credential:
        holder = await self._api.credential(claim.access_key_id, claim.session_token)
        if holder is None:
            sigv4.verify(signed, claim, None, now)
            raise sigv4.denied(sigv4.Denial.UNKNOWN_KEY, claim.service)
        sigv4.verify(signed, claim, holder.secret, now)
        sigv4.check_token(claim, holder.expires_at, now)
        return holder


def _parsed(operation: model.Operation, parameters: dict[str, str]) -> dict[str, Any]:
    try:
        return request.parse(operation, parameters)
    except Fault as fault:
        if operation.service.protocol is model.Protocol.EC2:
            raise
        # IAM and STS have one code for whatever does not fit the operation's input.
        raise Fault("ValidationError", fault.message) from None


def _source_of(scope: Scope) -> auditing.Source:
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    client = scope.get("client")
    return auditing.Source(
        ip=client[0] if client else "",
        user_agent=agent.decode("latin-1")[:LONGEST_AGENT],
        is_encrypted=scope.get("scheme") == "https",
    )


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
    is_query = sigv4.service_meant(signed) != "ec2" or any(
        version in signed.query or version in signed.body for version in _QUERY_VERSIONS
    )
    return model.Protocol.QUERY if is_query else model.Protocol.EC2


async def _send_pieces(
    receive: Receive, send: Send, pieces: Iterator[bytes], request_id: str
) -> None:
    """With a turn of the event loop between two of them, and no faster than the client reads; no
    more are made for one that has gone.

    Whatever fails on the way cannot be told any more: the connection ends in the middle.
    """
    # The request is here whole: all that can still come is that its client goes.
    gone = asyncio.ensure_future(receive())
    try:
        await _send_while(lambda: not gone.done(), send, pieces, request_id)
    finally:
        gone.cancel()


async def _send_while(
    is_there: Callable[[], bool], send: Send, pieces: Iterator[bytes], request_id: str
) -> None:
    headers = [*_HEADERS, (b"x-amzn-requestid", request_id.encode("ascii"))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            await send({"type": "http.response.body", "body": b"".join(waiting), "more_body": True})
            await asyncio.sleep(0)
            if not is_there():
                return
            waiting, size = [], 0
    await send({"type": "http.response.body", "body": b"".join(waiting)})


async def _send(
    send: Send, status: int, body: bytes, request_id: str, *, close: bool = False
) -> None:
    headers = [
        *_HEADERS,
        (b"content-length", b"%d" % len(body)),
        (b"x-amzn-requestid", request_id.encode("ascii")),
    ]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
