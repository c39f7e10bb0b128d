"""What an instance is launched with and nothing here uses, yet clients read back: the options of
its metadata service, its CPU credits. And ModifyInstanceMetadataOptions (EC2 API 2016-11-15).
"""

from __future__ import annotations

import json
from typing import Any, Final

from routeserver.control.call import Answer, Call, Params
from routeserver.control.instances import find_instances
from routeserver.control.views import instance as views
from routeserver.domain import vpc_rules
from routeserver.domain.network import InstanceState
from routeserver.domain.refusal import Refusal

MOST_HOPS: Final = 64
CREDITS: Final = ("standard", "unlimited")


def launch_options(params: Params) -> dict[str, Any]:
    """The columns of RunInstances' parameters. Raises Refusal for values that EC2 does not take."""
    metadata = _checked(params.get("MetadataOptions", {}))
    return {
        "metadata_options": json.dumps(metadata) if metadata else None,
        "cpu_credits": _credits(params),
    }


def _credits(params: Params) -> str | None:
    if "CreditSpecification" not in params:
        return None
    asked = str(params["CreditSpecification"]["CpuCredits"])
    if asked not in CREDITS:
        raise vpc_rules.invalid_value("cpuCredits", asked, f"Valid values: {', '.join(CREDITS)}.")
    return asked


def _checked(asked: Params) -> dict[str, Any]:
    hops = asked.get("HttpPutResponseHopLimit")
    if hops is not None and not 1 <= hops <= MOST_HOPS:
        raise vpc_rules.invalid_value(
            "httpPutResponseHopLimit", hops, f"It is between 1 and {MOST_HOPS}."
        )
    return {name: asked[name] for name in views.METADATA_DEFAULTS if name in asked}


async def modify_instance_metadata_options(call: Call, params: Params) -> Answer:
    (row,) = await find_instances(call, [params["InstanceId"]])
    if row.state is InstanceState.TERMINATED:
        raise Refusal("IncorrectInstanceState", f"The instance '{row.id}' is {row.state}.")
    asked = _checked(params)
    if not asked:
        raise Refusal(
            "MissingParameter",
            f"The request must contain one of {', '.join(views.METADATA_DEFAULTS)}",
        )
    options = {**views.metadata_options(row), **asked}
    await call.tx.update(row, metadata_options=json.dumps(options))
    return {
        "InstanceId": row.id,
        "InstanceMetadataOptions": {"State": "pending", **options},
    }
