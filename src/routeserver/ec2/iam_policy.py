"""Policy documents: the JSON that says who may do what, read and checked.

Follows the IAM user guide, "Grammar of the IAM JSON policy language". A document is one of two
kinds: an identity policy names resources and belongs to the principal it is attached to; a trust
policy names principals and belongs to the role it says may be assumed. What is wrong with a
document is a PolicyError whose sentence says where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from routeserver.ec2.iam_condition import Condition, condition
from routeserver.ec2.iam_pattern import Context, Pattern, like, pattern

VERSIONS: Final = ("2012-10-17", "2008-10-17")
MAX_STATEMENTS: Final = 1000

_SID: Final = re.compile(r"[A-Za-z0-9]*")
_ACTION: Final = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_ARN: Final = re.compile(r"arn:[^:]+:[^:]*:[^:]*:[^:]*:.+", re.DOTALL)
_PRINCIPAL_KINDS: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_ELEMENTS: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "Condition",
    }
)


class PolicyError(ValueError):
    """Why a text is no policy document, in a sentence."""


class Kind(StrEnum):
    IDENTITY = "identity"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Statement:
    sid: str
    allows: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[Pattern, ...]
    not_resources: bool
    principals: tuple[tuple[str, str], ...]
    """Kind (``AWS``, ``Service``, …) and name; only in a trust policy."""
    not_principals: bool
    conditions: tuple[Condition, ...]

    def covers_action(self, action: str) -> bool:
        found = any(like(each, action, ignore_case=True) for each in self.actions)
        return found is not self.not_actions

    def covers(self, action: str, resource: str, context: Context) -> bool:
        """Whether this statement speaks about the request, whatever it says about it."""
        return (
            self.covers_action(action)
            and self._covers_resource(resource, context)
            and all(each.holds(context) for each in self.conditions)
        )

    def _covers_resource(self, resource: str, context: Context) -> bool:
        # Deviation: a star crosses the colons of an ARN wherever it stands; Amazon's does only at
        # the end of a part.
        found = any(each.matches(resource, context) for each in self.resources)
        return found is not self.not_resources


@dataclass(frozen=True, slots=True)
class Policy:
    statements: tuple[Statement, ...]
    keys: frozenset[str]
    """Every condition key that its conditions and variables look at, in lower case."""


def parse(text: str, kind: Kind = Kind.IDENTITY) -> Policy:
    """Read a policy document. Raises PolicyError."""
    try:
        document = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except RecursionError:
        raise PolicyError("the policy is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise PolicyError(
            f"the policy is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    return _policy(document, kind)


def _policy(document: object, kind: Kind) -> Policy:
    if not isinstance(document, dict):
        raise PolicyError("the policy is not a JSON object")
    for name in document.keys() - {"Version", "Id", "Statement"}:
        raise PolicyError(f"the policy has the unknown element {name}")
    version = document.get("Version", VERSIONS[1])
    if version not in VERSIONS:
        raise PolicyError(f"the policy's Version must be {VERSIONS[0]}")
    raw = document.get("Statement")
    given = [raw] if isinstance(raw, dict) else raw
    if not isinstance(given, list) or not given:
        raise PolicyError("the policy has no Statement")
    if len(given) > MAX_STATEMENTS:
        raise PolicyError(f"the policy has more than {MAX_STATEMENTS} statements")
    reader = _StatementReader(kind, variables=version == VERSIONS[0])
    statements = tuple(reader.read(each, number) for number, each in enumerate(given, 1))
    sids = [each.sid for each in statements if each.sid]
    if len(set(sids)) < len(sids):
        raise PolicyError("two statements of the policy have the same Sid")
    return Policy(statements, frozenset(_keys(statements)))


def _keys(statements: Iterable[Statement]) -> Iterable[str]:
    for statement in statements:
        for resource in statement.resources:
            yield from resource.variables
        for each in statement.conditions:
            yield each.key
            for value in each.values:
                yield from value.variables


@dataclass(frozen=True, slots=True)
class _StatementReader:
    kind: Kind
    variables: bool

    def read(self, raw: object, number: int) -> Statement:
        try:
            if not isinstance(raw, dict):
                raise PolicyError("it is not an object")
            return self._statement(raw)
        except ValueError as error:
            raise PolicyError(f"statement {number}: {error}") from None

    def _statement(self, raw: Mapping[str, Any]) -> Statement:
        for name in raw.keys() - _ELEMENTS:
            raise PolicyError(f"it has the unknown element {name}")
        sid = raw.get("Sid", "")
        if not isinstance(sid, str) or _SID.fullmatch(sid) is None:
            raise PolicyError("a Sid is letters and digits")
        if raw.get("Effect") not in {"Allow", "Deny"}:
            raise PolicyError("Effect must be Allow or Deny")
        actions, not_actions = _one_of(raw, "Action")
        for each in actions:
            if each != "*" and _ACTION.fullmatch(each) is None:
                raise PolicyError(
                    f"the action {each} is not a vendor, a colon and a name, such as ec2:CreateVpc"
                )
        resources: tuple[Pattern, ...] = (pattern("*"),)
        principals: tuple[tuple[str, str], ...] = ()
        not_resources = not_principals = False
        if self.kind is Kind.IDENTITY:
            _prohibit(raw, "Principal", "NotPrincipal")
            arns, not_resources = _one_of(raw, "Resource")
            resources = tuple(self._resource(each) for each in arns)
        else:
            _prohibit(raw, "Resource", "NotResource")
            principals, not_principals = _principals(raw)
        return Statement(
            sid=sid,
            allows=raw["Effect"] == "Allow",
            actions=actions,
            not_actions=not_actions,
            resources=resources,
            not_resources=not_resources,
            principals=principals,
            not_principals=not_principals,
            conditions=tuple(self._conditions(raw.get("Condition", {}))),
        )

    def _resource(self, text: str) -> Pattern:
        if text != "*" and _ARN.fullmatch(text) is None:
            raise PolicyError(f"the resource {text} must be an ARN or *")
        return pattern(text, variables=self.variables)

    def _conditions(self, raw: object) -> Iterable[Condition]:
        if not isinstance(raw, dict):
            raise PolicyError("Condition must be an object")
        for operator, keys in raw.items():
            if not isinstance(keys, dict):
                raise PolicyError(f"the condition operator {operator} needs an object of keys")
            for key, given in keys.items():
                values = tuple(
                    pattern(_scalar(each, key), variables=self.variables)
                    for each in (given if isinstance(given, list) else [given])
                )
                yield condition(operator, key, values)


def _one_of(raw: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
    """The texts of an element or of its Not… form, and whether it was that."""
    if (name in raw) == (f"Not{name}" in raw):
        raise PolicyError(f"it must have either {name} or Not{name}")
    negated = name not in raw
    given = raw[f"Not{name}" if negated else name]
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(e, str) for e in texts):
        raise PolicyError(f"{name} must be a string or a list of strings")
    return tuple(texts), negated


def _principals(raw: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], bool]:
    if ("Principal" in raw) == ("NotPrincipal" in raw):
        raise PolicyError("it must have either Principal or NotPrincipal")
    negated = "NotPrincipal" in raw
    given = raw["NotPrincipal" if negated else "Principal"]
    if given == "*":
        return (("AWS", "*"),), negated
    if not isinstance(given, dict) or not given:
        raise PolicyError('Principal must be "*" or an object such as {"AWS": "123456789012"}')
    found: list[tuple[str, str]] = []
    for kind, names in given.items():
        if kind not in _PRINCIPAL_KINDS:
            raise PolicyError(f"the kind of principal {kind} is not known")
        for name in [names] if isinstance(names, str) else names if isinstance(names, list) else []:
            if not isinstance(name, str) or not name:
                raise PolicyError("the name of a principal is not a string")
            found.append((kind, name))
    if not found:
        raise PolicyError("Principal names nobody")
    return tuple(found), negated


def _prohibit(raw: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if name in raw:
            raise PolicyError(f"it has the element {name}, which this kind of policy may not have")


def _scalar(value: object, key: str) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            raise PolicyError(f"a value of the condition key {key} is not a string")


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise PolicyError("the policy gives an element twice")
    return made


def _no_constant(name: str) -> object:
    raise PolicyError(f"the policy is not JSON: {name}")
