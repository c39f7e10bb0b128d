"""Requests of the query protocols into parameters: botocore's EC2 and query serialisers, turned
round.

`parse` is driven by an operation's input shape and answers the dict that botocore's caller passed,
by the same Python names and types. Each shape is compiled into a closure when it is first met;
shapes are shared between operations, so that the closures for ``Filter`` or ``TagSpecification``
are made once.

List items may be numbered with any increasing indices: gaps close up, and the work depends on how
many items are given, never on their numbers. An empty list (``Name=``, as some clients send it)
counts as a missing parameter where one is required.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from routeserver.ec2 import faults
from routeserver.ec2.form import Tree, grow
from routeserver.ec2.model import Kind, Operation, Protocol, Service, Shape
from routeserver.ec2.scalars import check_bounds, reader

Parser: TypeAlias = Callable[["str | Tree", str], Any]
"""Takes a node of the tree and its full name; gives the value or raises Fault."""

_INDEX: Final = re.compile(r"[1-9][0-9]{0,8}")

_ENVELOPE: Final = ("Action", "Version")


def operation_of(parameters: Mapping[str, str], service: Service) -> Operation:
    """The operation a request asks for.

    Raises Fault MissingAction, MissingParameter (Version), NoSuchVersion or InvalidAction.
    """
    action = parameters.get("Action")
    if not action:
        raise faults.missing_action()
    version = parameters.get("Version")
    if not version:
        raise faults.missing_parameter("Version")
    if version != service.api_version:
        raise faults.unknown_version(version, service.title)
    operation = service.operation(action)
    if operation is None:
        raise faults.unknown_action(action)
    return operation


def parse(operation: Operation, parameters: Mapping[str, str]) -> dict[str, Any]:
    """A request's parameters as botocore's caller gave them.

    `parameters` is what `form.decode` made of the request: ``Action``, ``Version`` and the query
    parameters of a presigned request (``X-Amz-…``) are passed over. Raises Fault for what does not
    fit the operation's input shape.
    """
    own = {
        name: value
        for name, value in parameters.items()
        if name not in _ENVELOPE and not name.startswith("X-Amz-")
    }
    if operation.input is None:
        for name in own:
            raise faults.unknown_parameter(name)
        return {}
    parsed: dict[str, Any] = _parser(operation.input)(grow(own), "")
    return parsed


@cache
def _parser(shape: Shape) -> Parser:
    match shape.kind:
        case Kind.STRUCTURE:
            return _structure_parser(shape)
        case Kind.LIST:
            return _list_parser(shape)
        case Kind.MAP:
            return _parse_map
        case _:
            return _scalar_parser(shape)


def _parse_map(node: str | Tree, path: str) -> Any:
    raise _unknown(node, path)


def _scalar_parser(shape: Shape) -> Parser:
    read = reader(shape)

    def parse_scalar(node: str | Tree, path: str) -> Any:
        if isinstance(node, str):
            return read(node, path)
        raise _first_inside(node, path)

    return parse_scalar


def _structure_parser(shape: Shape) -> Parser:
    members: dict[str, tuple[str, Parser]] = {}
    for member in shape.members:
        if member.request_name in members:
            raise ValueError(f"{shape.name} calls two members {member.request_name}")
        members[member.request_name] = member.name, _parser(member.shape)
    required = tuple((m.name, m.request_name) for m in shape.members if m.required)

    def parse_structure(node: str | Tree, path: str) -> dict[str, Any]:
        if isinstance(node, str):
            raise faults.unknown_parameter(path)
        prefix = f"{path}." if path else ""
        values: dict[str, Any] = {}
        for key, child in node.items():
            known = members.get(key)
            if known is None:
                raise _unknown(child, prefix + key)
            values[known[0]] = known[1](child, prefix + key)
        for name, request_name in required:
            if name not in values or values[name] == []:
                raise faults.missing_parameter(prefix + request_name)
        return values

    return parse_structure


def _list_parser(shape: Shape) -> Parser:
    assert shape.element is not None  # noqa: S101 - the model gives every list its element
    parse_item = _parser(shape.element)
    wrapper = shape.element_name if shape.protocol is Protocol.QUERY else None

    def parse_list(node: str | Tree, path: str) -> list[Any]:
        if isinstance(node, dict) and wrapper is not None:
            node, path = _unwrapped(node, path, wrapper)
        if isinstance(node, str):
            if node:
                raise faults.unknown_parameter(path)
            return []
        for key in node:
            if _INDEX.fullmatch(key) is None:
                raise faults.unknown_parameter(f"{path}.{key}")
        items = [parse_item(node[key], f"{path}.{key}") for key in sorted(node, key=int)]
        check_bounds(len(items), shape, f"{len(items)} items", path, "number of items")
        return items

    return parse_list


def _unwrapped(node: Tree, path: str, wrapper: str) -> tuple[str | Tree, str]:
    """The query protocol puts a name of its own between a list and its items:
    ``Names.member.1``."""
    for key, child in node.items():
        if key != wrapper:
            raise _unknown(child, f"{path}.{key}")
    return node[wrapper], f"{path}.{wrapper}"


def _unknown(node: str | Tree, path: str) -> faults.Fault:
    return faults.unknown_parameter(path) if isinstance(node, str) else _first_inside(node, path)


def _first_inside(node: Tree, path: str) -> faults.Fault:
    """UnknownParameter with the full name as the client wrote it."""
    inner: str | Tree = node
    while isinstance(inner, dict):
        key, inner = next(iter(inner.items()))
        path = f"{path}.{key}"
    return faults.unknown_parameter(path)
