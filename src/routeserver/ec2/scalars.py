"""Scalars of the query protocols as text in a request: one strict reader for each kind of shape.

A reader takes the text and the parameter's full name, which it puts into its Fault:
InvalidParameterValue. The model's enums and bounds are enforced; its few patterns are not, because
the service answers those with codes of each operation's own (``InvalidVpcID.Malformed``).
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from routeserver.ec2 import faults
from routeserver.ec2.model import Kind, Shape

Reader: TypeAlias = Callable[[str, str], Any]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER: Final = re.compile(
    r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,4})?"
)
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_BOOLEANS: Final = {"true": True, "false": False}


def reader(shape: Shape) -> Reader:
    """The reader for a scalar shape."""
    match shape.kind:
        case Kind.STRING:
            return _enum_reader(shape) if shape.enum else _string_reader(shape)
        case Kind.INTEGER:
            return _integer_reader(shape, bits=32)
        case Kind.LONG:
            return _integer_reader(shape, bits=64)
        case Kind.FLOAT | Kind.DOUBLE:
            return _number_reader(shape)
        case Kind.BOOLEAN:
            return _read_boolean
        case Kind.TIMESTAMP:
            return _read_timestamp
        case Kind.BLOB:
            return _read_blob
        case Kind.STRUCTURE | Kind.LIST | Kind.MAP:
            raise ValueError(f"{shape.name} is no scalar")


def check_bounds(size: float, shape: Shape, text: str, name: str, noun: str = "value") -> None:
    """Raise Fault InvalidParameterValue unless `size` lies within the shape's bounds."""
    if shape.minimum is not None and size < shape.minimum:
        raise faults.invalid_value(text, name, f"Expecting a {noun} of at least {shape.minimum}.")
    if shape.maximum is not None and size > shape.maximum:
        raise faults.invalid_value(text, name, f"Expecting a {noun} of at most {shape.maximum}.")


def _enum_reader(shape: Shape) -> Reader:
    allowed = frozenset(shape.enum)

    def read_enum(text: str, name: str) -> str:
        if text not in allowed:
            raise faults.not_in_enum(text, name, shape.enum)
        return text

    return read_enum


def _string_reader(shape: Shape) -> Reader:
    if shape.minimum is None and shape.maximum is None:
        return _read_string

    def read_bounded(text: str, name: str) -> str:
        check_bounds(len(text), shape, text, name, "length")
        return text

    return read_bounded


def _read_string(text: str, _name: str) -> str:
    return text


def _integer_reader(shape: Shape, bits: int) -> Reader:
    lowest, highest = -(1 << bits - 1), (1 << bits - 1) - 1

    def read_integer(text: str, name: str) -> int:
        if _INTEGER.fullmatch(text) is None:
            raise faults.invalid_value(text, name, "Expecting an integer.")
        value = int(text)
        check_bounds(value, shape, text, name)
        if not lowest <= value <= highest:
            raise faults.invalid_value(text, name, f"Expecting an integer of {bits} bits.")
        return value

    return read_integer


def _number_reader(shape: Shape) -> Reader:
    def read_number(text: str, name: str) -> float:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not math.isfinite(value):
            raise faults.invalid_value(text, name, "Expecting a number.")
        check_bounds(value, shape, text, name)
        return value

    return read_number


def _read_boolean(text: str, name: str) -> bool:
    value = _BOOLEANS.get(text)
    if value is None:
        value = _BOOLEANS.get(text.lower())
    if value is None:
        raise faults.not_in_enum(text, name, _BOOLEANS)
    return value


def _read_timestamp(text: str, name: str) -> datetime:
    try:
        if _TIMESTAMP.fullmatch(text) is None:
            raise ValueError(text)  # noqa: TRY301 - one answer for every form that is no timestamp
        value = datetime.fromisoformat(text)
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        expected = "Expecting a timestamp such as 2016-11-15T12:00:00Z."
        raise faults.invalid_value(text, name, expected) from None


def _read_blob(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise faults.invalid_value(text, name, "Expecting base64.") from None
