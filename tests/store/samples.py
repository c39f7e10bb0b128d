"""Resources to store, complete enough that no field is left at its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from routeserver.domain.resources import (
    Liveness,
    PeerState,
    Resource,
    RouteServer,
    RouteServerPeer,
    RouteServerState,
    Vpc,
)
from routeserver.store import Scope

R = TypeVar("R", bound=Resource)

HERE: Final = Scope("111111111111", "eu-north-1")
ELSEWHERE: Final = Scope("111111111111", "us-east-1")
SOMEONE_ELSE: Final = Scope("222222222222", "eu-north-1")


def vpc(id_: str = "vpc-1", scope: Scope = HERE, at: float = 1.0, **fields_: Any) -> Vpc:
    values: dict[str, Any] = {"cidr": "127.10.0.0/16", "state": "available"} | fields_
    return Vpc(id_, scope.account_id, scope.region, at, **values)


def route_server(id_: str = "rs-1", scope: Scope = HERE, at: float = 1.0) -> RouteServer:
    state = RouteServerState.PENDING
    return RouteServer(id_, scope.account_id, scope.region, at, 4294967294, state)


def peer(id_: str = "rsp-1", scope: Scope = HERE, at: float = 1.0) -> RouteServerPeer:
    return RouteServerPeer(
        id=id_,
        account_id=scope.account_id,
        region=scope.region,
        created_at=at,
        route_server_id="rs-1",
        route_server_endpoint_id="rse-1",
        vpc_id="vpc-1",
        subnet_id="subnet-1",
        endpoint_eni_id="eni-1",
        endpoint_eni_address="127.10.1.4",
        peer_address="127.10.1.10",
        peer_asn=65001,
        liveness=Liveness.BFD,
        state=PeerState.PENDING,
    )


def filled(type_: type[R]) -> R:
    """One of these with a telling value in every field."""
    hints = get_type_hints(type_)
    values: Mapping[str, Any] = {f.name: _value(f.name, hints[f.name]) for f in fields(type_)}
    return type_(**(dict(values) | {"account_id": HERE.account_id, "region": HERE.region}))


def _value(name: str, hint: Any) -> Any:
    if isinstance(hint, UnionType):
        hint = next(arm for arm in get_args(hint) if arm is not type(None))
    if get_origin(hint) is tuple:
        return (f"{name} one", 'two "quoted", with ünï')
    if hint is bool:
        return True
    if hint is int:
        return 4294967295
    if hint is float:
        return 1700000000.123456
    if hint is str:
        return f"{name} ünï"
    return list(hint)[-1]
