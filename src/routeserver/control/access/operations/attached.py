"""What users, roles and groups have in common: inline policies, attached ones, boundaries, tags.

The three families of operations differ in nothing but the name of a parameter, so each operation is
made once from the kind it is for (IAM API 2010-05-08).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from routeserver.control.access import lookup, views
from routeserver.control.access.entities import Entity, EntityKind
from routeserver.control.call import Answer, Call, OperationFn, Params
from routeserver.ec2.iam_policy import Kind

NAME_PARAMETER: Final = {
    EntityKind.USER: "UserName",
    EntityKind.ROLE: "RoleName",
    EntityKind.GROUP: "GroupName",
}
MAX_INLINE: Final = {
    EntityKind.USER: 2048,
    EntityKind.ROLE: 10_240,
    EntityKind.GROUP: 5120,
}
"""Characters of all inline policies together, without white space."""

MAX_ATTACHED: Final = 10

Maker = Callable[[EntityKind], OperationFn]


async def _holder(call: Call, params: Params, kind: EntityKind) -> Entity:
    return await lookup.find(call, kind, params[NAME_PARAMETER[kind]])


def put_policy(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        name = lookup.checked_name(params["PolicyName"], "policyName")
        most = MAX_INLINE[kind]
        document = lookup.checked_document(params["PolicyDocument"], Kind.IDENTITY, most)
        inline = {**holder.inline, name: document}
        if sum(len("".join(each.split())) for each in inline.values()) > most:
            raise lookup.limit_exceeded("PolicySize", most)
        await lookup.save(call, replace(holder, inline=inline))
        return {}

    return run


def get_policy(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        name = params["PolicyName"]
        return {
            NAME_PARAMETER[kind]: holder.name,
            "PolicyName": name,
            "PolicyDocument": views.encoded(_inline(holder, name)),
        }

    return run


def list_policies(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        return lookup.page(list(holder.inline), params, "PolicyNames", str, str)

    return run


def delete_policy(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        _inline(holder, params["PolicyName"])
        left = {name: each for name, each in holder.inline.items() if name != params["PolicyName"]}
        await lookup.save(call, replace(holder, inline=left))
        return {}

    return run


def _inline(holder: Entity, name: str) -> str:
    if name not in holder.inline:
        raise lookup.no_such_entity(f"The {holder.kind} policy with name {name}")
    return holder.inline[name]


def attach_policy(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        policy = await lookup.find_policy(call, params["PolicyArn"])
        if policy.arn in holder.attached:
            return {}
        if len(holder.attached) >= MAX_ATTACHED:
            raise lookup.limit_exceeded(f"PoliciesPer{kind.value.capitalize()}", MAX_ATTACHED)
        await lookup.save(call, replace(holder, attached=(*holder.attached, policy.arn)))
        return {}

    return run


def detach_policy(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        arn = params["PolicyArn"]
        if arn not in holder.attached:
            raise lookup.no_such_entity(f"Policy {arn}")
        left = tuple(each for each in holder.attached if each != arn)
        await lookup.save(call, replace(holder, attached=left))
        return {}

    return run


def list_attached(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        prefix = params.get("PathPrefix", "/")
        arns = [arn for arn in holder.attached if arn.partition(":policy")[2].startswith(prefix)]
        return lookup.page(
            arns,
            params,
            "AttachedPolicies",
            str,
            lambda arn: {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn},
        )

    return run


def put_boundary(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        policy = await lookup.find_policy(call, params["PermissionsBoundary"])
        await lookup.save(call, replace(holder, boundary=policy.arn))
        return {}

    return run


def delete_boundary(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        if holder.boundary is None:
            raise lookup.no_such_entity(f"The permissions boundary of {holder.name}")
        await lookup.save(call, replace(holder, boundary=None))
        return {}

    return run


def tag(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        await lookup.save(call, replace(holder, tags=with_tags(holder.tags, params)))
        return {}

    return run


def untag(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        await lookup.save(call, replace(holder, tags=without_tags(holder.tags, params)))
        return {}

    return run


def list_tags(kind: EntityKind) -> OperationFn:
    async def run(call: Call, params: Params) -> Answer:
        holder = await _holder(call, params, kind)
        return tag_page(holder.tags, params)

    return run


async def tag_policy(call: Call, params: Params) -> Answer:
    policy = await lookup.find_own_policy(call, params["PolicyArn"])
    await lookup.save_policy(call, replace(policy, tags=with_tags(policy.tags, params)))
    return {}


async def untag_policy(call: Call, params: Params) -> Answer:
    policy = await lookup.find_own_policy(call, params["PolicyArn"])
    await lookup.save_policy(call, replace(policy, tags=without_tags(policy.tags, params)))
    return {}


async def list_policy_tags(call: Call, params: Params) -> Answer:
    policy = await lookup.find_policy(call, params["PolicyArn"])
    return tag_page(policy.tags, params)


def with_tags(tags: Mapping[str, str], params: Params) -> dict[str, str]:
    """Raises Refusal LimitExceeded or InvalidInput."""
    found = {**tags, **lookup.checked_tags(params["Tags"])}
    if len(found) > lookup.MAX_TAGS:
        raise lookup.limit_exceeded("TagsPerResource", lookup.MAX_TAGS)
    return found


def without_tags(tags: Mapping[str, str], params: Params) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key not in params["TagKeys"]}


def tag_page(tags: Mapping[str, str], params: Params) -> Answer:
    return lookup.page(
        list(tags), params, "Tags", str, lambda key: {"Key": key, "Value": tags[key]}
    )
