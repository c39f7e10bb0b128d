"""Fabrics: where the addresses of endpoints and appliances live. Outside of this folder and the
composition root only the protocol is known."""

from __future__ import annotations

from routeserver.fabric.base import Fabric, FabricError

__all__ = ["Fabric", "FabricError"]
