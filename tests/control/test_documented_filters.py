"""Every filter that EC2 documents for an operation here is known, and an unknown one is not.

The names are read from the documentation in the service model, so a newer model that documents more
fails here.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import pytest
from botocore.loaders import Loader

from routeserver.control.registry import EC2
from routeserver.control.valueless_filters import VALUELESS
from routeserver.ec2.faults import Fault
from tests.control.cloud import Cloud
from tests.ec2.botocore_side import client_operation

SEVERITIES: Final = frozenset({"informational", "low", "medium", "high", "critical"})
"""Values in the text on images, in the form of names."""

WITH_FILTERS: Final = [
    name
    for name in EC2
    if (shape := client_operation("ec2", name).input_shape) and "Filters" in shape.members
]


@cache
def documented(action: str) -> list[str]:
    model = Loader().load_service_model("ec2", "service-2")
    shape = model["shapes"][model["operations"][action]["input"]["shape"]]
    text = shape["members"]["Filters"].get("documentation", "")
    names = set(re.findall(r"<li> <p> <code>([^<]+)</code>", text)) - SEVERITIES - {"tag"}
    return sorted(names)


async def ask(cloud: Cloud, action: str, name: str, value: str) -> dict[str, Any]:
    shape = client_operation("ec2", action).input_shape
    needed = {"RouteServerId": "rs-0123456789abcdef0", "PrefixListId": "pl-0123456789abcdef0"}
    params: dict[str, Any] = {member: needed[member] for member in shape.required_members}
    if action == "DescribeInstanceTypes":
        params["InstanceTypes"] = ["t3.micro"]
    return await cloud(action, **params, Filters=[{"Name": name, "Values": [value]}])


@pytest.mark.parametrize("action", [name for name in WITH_FILTERS if documented(name)])
async def test_a_documented_filter_is_known(cloud: Cloud, action: str) -> None:
    subnet_id = await cloud.subnet(await cloud.vpc())
    image = "ami-0123456789abcdef0"
    run: dict[str, Any] = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet_id}
    await cloud("RunInstances", **run)
    everything: dict[str, Any] = await cloud(action)
    for name in documented(action):
        found = await ask(cloud, action, name, "*")
        if name in VALUELESS.get(action, ()):
            assert not any(each for each in found.values() if isinstance(each, list)), name
        assert len(str(found)) <= len(str(everything))


@pytest.mark.parametrize("action", [name for name in WITH_FILTERS if documented(name)])
async def test_any_other_is_not(cloud: Cloud, action: str) -> None:
    with pytest.raises(Fault, match="The filter 'colour' is invalid") as caught:
        await ask(cloud, action, "colour", "red")
    assert caught.value.code == "InvalidParameterValue"


def test_a_name_is_valueless_for_a_reason() -> None:
    for action, names in VALUELESS.items():
        assert set(names) <= set(documented(action)), action
