"""An Api that answers what a test put into it and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from routeserver.control.api import ApiRequest
from routeserver.domain.refusal import Refusal

ACCOUNT: Final = "123456789012"
KEY_ID: Final = "AKIDEXAMPLE"
SECRET: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@dataclass(frozen=True, slots=True)
class Key:
    secret: str = SECRET
    account_id: str = ACCOUNT
    principal_arn: str = f"arn:aws:iam::{ACCOUNT}:root"
    user_id: str = ACCOUNT


class FakeApi:
    def __init__(self) -> None:
        self.answers: dict[str, Mapping[str, Any] | Exception] = {}
        self.asked: list[ApiRequest] = []

    async def secret_of(self, access_key_id: str) -> Key | None:
        return Key() if access_key_id == KEY_ID else None

    async def call(self, request: ApiRequest) -> Mapping[str, Any]:
        self.asked.append(request)
        if request.params.get("DryRun"):
            message = "Request would have succeeded, but DryRun flag is set."
            raise Refusal("DryRunOperation", message)
        answer = self.answers.get(request.action, {})
        if isinstance(answer, Exception):
            raise answer
        return answer
