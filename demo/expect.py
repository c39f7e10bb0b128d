"""What a step expects, and what it says when something else comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

T = TypeVar("T")

DEADLINE_S: Final = 30.0
INTERVAL_S: Final = 0.05


class UnexpectedError(Exception):
    """Reads ``expected X, got Y``."""

    def __init__(self, wanted: str, got: object) -> None:
        super().__init__(f"expected {wanted}, got {got}")


def equal(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise UnexpectedError(f"{what} {wanted!r}", repr(got))


def eventually(
    what: str,
    look: Callable[[], T],
    wanted: Callable[[T], bool],
    tell: Callable[[T], object] = repr,
) -> T:
    """Look again and again, as a client of an asynchronous API must, until it is as wanted.

    `tell` is what to say of the last look when it never was.
    """
    deadline = time.monotonic() + DEADLINE_S
    while True:
        seen = look()
        if wanted(seen):
            return seen
        if time.monotonic() > deadline:
            raise UnexpectedError(f"{what} within {DEADLINE_S:.0f} s", tell(seen))
        time.sleep(INTERVAL_S)


def refused(code: str, call: Callable[..., Any], **params: object) -> str:
    """The message of the error with this code, which the call must be answered with."""
    try:
        answer = call(**params)
    except ClientError as error:
        told = error.response["Error"]
        equal("error code", told["Code"], code)
        return str(told["Message"])
    answer.pop("ResponseMetadata", None)
    raise UnexpectedError(f"error code {code!r}", answer)
