"""A refusal: why the service will not do what was asked, in the service's own vocabulary.

The code is EC2's (``IncorrectState``, ``InvalidRouteServerId.NotFound``); the message is a sentence
that a person can act on. The face translates it to the wire; nothing is changed when one is raised.
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an accident
    """Raised by rules and operations; rolls the transaction back and reaches the client as an EC2
    error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
