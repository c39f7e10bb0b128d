"""Why a lab cannot be built or used, as the other commands say it."""

from __future__ import annotations

from routeserver.app.errors import StartError


class LabError(StartError):
    """Reads ``<what>; <remedy>``, in one line."""
