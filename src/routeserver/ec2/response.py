"""Answers as XML: botocore's EC2 and query parsers, turned round.

`encode` is driven by an operation's output shape. It takes the dict that botocore's caller will
receive; a member that is None is left out, an empty list is an empty element. A member the shape
does not know, or a value of the wrong type, is a mistake in the program: TypeError. Each shape is
compiled into a closure that gives the XML inside its element.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, Final, TypeAlias

from routeserver.ec2.model import Kind, Operation, Protocol, Shape
from routeserver.ec2.xml import escape, is_special

Writer: TypeAlias = Callable[[Any], str]

STEP: Final = 256
"""Items of a long list between two pieces; a few milliseconds of work."""


@dataclass(frozen=True, slots=True)
class LongList:
    """A list of a long answer, made while it is written."""

    items: Iterator[Any]


class LongAnswer(dict[str, Any]):
    """An answer with a `LongList` somewhere in it: to be written in pieces."""


_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def encode(operation: Operation, answer: Mapping[str, Any], request_id: str) -> bytes:
    """The body of a successful answer."""
    head, middle, tail = _envelope(operation)
    inner = _writer(operation.output)(answer) if operation.output else _nothing(operation, answer)
    if operation.service.protocol is Protocol.EC2:
        return f"{head}{request_id}{middle}{inner}{tail}".encode()
    return f"{head}{inner}{middle}{request_id}{tail}".encode()


def pieces(operation: Operation, answer: LongAnswer, request_id: str) -> Iterator[bytes]:
    """The body of a successful answer, in the order it is sent; each piece is little work."""
    assert operation.output is not None  # noqa: S101 - there is something long in it
    head, middle, tail = _envelope(operation)
    is_ec2 = operation.service.protocol is Protocol.EC2
    yield (f"{head}{request_id}{middle}" if is_ec2 else head).encode()
    for piece in _pieces(operation.output, answer):
        yield piece.encode()
    yield (tail if is_ec2 else f"{middle}{request_id}{tail}").encode()


def encode_fault(
    protocol: Protocol, code: str, message: str, status: int, request_id: str
) -> bytes:
    """The body of an error answer, as botocore's two error parsers read it."""
    what = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol is Protocol.EC2:
        text = (
            f"<Response><Errors><Error>{what}</Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        whose = "Sender" if status < 500 else "Receiver"
        text = (
            f"<ErrorResponse><Error><Type>{whose}</Type>{what}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return (_DECLARATION + text).encode()


@cache
def _envelope(operation: Operation) -> tuple[str, str, str]:
    """What stands before, between and after the request id and the result."""
    root = f"{operation.name}Response"
    head = f'{_DECLARATION}<{root} xmlns="{operation.service.namespace}">'
    if operation.service.protocol is Protocol.EC2:
        return f"{head}<requestId>", "</requestId>", f"</{root}>"
    wrapper = operation.result_wrapper or f"{operation.name}Result"
    return (
        f"{head}<{wrapper}>",
        f"</{wrapper}><ResponseMetadata><RequestId>",
        f"</RequestId></ResponseMetadata></{root}>",
    )


def _nothing(operation: Operation, answer: Mapping[str, Any]) -> str:
    """EC2 says ``<return>true</return>`` where the model has no output."""
    if answer:
        raise TypeError(f"{operation.name} has no output, but was answered {sorted(answer)}")
    return "<return>true</return>" if operation.service.protocol is Protocol.EC2 else ""


@cache
def _writer(shape: Shape) -> Writer:
    match shape.kind:
        case Kind.STRUCTURE:
            return _structure_writer(shape)
        case Kind.LIST:
            return _list_writer(shape)
        case Kind.STRING:
            return _write_string
        case Kind.INTEGER | Kind.LONG:
            return _write_integer
        case Kind.FLOAT | Kind.DOUBLE:
            return _write_number
        case Kind.BOOLEAN:
            return _write_boolean
        case Kind.TIMESTAMP:
            return _write_timestamp
        case Kind.BLOB:
            return _write_blob
        case Kind.MAP:
            raise TypeError(f"{shape.name} is a map, which no answer here has")


def _structure_writer(shape: Shape) -> Writer:
    members = {m.name: _element(m.response_name, m.shape) for m in shape.members}

    def write_structure(value: Mapping[str, Any]) -> str:
        parts: list[str] = []
        for name, item in value.items():
            write = members.get(name)
            if write is None:
                raise TypeError(f"{shape.name} has no member {name!r}")
            if item is not None:
                parts.append(write(item))
        return "".join(parts)

    return write_structure


def _list_writer(shape: Shape) -> Writer:
    assert shape.element is not None  # noqa: S101 - the model gives every list its element
    write_item = _element(shape.element_name, shape.element)

    def write_list(value: Any) -> str:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{shape.name} is a list, not {type(value).__name__}")
        return "".join([write_item(item) for item in value])

    return write_list


def _pieces(shape: Shape, value: Any) -> Iterator[str]:
    """What the shape's writer writes; structures and lists are gone through one by one."""
    if isinstance(value, LongList):
        assert shape.element is not None  # noqa: S101 - a list has one
        write_item = _element(shape.element_name, shape.element)
        while batch := [write_item(item) for item in islice(value.items, STEP)]:
            yield "".join(batch)
    elif shape.kind is Kind.STRUCTURE:
        members = {member.name: member for member in shape.members}
        for name, item in value.items():
            if item is not None:
                member = members[name]
                yield f"<{member.response_name}>"
                yield from _pieces(member.shape, item)
                yield f"</{member.response_name}>"
    elif shape.kind is Kind.LIST and shape.element is not None:
        for item in value:
            yield f"<{shape.element_name}>"
            yield from _pieces(shape.element, item)
            yield f"</{shape.element_name}>"
    else:
        yield _writer(shape)(value)


def _element(name: str, shape: Shape) -> Writer:
    """Writes a value with the element around it: one call for a text, which most values are."""
    start, end = f"<{name}>", f"</{name}>"
    if shape.kind is Kind.STRING:

        def write_text(value: Any) -> str:
            if not isinstance(value, str):
                raise TypeError(f"expected a string, got {value!r}")
            if is_special(value) is None:
                return start + value + end
            return start + escape(value) + end

        return write_text
    write = _writer(shape)
    return lambda value: start + write(value) + end


def _write_string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {value!r}")
    return escape(value)


def _write_integer(value: Any) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected an integer, got {value!r}")
    return str(int(value))


def _write_number(value: Any) -> str:
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise TypeError(f"expected a number, got {value!r}")
    return repr(float(value))


def _write_boolean(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    raise TypeError(f"expected a boolean, got {value!r}")


def _write_timestamp(value: datetime | float) -> str:
    """An aware datetime, or UTC seconds since the epoch; EC2 writes milliseconds."""
    moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    if moment.tzinfo is None:
        raise TypeError("a timestamp needs a time zone")
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def _write_blob(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
