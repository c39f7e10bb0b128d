"""A query string or form body as parameters: ``application/x-www-form-urlencoded``, read strictly
and in bounded work.

Names become a tree by their dots, since that is how the query protocols spell structures and lists
(``Filter.1.Value.2``). What is ambiguous is refused rather than guessed at: a bad percent-encoding,
bytes that are no UTF-8, a parameter given twice, or given both as a value and as a structure.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias
from urllib.parse import unquote

from routeserver.ec2 import faults
from routeserver.ec2.xml import UNCARRIABLE

Tree: TypeAlias = "dict[str, str | Tree]"

MAX_PARAMETERS: Final = 10_000
MAX_NAME_LENGTH: Final = 512

_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def decode(*parts: bytes) -> dict[str, str]:
    """The parameters of a query string and a body together, by their full names.

    Raises Fault MalformedQueryString or InvalidCharacter.
    """
    parameters: dict[str, str] = {}
    for part in parts:
        if part:
            _decode_into(parameters, part)
    return parameters


def _decode_into(parameters: dict[str, str], part: bytes) -> None:
    text = _checked_text(part, MAX_PARAMETERS - len(parameters))
    is_encoded = "%" in text
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if is_encoded:
            name = _unquoted(name)
            value = _unquoted(value)
        if len(name) > MAX_NAME_LENGTH:
            raise faults.unknown_parameter(name)
        if name in parameters:
            raise faults.malformed_query(f"{faults.shortened(name)} is given more than once")
        if UNCARRIABLE.search(value) is not None:
            raise faults.invalid_character(name)
        parameters[name] = value


def _checked_text(part: bytes, most: int) -> str:
    if part.count(b"&") >= most:
        raise faults.malformed_query(f"more than {MAX_PARAMETERS} parameters")
    try:
        text = part.decode()
    except UnicodeDecodeError:
        raise faults.malformed_query("it is not UTF-8") from None
    if "%" in text and _BAD_PERCENT.search(text) is not None:
        raise faults.malformed_query("a % is not followed by two hexadecimal digits")
    return text.replace("+", " ")


def _unquoted(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise faults.malformed_query("a percent-encoded text is not UTF-8") from None


def grow(parameters: dict[str, str]) -> Tree:
    """The parameters as a tree: ``{"Filter.1.Name": "vpc-id"}`` is ``{"Filter": {"1": {"Name":
    "vpc-id"}}}``.

    Raises Fault MalformedQueryString when a name is both a value and a structure.
    """
    tree: Tree = {}
    for name, value in parameters.items():
        if "." not in name:
            _put(tree, name, value, name)
            continue
        *path, last = name.split(".")
        node = tree
        for step in path:
            child = node.get(step)
            if child is None:
                child = node[step] = {}
            elif isinstance(child, str):
                raise _both(name)
            node = child
        _put(node, last, value, name)
    return tree


def _put(node: Tree, key: str, value: str, name: str) -> None:
    if key in node:
        raise _both(name)
    node[key] = value


def _both(name: str) -> faults.Fault:
    return faults.malformed_query(
        f"{faults.shortened(name)} makes a parameter both a value and a structure"
    )
