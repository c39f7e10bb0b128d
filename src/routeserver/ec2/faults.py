"""What to tell an API client: EC2's error codes, with its usual wording, and the HTTP status of
each.

Codes are those of the EC2 API Reference, "Error codes"; statuses beside 400 are in `STATUS`. Faults
of the wire and the signature are made here; what an operation refuses has codes of its own and
takes its status from the same table.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

STATUS: Final[dict[str, int]] = {
    "AuthFailure": 401,
    "UnauthorizedOperation": 403,
    "InvalidClientTokenId": 403,
    "MissingAuthenticationToken": 403,
    "SignatureDoesNotMatch": 403,
    "InvalidURI": 404,
    "UnsupportedHttpVerb": 405,
    "RequestTimeout": 408,
    "DryRunOperation": 412,
    "RequestEntityTooLarge": 413,
    "InternalError": 500,
    "InternalFailure": 500,
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
}
"""HTTP status by code; every other code is 400."""

ECHO_LIMIT: Final = 200
"""How much of a client's own text is said back to it."""


MOST_LISTED: Final = 200
"""How many right values a refusal lists."""


class Fault(Exception):  # noqa: N818 - the service's word for an answer that is an error
    """An error answer. `status` defaults to the code's own."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = STATUS.get(code, 400) if status is None else status


def shortened(text: str) -> str:
    return text if len(text) <= ECHO_LIMIT else text[:ECHO_LIMIT] + "..."


# --- the form of a request ------------------------------------------------------------------------


def malformed_query(reason: str) -> Fault:
    return Fault("MalformedQueryString", f"The query string contains a syntax error: {reason}")


def invalid_character(name: str) -> Fault:
    return Fault(
        "InvalidCharacter",
        f"The parameter {shortened(name)} contains a character that XML cannot carry",
    )


def too_large(limit_bytes: int) -> Fault:
    return Fault(
        "RequestEntityTooLarge", f"The request is larger than the {limit_bytes} bytes accepted here"
    )


def too_slow(limit_s: float) -> Fault:
    return Fault("RequestTimeout", f"The request did not arrive within {limit_s:g} seconds")


def no_such_path(path: str) -> Fault:
    return Fault(
        "InvalidURI", f"There is nothing at {shortened(path)}; API requests are sent to / by POST"
    )


def no_such_method(method: str) -> Fault:
    return Fault(
        "UnsupportedHttpVerb",
        f"The HTTP verb {shortened(method)} is not supported; send API requests by POST or GET",
    )


# --- what it asks for -----------------------------------------------------------------------------


def missing_action() -> Fault:
    return Fault("MissingAction", "The request must contain the parameter Action")


def unknown_action(action: str) -> Fault:
    return Fault(
        "InvalidAction", f"The action {shortened(action)} is not valid for this web service."
    )


def unknown_version(version: str, service_title: str) -> Fault:
    return Fault(
        "NoSuchVersion",
        f"The requested version ({shortened(version)}) of service {service_title} does not exist",
    )


def missing_parameter(name: str) -> Fault:
    return Fault("MissingParameter", f"The request must contain the parameter {name}")


def unknown_parameter(name: str) -> Fault:
    return Fault("UnknownParameter", f"The parameter {shortened(name)} is not recognized")


def invalid_value(value: str, name: str, reason: str) -> Fault:
    return Fault(
        "InvalidParameterValue",
        f"Value ({shortened(value)}) for parameter {name} is invalid. {reason}",
    )


def not_in_enum(value: str, name: str, allowed: Collection[str]) -> Fault:
    """Says what would be right, unless that is a book: there are a thousand instance types."""
    known = ", ".join(allowed) if len(allowed) <= MOST_LISTED else f"{len(allowed)} are known"
    return invalid_value(value, name, f"Valid values: {known}.")


def invalid_filter(name: str) -> Fault:
    return Fault("InvalidParameterValue", f"The filter '{shortened(name)}' is invalid")


def invalid_pagination_token() -> Fault:
    return Fault(
        "InvalidPaginationToken", "The specified pagination token is not valid or is expired."
    )


# --- what became of it ----------------------------------------------------------------------------


def internal_error() -> Fault:
    return Fault("InternalError", "An internal error has occurred")
