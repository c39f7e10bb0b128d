"""Parameters of the EC2 model that name things this service does not have: refused, not ignored."""

from __future__ import annotations

from collections.abc import Mapping

from routeserver.control.call import Params
from routeserver.domain.refusal import Refusal


def refuse_unsupported(params: Params, reasons: Mapping[str, str]) -> None:
    """Refuse the first parameter given of those in `reasons`; one that switches nothing on (false,
    0) is let through.

    Raises Refusal UnsupportedOperation with the reason.
    """
    for name, reason in reasons.items():
        if params.get(name):
            raise Refusal(
                "UnsupportedOperation", f"The parameter {name} is not supported: {reason}."
            )
