"""Whose a new resource is: what every row has beside its id."""

from __future__ import annotations

from typing import Any

from routeserver.control.call import Call
from routeserver.domain.resources import Resource


def owned(call: Call) -> dict[str, Any]:
    """The fields of a resource that the caller makes now."""
    return {"account_id": call.account_id, "region": call.region, "created_at": call.now}


def owned_like(other: Resource, now: float) -> dict[str, Any]:
    """The fields of a resource that the service makes for the owner of another one."""
    return {"account_id": other.account_id, "region": other.region, "created_at": now}
