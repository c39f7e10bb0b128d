"""From what is stored to what a principal may: its policies, found and compiled."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from routeserver.control.access.entities import (
    POLICY,
    Entity,
    EntityKind,
    entity_of,
    policy_of,
)
from routeserver.control.access.managed import AMAZONS
from routeserver.ec2.iam_evaluate import Policies
from routeserver.ec2.iam_policy import Kind, Policy, parse
from routeserver.store.iam_rows import IamRows


@lru_cache(maxsize=1024)
def compiled(document: str, kind: Kind = Kind.IDENTITY) -> Policy:
    """Raises PolicyError. The same text is read once."""
    return parse(document, kind)


async def policies_of(
    rows: IamRows, entity: Entity, session: Iterable[str] | None = None
) -> Policies:
    """What `entity` may do; `session` are the documents that limit a session of it."""
    holders = [entity]
    for name in entity.groups:
        document = await rows.get(EntityKind.GROUP, name)
        if document is not None:
            holders.append(entity_of(document))
    documents: list[str] = []
    for holder in holders:
        documents += holder.inline.values()
        documents += [await document_of(rows, arn) or NOTHING for arn in holder.attached]
    identity = tuple(map(compiled, documents))
    boundary = None
    if entity.boundary is not None:
        boundary = compiled(await document_of(rows, entity.boundary) or NOTHING)
    limits = None if session is None else tuple(compiled(each) for each in session)
    return Policies(identity, boundary, limits)


NOTHING = '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
"""For a policy that is attached and gone: nothing may be concluded from its absence."""


async def document_of(rows: IamRows, arn: str) -> str | None:
    """The default version of a managed policy of this account or of Amazon's."""
    if arn in AMAZONS:
        return AMAZONS[arn].document
    written = await rows.get(POLICY, arn.rpartition("/")[2])
    if written is None:
        return None
    policy = policy_of(written)
    return policy.document if policy.arn == arn else None
