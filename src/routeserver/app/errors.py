"""Why the server cannot start or a command cannot go on: one line, with what to do about it."""

from __future__ import annotations


class StartError(Exception):
    """Reads ``<what>; <remedy>``, without a full stop and without a line break."""
