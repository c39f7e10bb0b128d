"""Tags as EC2 takes and shows them: TagSpecifications on create, the rules of keys and values, the
answer's list.

The limits are those of "Tag your Amazon EC2 resources": 50 tags, keys of 128 and values of 256
characters, the ``aws:`` prefix kept for the service itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from routeserver.control.call import Call, Params
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import Resource

MAX_TAGS: Final = 50
MAX_KEY_LENGTH: Final = 128
MAX_VALUE_LENGTH: Final = 256
RESERVED_PREFIX: Final = "aws:"


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in the answer's shape, in order of their keys."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def check_tags(given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The tags of a request as key and value; a missing value is the empty one.

    Raises Refusal InvalidParameterValue for a reserved, doubled, empty or over-long key or value.
    """
    tags: dict[str, str] = {}
    for tag in given:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        check_key(key)
        if len(value) > MAX_VALUE_LENGTH:
            raise Refusal(
                "InvalidParameterValue",
                f"Tag value exceeds the maximum length of {MAX_VALUE_LENGTH} characters "
                f"(key '{key}').",
            )
        if key in tags:
            raise Refusal("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        tags[key] = value
    return tags


def check_key(key: str) -> None:
    if not key:
        raise Refusal("InvalidParameterValue", "Tag key cannot be null or empty.")
    if len(key) > MAX_KEY_LENGTH:
        raise Refusal(
            "InvalidParameterValue",
            f"Tag key exceeds the maximum length of {MAX_KEY_LENGTH} characters.",
        )
    if key.lower().startswith(RESERVED_PREFIX):
        raise Refusal(
            "InvalidParameterValue",
            f"Tag keys starting with '{RESERVED_PREFIX}' are reserved for internal use.",
        )


def check_count(resource_id: str, tags: Mapping[str, str]) -> None:
    """Refuse more tags than a resource may have; `tags` are all it would have."""
    if len(tags) > MAX_TAGS:
        raise Refusal(
            "TagLimitExceeded",
            f"The maximum number of Tags for a resource has been reached: {resource_id} would have "
            f"{len(tags)} of {MAX_TAGS}.",
        )


async def tag_on_create(call: Call, params: Params, resource: Resource) -> dict[str, str]:
    """Give a new resource the tags of the request's TagSpecifications, and return them.

    Raises Refusal when a specification is for another type of resource or a tag breaks the rules.
    """
    tags = specified_tags(params, (resource.kind,))[resource.kind]
    await put_tags(call, resource, tags)
    return tags


def specified_tags(params: Params, kinds: Sequence[str]) -> dict[str, dict[str, str]]:
    """The tags of the request's TagSpecifications for each of the kinds of resource it makes."""
    given: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in kinds}
    for specification in params.get("TagSpecifications", ()):
        resource_type = specification.get("ResourceType")
        if resource_type is None:
            raise Refusal(
                "InvalidParameterValue", "Tag specification resource type must have a value."
            )
        if resource_type not in given:
            raise Refusal(
                "InvalidParameterValue",
                f"'{resource_type}' is not a valid taggable resource type for this operation; "
                f"use {' or '.join(kinds)}.",
            )
        given[resource_type].extend(specification.get("Tags", ()))
    return {kind: check_tags(tags) for kind, tags in given.items()}


async def put_tags(call: Call, resource: Resource, tags: Mapping[str, str]) -> None:
    check_count(resource.id, tags)
    if tags:
        await call.tx.put_tags([(resource.id, resource.kind)], tags)
