"""An Api that answers what a test put into it and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from routeserver.control.access.principal import Credential, root
from routeserver.control.api import ApiRequest
from routeserver.domain.refusal import Refusal

ACCOUNT: Final = "123456789012"
KEY_ID: Final = "AKIDEXAMPLE"
SECRET: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


TEMPORARY_KEY_ID: Final = "ASIAEXAMPLE"
TOKEN: Final = "a/session+token=="
EXPIRED_TOKEN: Final = "an-old-token"


class FakeApi:
    def __init__(self) -> None:
        self.answers: dict[str, Mapping[str, Any] | Exception] = {}
        self.asked: list[ApiRequest] = []

    async def credential(self, access_key_id: str, session_token: str | None) -> Credential | None:
        expiry = {
            (KEY_ID, None): None,
            (TEMPORARY_KEY_ID, TOKEN): 1e12,
            (TEMPORARY_KEY_ID, EXPIRED_TOKEN): 1.0,
        }
        if (access_key_id, session_token) not in expiry:
            return None
        expires_at = expiry[access_key_id, session_token]
        return Credential(SECRET, root(ACCOUNT, access_key_id), expires_at)

    async def call(self, request: ApiRequest) -> Mapping[str, Any]:
        self.asked.append(request)
        if request.params.get("DryRun"):
            message = "Request would have succeeded, but DryRun flag is set."
            raise Refusal("DryRunOperation", message)
        answer = self.answers.get(request.action, {})
        if isinstance(answer, Exception):
            raise answer
        return answer
