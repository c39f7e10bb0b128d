"""The operator's face: ``POST /<question>`` with a JSON object, a JSON object back.

One path for each question of `control.operator.registry`; `record` answers with JSON lines for as
long as both ends want. A refusal is ``{"code": …, "error": …}``. Who may ask is decided where the
socket is (`operator_server`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from routeserver.control.operator.desk import Desk
from routeserver.control.operator.recording import record
from routeserver.control.operator.registry import QUESTIONS, Question
from routeserver.domain.refusal import Refusal
from routeserver.ec2.faults import Fault
from routeserver.http.body import ClientGone, read_body

MAX_BODY_BYTES: Final = 1 << 20
MAX_BODY_S: Final = 10.0

_log = structlog.get_logger()


def make_operator_app(desk: Desk) -> Starlette:
    """The ASGI application of the operator's socket."""
    routes = [
        Route(f"/{name}", _answering(desk, question), methods=["POST"])
        for name, question in QUESTIONS.items()
    ]

    async def recorded(request: Request) -> Response:
        try:
            lines = await record(desk, await _params(request))
        except (Refusal, Fault) as refusal:
            return _refused(refusal)
        except ClientGone:
            return Response(status_code=400)
        return StreamingResponse(lines, media_type="application/jsonl")

    return Starlette(routes=[*routes, Route("/record", recorded, methods=["POST"])])


def _answering(desk: Desk, question: Question) -> Any:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await question(desk, await _params(request)))
        except (Refusal, Fault) as refusal:
            return _refused(refusal)
        except ClientGone:
            return Response(status_code=400)
        except Exception:
            _log.exception("operator_question_failed", path=request.url.path)
            said = "the question failed inside the server; its log says why"
            return JSONResponse({"code": "InternalError", "error": said}, 500)

    return answer


async def _params(request: Request) -> Mapping[str, Any]:
    """Raises Refusal for anything but a JSON object of a reasonable size."""
    body = await read_body(request.scope, request.receive, MAX_BODY_BYTES, MAX_BODY_S)
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refusal("MalformedQuestion", f"The question is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise Refusal("MalformedQuestion", "The question must be a JSON object.")
    return found


def _refused(refusal: Refusal | Fault) -> Response:
    said = {"code": refusal.code, "error": refusal.message}
    return JSONResponse(said, refusal.status)
