"""What the HTTP face needs of whatever answers requests: a key's owner, and an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from routeserver.control.api import ApiRequest


class KeyRecord(Protocol):
    """An access key and who it belongs to."""

    @property
    def secret(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def principal_arn(self) -> str: ...
    @property
    def user_id(self) -> str: ...


class Api(Protocol):
    async def secret_of(self, access_key_id: str) -> KeyRecord | None:
        """The key of this id, or None when there is none (or it is not active)."""

    async def call(self, request: ApiRequest) -> Mapping[str, Any]:
        """The answer in botocore's Python shape of the operation's output.

        Raises Fault or Refusal with what the client shall be told.
        """
