"""A signed, well-formed request on its way to an operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routeserver.control.access.principal import Principal, root


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """Who, where, what. Without a `principal` it is the account's root that asks."""

    service: str
    action: str
    params: Mapping[str, Any]
    account_id: str
    principal_arn: str
    user_id: str
    region: str
    request_id: str
    principal: Principal | None = None
    source_ip: str = ""
    user_agent: str = ""
    is_encrypted: bool = False
    """Whether it came over TLS."""

    @property
    def caller(self) -> Principal:
        return root(self.account_id) if self.principal is None else self.principal
