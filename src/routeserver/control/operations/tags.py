"""Create, Delete and DescribeTags (EC2 API 2016-11-15), for every resource that has tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from routeserver.control import tagging
from routeserver.control.call import Answer, Call, Params
from routeserver.control.describe import check_max_results
from routeserver.control.lookup import NAMING, not_found
from routeserver.domain.refusal import Refusal
from routeserver.ec2.filters import compile_filters
from routeserver.ec2.paging import page as page_of
from routeserver.net.ids import is_well_formed
from routeserver.store import TagRow

MAX_RESOURCES: Final = 1000

FILTERS: Final = {
    "key": "key",
    "value": "value",
    "resource-id": "resource_id",
    "resource-type": "resource_kind",
}
"""Filter name and the field of a tag's row."""


async def create_tags(call: Call, params: Params) -> Answer:
    tags = tagging.check_tags(params.get("Tags", ()))
    if not tags:
        raise Refusal("MissingParameter", "The request must contain the parameter Tags")
    ids = _resource_ids(params)
    kinds = [(resource_id, await _kind_of(call, resource_id)) for resource_id in ids]
    present = await call.tx.tags_of(ids)
    for resource_id in ids:
        tagging.check_count(resource_id, {**present.get(resource_id, {}), **tags})
    await call.tx.put_tags(kinds, tags)
    return {}


async def delete_tags(call: Call, params: Params) -> Answer:
    """Without tags all of them go; a tag with a value goes only where it has that value."""
    ids = _resource_ids(params)
    for resource_id in ids:
        await _kind_of(call, resource_id)
    given: Sequence[Any] = params.get("Tags", ())
    for tag in given:
        tagging.check_key(tag.get("Key", ""))
    if given:
        await call.tx.delete_tags(ids, {tag["Key"]: tag.get("Value") for tag in given})
    else:
        present = await call.tx.tags_of(ids)
        await call.tx.delete_tags(ids, {key: None for tags in present.values() for key in tags})
    return {}


async def describe_tags(call: Call, params: Params) -> Answer:
    check_max_results(params)
    rows = await call.tx.list_tags()
    passes = compile_filters(params.get("Filters", ()), FILTERS)
    shown, token = page_of(
        [row for row in rows if passes(_fields(row), {row.key: row.value})],
        key=lambda row: (row.resource_id, row.key),
        max_results=params.get("MaxResults"),
        next_token=params.get("NextToken"),
    )
    answer: Answer = {
        "Tags": [
            {
                "ResourceId": row.resource_id,
                "ResourceType": row.resource_kind,
                "Key": row.key,
                "Value": row.value,
            }
            for row in shown
        ]
    }
    if token is not None:
        answer["NextToken"] = token
    return answer


def _fields(row: TagRow) -> dict[str, str]:
    return {name: getattr(row, field) for name, field in FILTERS.items()}


def _resource_ids(params: Params) -> list[str]:
    ids = list(dict.fromkeys(_given(params)))
    if len(ids) > MAX_RESOURCES:
        raise Refusal(
            "InvalidParameterValue",
            f"At most {MAX_RESOURCES} resources can be given, not {len(ids)}.",
        )
    return ids


def _given(params: Params) -> Iterable[str]:
    resources: Sequence[str] = params.get("Resources", ())
    if not resources:
        raise Refusal("MissingParameter", "The request must contain the parameter Resources")
    return resources


async def _kind_of(call: Call, resource_id: str) -> str:
    """The resource's type; Refusal in the words of the type that its id's prefix names."""
    kind = await call.tx.find_kind(resource_id)
    if kind is not None:
        return kind
    for type_, naming in NAMING.items():
        if type_.kind and is_well_formed(resource_id, naming.id_prefix):
            raise not_found(type_, resource_id)
    raise Refusal("InvalidID", f"The ID '{resource_id}' is not valid")
