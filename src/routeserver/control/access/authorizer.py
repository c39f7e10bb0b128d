"""The check before every operation: may this principal do this to each resource it is about?

The account's root is not checked. The store is asked only when a policy of the principal looks at
something that lies there: a resource's tags, its VPC, its zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from routeserver.control.access import context as contexts
from routeserver.control.access import denials
from routeserver.control.access.iam_resources import resource_of
from routeserver.control.access.passing import Passing, is_about_a_profile, passing_of
from routeserver.control.access.principal import Principal, PrincipalKind
from routeserver.control.request import ApiRequest
from routeserver.domain.network import Instance, ProfileAssociation
from routeserver.domain.refusal import Refusal
from routeserver.domain.resources import (
    NetworkInterface,
    Resource,
    RouteServerEndpoint,
    RouteTableAssociation,
    Subnet,
)
from routeserver.ec2 import iam_actions
from routeserver.ec2.iam_evaluate import Policies, evaluate
from routeserver.ec2.iam_pattern import Context, Values
from routeserver.store import Scope, Store, Transaction
from routeserver.store.schema import TABLES
from routeserver.store.seal import Seal

UNCHECKED: Final = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken", "sts:AssumeRole"})
"""Everyone may ask who they are and for a session of their own; what a role's trust policy says is
part of AssumeRole itself."""

_TYPES: Final = {type_.kind: type_ for type_ in TABLES if type_.kind}

_VIA: Final[dict[str, tuple[type[Resource], str, str]]] = {
    "association": (RouteTableAssociation, "id", "route_table_id"),
    "attachment": (NetworkInterface, "attachment_id", "id"),
    "profile-association": (ProfileAssociation, "id", "instance_id"),
}
"""What a parameter may name instead of a resource: its type, the field it is, the field meant."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """One resource to be judged; without an id it is yet to be, or nobody said which."""

    type: str
    id: str = "*"
    is_made: bool = False


class Authorizer:
    def __init__(self, store: Store, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    async def check(self, request: ApiRequest, now: float) -> None:
        """Raises Refusal UnauthorizedOperation (EC2) or AccessDenied. `now` is UTC seconds."""
        caller = request.caller
        action = f"{request.service}:{request.action}"
        if request.service == "iam" and _is_session_of_user(caller):
            raise Refusal(
                "InvalidClientTokenId",
                "The security token included in the request is invalid: credentials of "
                "GetSessionToken cannot call IAM.",
                403,
            )
        if caller.policies is None or action in UNCHECKED:
            return
        base = contexts.of_request(request, now)
        passing = await self._passing(request)
        if request.service != "ec2":
            resource = resource_of(request) if request.service == "iam" else "*"
            self._judge(request, caller.policies, action, resource, base)
        else:
            base |= passing.of_request
            await self._check_ec2(request, caller.policies, action, base, passing.of_made)
        if passing.role_arn is not None:
            context = {**base, **passing.of_role}
            self._judge(request, caller.policies, "iam:PassRole", passing.role_arn, context)

    async def _passing(self, request: ApiRequest) -> Passing:
        if not is_about_a_profile(request):
            return Passing()
        async with self._store.read(Scope(request.account_id, request.region)) as tx:
            return await passing_of(request, tx)

    async def _check_ec2(
        self,
        request: ApiRequest,
        policies: Policies,
        action: str,
        base: dict[str, Values],
        made: Context,
    ) -> None:
        """`made` is what else is known of what the request makes."""
        targets = iam_actions.targets(request.action)
        if not targets:
            self._judge(request, policies, action, "*", base)
            return
        if any(target.via for target in targets) or contexts.looks_at_resources(policies.keys):
            async with self._store.read(Scope(request.account_id, request.region)) as tx:
                subjects = await _subjects(request, tx)
                facts = [await _facts(request, each, tx) for each in subjects]
        else:
            subjects = await _subjects(request, None)
            facts = [_facts_of_made(request, each) for each in subjects]
        for subject, known in zip(subjects, facts, strict=True):
            context = {**base, **known, **(made if subject.is_made else {})}
            self._judge(request, policies, action, _arn(request, subject), context)
        if request.params.get("TagSpecifications"):
            # "Grant permission to tag resources during creation" (EC2 user guide).
            base["ec2:createaction"] = (request.action,)
            for subject in subjects:
                if subject.is_made:
                    self._judge(request, policies, "ec2:CreateTags", _arn(request, subject), base)

    def _judge(
        self,
        request: ApiRequest,
        policies: Policies,
        action: str,
        resource: str,
        context: Context,
    ) -> None:
        decision = evaluate(policies, action, resource, context)
        if not decision.allowed:
            raise denials.unauthorized(
                request.caller,
                action,
                resource,
                decision,
                context,
                self._seal,
                service=request.service,
            )


def _is_session_of_user(caller: Principal) -> bool:
    return caller.session is not None and caller.kind is not PrincipalKind.ASSUMED_ROLE


async def _subjects(request: ApiRequest, tx: Transaction | None) -> list[_Subject]:
    found: list[_Subject] = []
    for target in iam_actions.targets(request.action):
        if target.is_made:
            found.append(_Subject(target.type, is_made=True))
            continue
        ids: Iterable[str] = dict.fromkeys(iam_actions.ids(target, request.params))
        if target.via is not None:
            ids = [] if tx is None else await _meant(tx, target.via, list(ids))
        subjects = [
            _Subject(iam_actions.type_of(each) if target.type == "*" else target.type, each)
            for each in ids
        ]
        if not subjects and not target.optional:
            subjects = [_Subject(target.type)]
        found += subjects
    return found or [_Subject("*")]


async def _meant(tx: Transaction, via: str, ids: list[str]) -> list[str]:
    known = _VIA.get(via)
    if known is None or not ids:
        return []
    type_, field, meant = known
    return [getattr(row, meant) for row in await tx.list(type_, **{field: ids})]


async def _facts(request: ApiRequest, subject: _Subject, tx: Transaction) -> Context:
    if subject.id == "*":
        found = _facts_of_made(request, subject)
        subnet = await _subnet_of_made(request, tx) if subject.is_made else None
        return {**contexts.of_subnet(subnet, request), **found} if subnet else found
    type_ = _TYPES.get(subject.type)
    row = None if type_ is None else await tx.get(type_, subject.id)
    tags = (await tx.tags_of([subject.id]))[subject.id]
    found = contexts.of_resource(subject.type, subject.id, row, tags, request)
    if isinstance(row, Instance):
        for link in await tx.list(ProfileAssociation, instance_id=row.id):
            found = {**found, contexts.INSTANCE_PROFILE: (link.profile_arn,)}
    subnet_id = getattr(row, "subnet_id", None)
    if subnet_id is None:
        return found
    subnet = await tx.get(Subnet, subnet_id)
    return {**contexts.of_subnet(subnet, request), **found} if subnet else found


async def _subnet_of_made(request: ApiRequest, tx: Transaction) -> Subnet | None:
    """Where the thing that the request makes shall be: in the subnet it names, or in that of the
    endpoint it is a peer of."""
    subnet_id = request.params.get("SubnetId")
    endpoint_id = request.params.get("RouteServerEndpointId")
    if endpoint_id is not None:
        endpoint = await tx.get(RouteServerEndpoint, endpoint_id)
        subnet_id = None if endpoint is None else endpoint.subnet_id
    return None if subnet_id is None else await tx.get(Subnet, subnet_id)


def _facts_of_made(request: ApiRequest, subject: _Subject) -> Context:
    if subject.is_made:
        return contexts.of_made(request)
    return contexts.of_resource(subject.type, subject.id, None, {}, request)


def _arn(request: ApiRequest, subject: _Subject) -> str:
    if subject.type == "*":
        return "*" if subject.id == "*" else f"{_prefix(request)}:*/{subject.id}"
    if subject.type == "image":
        return f"arn:aws:ec2:{request.region}::image/{subject.id}"
    return f"{_prefix(request)}:{subject.type}/{subject.id}"


def _prefix(request: ApiRequest) -> str:
    return f"arn:aws:ec2:{request.region}:{request.account_id}"
