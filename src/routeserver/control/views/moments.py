"""Times as filters compare them: the text that the answer shows."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(at: float | None) -> str | None:
    """``2016-11-15T12:00:00.000Z``; None stays none."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"
