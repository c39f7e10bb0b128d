"""What the HTTP face needs of whatever answers requests: a key's holder, and an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from routeserver.control.access.principal import Credential
from routeserver.control.request import ApiRequest


class Api(Protocol):
    async def credential(self, access_key_id: str, session_token: str | None) -> Credential | None:
        """The credential of this key, or None when there is none, it is not active, or the token
        is not its own."""

    async def call(self, request: ApiRequest) -> Mapping[str, Any]:
        """The answer in botocore's Python shape of the operation's output.

        Raises Fault or Refusal with what the client shall be told.
        """
