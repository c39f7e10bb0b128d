"""Finding, checking and listing what IAM has, in IAM's words."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from routeserver.control.access.entities import (
    POLICY,
    Entity,
    EntityKind,
    ManagedPolicy,
    entity_of,
    policy_of,
    to_document,
)
from routeserver.control.access.managed import AMAZONS
from routeserver.control.access.principal import PrincipalKind
from routeserver.control.access.rights import compiled
from routeserver.control.call import Answer, Call, Params
from routeserver.domain.refusal import Refusal
from routeserver.ec2.iam_policy import Kind, PolicyError

T = TypeVar("T")

MAX_ITEMS: Final = 100
MAX_TAGS: Final = 50

_NAME: Final = re.compile(r"[\w+=,.@-]+", re.A)
_PATH: Final = re.compile(r"/|/[!-~]{1,510}/", re.A)


def no_such_entity(what: str) -> Refusal:
    return Refusal("NoSuchEntity", f"{what} cannot be found.", 404)


def already_exists(what: str) -> Refusal:
    return Refusal("EntityAlreadyExists", f"{what} already exists.", 409)


def delete_conflict(reason: str) -> Refusal:
    return Refusal("DeleteConflict", f"Cannot delete entity, {reason}.", 409)


def limit_exceeded(what: str, most: int) -> Refusal:
    return Refusal("LimitExceeded", f"Cannot exceed quota for {what}: {most}", 409)


def invalid(name: str, reason: str) -> Refusal:
    return Refusal("ValidationError", f"The specified value for {name} is invalid. {reason}")


# --- entities -------------------------------------------------------------------------------------


async def find(call: Call, kind: EntityKind, name: str) -> Entity:
    """Raises Refusal NoSuchEntity."""
    document = await call.tx.iam(call.account_id).get(kind, name)
    if document is None:
        raise no_such_entity(f"The {kind} with name {name}")
    return entity_of(document)


async def find_user(call: Call, params: Params) -> Entity:
    """The user of the request: the one named, or the caller."""
    name = params.get("UserName")
    if name is None:
        if call.principal.kind is not PrincipalKind.USER:
            raise Refusal(
                "ValidationError", "Must specify userName when calling with non-User credentials"
            )
        name = call.principal.name
    return await find(call, EntityKind.USER, name)


async def all_of(call: Call, kind: EntityKind, path_prefix: str = "/") -> list[Entity]:
    rows = await call.tx.iam(call.account_id).list(kind)
    found = map(entity_of, rows)
    return [each for each in found if each.path.startswith(path_prefix)]


async def save(call: Call, entity: Entity) -> None:
    await call.tx.iam(call.account_id).put(entity.kind, entity.name, to_document(entity))


async def require_new(call: Call, kind: EntityKind, name: str) -> None:
    if await call.tx.iam(call.account_id).get(kind, name) is not None:
        raise already_exists(f"{kind.value.capitalize()} with name {name}")


# --- managed policies -----------------------------------------------------------------------------


async def find_policy(call: Call, arn: str) -> ManagedPolicy:
    """One of the account's, or of Amazon's. Raises Refusal NoSuchEntity."""
    if arn in AMAZONS:
        return AMAZONS[arn]
    document = await call.tx.iam(call.account_id).get(POLICY, arn.rpartition("/")[2])
    if document is not None:
        policy = policy_of(document)
        if policy.arn == arn:
            return policy
    raise no_such_entity(f"Policy {arn}")


async def find_own_policy(call: Call, arn: str) -> ManagedPolicy:
    """One that may be changed."""
    policy = await find_policy(call, arn)
    if policy.account_id != call.account_id:
        raise Refusal("AccessDenied", f"Policy {arn} is Amazon's and cannot be changed.", 403)
    return policy


async def save_policy(call: Call, policy: ManagedPolicy) -> None:
    await call.tx.iam(call.account_id).put(POLICY, policy.name, to_document(policy))


async def holders_of(call: Call, arn: str) -> list[Entity]:
    """Everything the managed policy is attached to."""
    return [
        entity
        for kind in EntityKind
        for entity in await all_of(call, kind)
        if arn in entity.attached
    ]


# --- checks ---------------------------------------------------------------------------------------


def checked_name(text: str, parameter: str, most: int = 128) -> str:
    if _NAME.fullmatch(text) is None or len(text) > most:
        raise invalid(
            parameter,
            f"It must contain only alphanumeric characters and/or the following: +=,.@_- "
            f"and be at most {most} characters long.",
        )
    return text


def checked_path(params: Params) -> str:
    path = str(params.get("Path", "/"))
    if _PATH.fullmatch(path) is None:
        raise invalid("path", "It must begin and end with / and contain only ASCII characters.")
    return path


def checked_document(text: str, kind: Kind, most: int) -> str:
    """A policy document as given. Raises Refusal MalformedPolicyDocument or LimitExceeded."""
    try:
        compiled(text, kind)
    except PolicyError as error:
        raise Refusal("MalformedPolicyDocument", f"Syntax errors in policy: {error}.") from None
    size = len("".join(text.split()))
    if size > most:
        raise limit_exceeded("PolicySize", most)
    return text


def checked_tags(given: Sequence[dict[str, str]]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in given:
        if tag["Key"].lower() in {key.lower() for key in tags}:
            raise Refusal("InvalidInput", f"Duplicate tag keys found: {tag['Key']}.")
        if tag["Key"].lower().startswith("aws:"):
            raise Refusal("InvalidInput", "Tag keys cannot begin with aws:.")
        tags[tag["Key"]] = tag["Value"]
    if len(tags) > MAX_TAGS:
        raise limit_exceeded("TagsPerResource", MAX_TAGS)
    return tags


def new_id(call: Call, prefix: str) -> str:
    """In Amazon's form: four letters and 17 of base 32."""
    return prefix + b32encode(call.random_bytes(11)).decode()[:17]


# --- pages ----------------------------------------------------------------------------------------


def page(
    rows: Sequence[T],
    params: Params,
    member: str,
    name: Callable[[T], str],
    view: Callable[[T], object],
) -> Answer:
    """The rows from the marker on, at most MaxItems of them, as a list answer."""
    after = _name_in(params.get("Marker"))
    ordered = sorted(rows, key=name)
    if after is not None:
        ordered = [row for row in ordered if name(row) > after]
    most = params.get("MaxItems", MAX_ITEMS)
    shown = ordered[:most]
    answer: Answer = {
        member: [view(row) for row in shown],
        "IsTruncated": len(ordered) > len(shown),
    }
    if len(ordered) > len(shown):
        token = json.dumps([name(shown[-1])]).encode()
        answer["Marker"] = urlsafe_b64encode(token).decode()
    return answer


def _name_in(marker: str | None) -> str | None:
    if marker is None:
        return None
    try:
        match json.loads(urlsafe_b64decode(marker)):
            case [str(name)]:
                return name
    except (ValueError, binascii.Error, RecursionError):
        pass
    raise invalid("marker", "It is not one that this server gave out.")
