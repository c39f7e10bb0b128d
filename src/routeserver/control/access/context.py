"""The condition keys of a request: what policies may ask about it (IAM user guide, "AWS global
condition context keys"; Service Authorization Reference for EC2's own)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from routeserver.control.access.principal import Principal, PrincipalKind
from routeserver.control.request import ApiRequest
from routeserver.domain.resources import Resource, Subnet
from routeserver.ec2.iam_pattern import Values

_PRINCIPAL_TYPES: Final = {
    PrincipalKind.ROOT: "Account",
    PrincipalKind.USER: "User",
    PrincipalKind.ASSUMED_ROLE: "AssumedRole",
}
_PARAMETER_KEYS: Final = {
    "AvailabilityZone": "ec2:availabilityzone",
    "InstanceTenancy": "ec2:tenancy",
}
_ROW_KEYS: Final = {
    "availability_zone": "ec2:availabilityzone",
    "instance_tenancy": "ec2:tenancy",
    "instance_type": "ec2:instancetype",
}
INSTANCE_PROFILE: Final = "ec2:instanceprofile"
_ID_KEYS: Final = {
    "internet-gateway": "ec2:internetgatewayid",
    "network-acl": "ec2:networkaclid",
    "network-interface": "ec2:networkinterfaceid",
    "route-table": "ec2:routetableid",
    "security-group": "ec2:securitygroupid",
    "subnet": "ec2:subnetid",
    "vpc": "ec2:vpcid",
}


def of_request(request: ApiRequest, now: float) -> dict[str, Values]:
    """What holds for every resource of the request; `now` is UTC seconds."""
    caller = request.caller
    moment = datetime.fromtimestamp(now, UTC)
    found: dict[str, Values] = {
        "aws:currenttime": (f"{moment:%Y-%m-%dT%H:%M:%SZ}",),
        "aws:epochtime": (str(int(now)),),
        "aws:requestedregion": (request.region,),
        "aws:securetransport": ("true" if request.is_encrypted else "false",),
        "aws:viaawsservice": ("false",),
        "ec2:region": (request.region,),
        **_of_principal(caller),
        **_of_tags(request.params),
    }
    if request.source_ip:
        found["aws:sourceip"] = (request.source_ip,)
    if request.user_agent:
        found["aws:useragent"] = (request.user_agent,)
    for name, key in _PARAMETER_KEYS.items():
        value = request.params.get(name)
        if isinstance(value, str):
            found[key] = (value,)
    return found


def _of_principal(caller: Principal) -> dict[str, Values]:
    found: dict[str, Values] = {
        "aws:principalaccount": (caller.account_id,),
        "aws:principaltype": (_PRINCIPAL_TYPES[caller.kind],),
        "aws:userid": (caller.user_id,),
        # A session is judged as the role it is of.
        "aws:principalarn": (caller.names[-1],),
    }
    if caller.kind is PrincipalKind.USER:
        found["aws:username"] = (caller.name,)
    for key, value in caller.tags.items():
        found[f"aws:principaltag/{key.lower()}"] = (value,)
    if caller.session is not None:
        issued = datetime.fromtimestamp(caller.session.issued_at, UTC)
        found["aws:tokenissuetime"] = (f"{issued:%Y-%m-%dT%H:%M:%SZ}",)
        found["aws:multifactorauthpresent"] = ("false",)
    return found


def _of_tags(params: Mapping[str, Any]) -> dict[str, Values]:
    """The tags that a request would give or take."""
    tags: dict[str, str] = {}
    specifications = params.get("TagSpecifications", ())
    given: list[Any] = [params.get("Tags", ())]
    given += [each.get("Tags", ()) for each in specifications if isinstance(each, Mapping)]
    for each in given:
        for tag in each:
            tags[tag.get("Key", "")] = tag.get("Value", "")
    keys = [*tags, *params.get("TagKeys", ())]
    if not keys:
        return {}
    found: dict[str, Values] = {"aws:tagkeys": tuple(keys)}
    for key, value in tags.items():
        found[f"aws:requesttag/{key.lower()}"] = (value,)
    return found


def of_resource(
    type_: str,
    resource_id: str,
    row: Resource | None,
    tags: Mapping[str, str],
    request: ApiRequest,
) -> dict[str, Values]:
    """What is known of one resource; `row` is None for one that does not exist."""
    found: dict[str, Values] = {}
    key = _ID_KEYS.get(type_)
    if key is not None:
        found[key] = (resource_id,)
    for name, value in tags.items():
        found[f"ec2:resourcetag/{name.lower()}"] = (value,)
        found[f"aws:resourcetag/{name.lower()}"] = (value,)
    for attribute, row_key in _ROW_KEYS.items():
        known = getattr(row, attribute, None)
        if isinstance(known, str):
            found[row_key] = (known,)
    found |= _within(request, vpc=getattr(row, "vpc_id", None), subnet=_subnet_of(row))
    return found


def of_made(request: ApiRequest) -> dict[str, Values]:
    """What is known of a resource that the request makes: where it shall be."""
    params = request.params
    return _within(request, vpc=params.get("VpcId"), subnet=params.get("SubnetId"))


def of_subnet(subnet: Subnet, request: ApiRequest) -> dict[str, Values]:
    """What is known of whatever lies in a subnet."""
    return {
        "ec2:availabilityzone": (subnet.availability_zone,),
        **_within(request, vpc=subnet.vpc_id, subnet=subnet.id),
    }


def _subnet_of(row: Resource | None) -> str | None:
    return getattr(row, "subnet_id", None)


def _within(request: ApiRequest, *, vpc: str | None, subnet: str | None) -> dict[str, Values]:
    prefix = f"arn:aws:ec2:{request.region}:{request.account_id}"
    found: dict[str, Values] = {}
    if vpc:
        found["ec2:vpc"] = (f"{prefix}:vpc/{vpc}",)
    if subnet:
        found["ec2:subnet"] = (f"{prefix}:subnet/{subnet}",)
    return found


def looks_at_resources(keys: Iterable[str]) -> bool:
    """Whether any of these keys is one whose value lies in the store."""
    known = {"ec2:vpc", "ec2:subnet", INSTANCE_PROFILE, *_ROW_KEYS.values()}
    return any(
        key in known or key.startswith(("ec2:resourcetag/", "aws:resourcetag/")) for key in keys
    )
