"""Data planes: what writes routing tables. Outside this folder only the protocol is known."""

from __future__ import annotations

from routeserver.dataplane.base import DataPlane

__all__ = ["DataPlane"]
