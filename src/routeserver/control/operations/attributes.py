"""Modify…Attribute calls change one attribute at a time; this finds out which."""

from __future__ import annotations

from collections.abc import Iterable

from routeserver.control.call import Params
from routeserver.domain.refusal import Refusal


def the_only_attribute(params: Params, members: Iterable[str]) -> str:
    """The one of `members` that the request gives.

    Raises Refusal MissingParameter for none of them, InvalidParameterCombination for several.
    """
    known = list(members)
    given = [member for member in known if member in params]
    if not given:
        raise Refusal(
            "MissingParameter",
            f"The request must contain one attribute to modify: {', '.join(known)}",
        )
    if len(given) > 1:
        raise Refusal(
            "InvalidParameterCombination",
            f"Fields for multiple attribute types specified: {', '.join(given)}; "
            "modify one attribute in each request.",
        )
    return given[0]
