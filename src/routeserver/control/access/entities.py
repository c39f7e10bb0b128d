"""Users, roles, groups, managed policies and instance profiles: what each is, and its form as a
stored document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

DEFAULT_SESSION_S: Final = 3600


class EntityKind(StrEnum):
    """The word in its ARN."""

    USER = "user"
    ROLE = "role"
    GROUP = "group"


ID_PREFIX: Final = {
    EntityKind.USER: "AIDA",
    EntityKind.ROLE: "AROA",
    EntityKind.GROUP: "AGPA",
}
POLICY: Final = "policy"
POLICY_ID_PREFIX: Final = "ANPA"
INSTANCE_PROFILE: Final = "instance-profile"
INSTANCE_PROFILE_ID_PREFIX: Final = "AIPA"


@dataclass(frozen=True, slots=True)
class Entity:
    """What policies are put into and attached to. `groups` are a user's; `trust`, `description` and
    `max_session_s` a role's."""

    kind: EntityKind
    account_id: str
    name: str
    path: str
    id: str
    created_at: float
    inline: Mapping[str, str] = field(default_factory=dict)
    """Policy documents by policy name."""
    attached: tuple[str, ...] = ()
    """ARNs of managed policies."""
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    trust: str | None = None
    description: str | None = None
    max_session_s: int = DEFAULT_SESSION_S

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:{self.kind}{self.path}{self.name}"


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    id: str
    document: str
    created_at: float


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    account_id: str
    """``aws`` for Amazon's own."""
    name: str
    path: str
    id: str
    created_at: float
    updated_at: float
    versions: tuple[PolicyVersion, ...]
    """Oldest first."""
    default_version: str
    next_version: int = 2
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:policy{self.path}{self.name}"

    @property
    def document(self) -> str:
        """The default version's."""
        return next(each.document for each in self.versions if each.id == self.default_version)


@dataclass(frozen=True, slots=True)
class InstanceProfile:
    """What hands a role to an instance. `role` is the role's name; there is at most one."""

    account_id: str
    name: str
    path: str
    id: str
    created_at: float
    role: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:{INSTANCE_PROFILE}{self.path}{self.name}"


def to_document(entity: Entity | ManagedPolicy | InstanceProfile) -> dict[str, Any]:
    return asdict(entity)


def entity_of(document: Mapping[str, Any]) -> Entity:
    return Entity(
        **{
            **document,
            "kind": EntityKind(document["kind"]),
            "attached": tuple(document["attached"]),
            "groups": tuple(document["groups"]),
        }
    )


def policy_of(document: Mapping[str, Any]) -> ManagedPolicy:
    versions = tuple(PolicyVersion(**each) for each in document["versions"])
    return ManagedPolicy(**{**document, "versions": versions})


def profile_of(document: Mapping[str, Any]) -> InstanceProfile:
    return InstanceProfile(**document)
