"""What each IAM action is about, after the Service Authorization Reference for IAM."""

from __future__ import annotations

from typing import Final

from routeserver.control.access.principal import PrincipalKind
from routeserver.control.request import ApiRequest

_ABOUT_ALL: Final = frozenset(
    {"ListUsers", "ListRoles", "ListGroups", "ListPolicies", "ListAccountAliases"}
)
_NAMED: Final = (
    ("instance-profile", "InstanceProfileName"),
    ("role", "RoleName"),
    ("user", "UserName"),
    ("group", "GroupName"),
)


def resource_of(request: ApiRequest) -> str:
    """The ARN that an IAM request is about, ``*`` when it is about all of a kind.

    The path of what exists already is not looked up: it counts as ``/``.
    """
    action, params = request.action, request.params
    prefix = f"arn:aws:iam::{request.account_id}"
    if action in _ABOUT_ALL:
        return "*"
    if action == "ListInstanceProfiles":
        return f"{prefix}:instance-profile{params.get('PathPrefix', '/')}"
    if "User" in action and action.endswith("Group"):
        return f"{prefix}:group/{params['GroupName']}"
    for kind, parameter in _NAMED:
        if parameter in params:
            path = params.get("Path", "/") if action.startswith("Create") else "/"
            return f"{prefix}:{kind}{path}{params[parameter]}"
    if "PolicyArn" in params:
        return str(params["PolicyArn"])
    if action == "CreatePolicy":
        return f"{prefix}:policy{params.get('Path', '/')}{params['PolicyName']}"
    # Many calls are about the caller when they name no user.
    if request.caller.kind is PrincipalKind.USER:
        return request.caller.arn
    return "*"
