"""The API with a meter on it: every call counted and timed, and logged when that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from routeserver.control.access.principal import Credential
from routeserver.control.request import ApiRequest
from routeserver.domain.refusal import Refusal
from routeserver.ec2.faults import Fault
from routeserver.http.api import Api
from routeserver.observe.metrics import Metrics

OK: Final = "OK"
INTERNAL_ERROR: Final = "InternalError"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MeteredApi:
    """`clock` is monotonic seconds; `log_requests` makes an event of every answer."""

    api: Api
    metrics: Metrics
    clock: Callable[[], float]
    log_requests: bool

    async def credential(self, access_key_id: str, session_token: str | None) -> Credential | None:
        return await self.api.credential(access_key_id, session_token)

    async def call(self, request: ApiRequest) -> Mapping[str, Any]:
        began = self.clock()
        code = INTERNAL_ERROR
        try:
            answer = await self.api.call(request)
            code = OK
        except (Refusal, Fault) as refused:
            code = refused.code
            raise
        else:
            return answer
        finally:
            duration_s = self.clock() - began
            self.metrics.request_answered(request.action, code, duration_s)
            if self.log_requests:
                _log.info(
                    "request",
                    request_id=request.request_id,
                    service=request.service,
                    action=request.action,
                    code=code,
                    duration_s=round(duration_s, 6),
                )
