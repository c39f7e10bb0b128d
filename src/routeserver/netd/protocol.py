"""Orders and answers as packets: a JSON object with the name of the type and its fields.

What may be long travels beside the packet in a sealed memory file (memfd_create(2)): the messages
of a `Write`, and the refusals that answer it. Sealed, nobody changes it while it is read.

Whatever a packet holds, decoding it gives an order or raises OrderError.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from dataclasses import fields
from typing import Any, Final

from routeserver.netd.errors import OrderError
from routeserver.netd.orders import (
    Answer,
    Done,
    Failed,
    Guard,
    ListNamespaces,
    MakeBridge,
    MakeNamespace,
    MakeOutside,
    OpenBfdReceiver,
    OpenBfdSender,
    OpenListener,
    OpenNetlink,
    Order,
    Plug,
    Probe,
    Refusal,
    RemoveLink,
    RemoveNamespace,
    Write,
)

LONGEST_PACKET: Final = 1 << 16
LONGEST_BESIDE: Final = 64 << 20

_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_REFUSAL: Final = struct.Struct("=II")

ORDERS: Final[tuple[type[Order], ...]] = (
    OpenListener,
    OpenBfdReceiver,
    OpenBfdSender,
    OpenNetlink,
    Probe,
    MakeNamespace,
    RemoveNamespace,
    ListNamespaces,
    MakeBridge,
    Plug,
    Guard,
    MakeOutside,
    RemoveLink,
    Write,
)
_BY_NAME: Final = {order.__name__: order for order in ORDERS}


def encode_order(order: Order) -> tuple[bytes, bytes]:
    """The packet, and what goes beside it."""
    values = {field.name: getattr(order, field.name) for field in fields(order)}
    beside = values.pop("messages", b"")
    return json.dumps({"order": type(order).__name__, **values}).encode(), beside


def decode_order(packet: bytes, beside: bytes) -> Order:
    """Raises OrderError."""
    try:
        values = json.loads(packet)
        kind = _BY_NAME[values.pop("order")]
    except (ValueError, RecursionError, KeyError, AttributeError, TypeError) as error:
        raise OrderError("this is no order; server and helper are of different versions") from error
    found: dict[str, Any] = {}
    for field in fields(kind):
        if field.type == "bytes":
            found[field.name] = beside
            continue
        value = values.pop(field.name, None)
        if not _is_a(value, str(field.type)):
            raise OrderError(f"{kind.__name__}.{field.name} must be {field.type}")
        found[field.name] = tuple(value) if isinstance(value, list) else value
    if values or (beside and kind is not Write):
        raise OrderError(f"{kind.__name__} with more than it has")
    return kind(**found)


def _is_a(value: object, type_name: str) -> bool:
    match type_name:
        case "str":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "tuple[str, ...]":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case _:
            return False


def encode_answer(answer: Answer) -> tuple[bytes, bytes]:
    match answer:
        case Done(names, refused):
            packed = b"".join(_REFUSAL.pack(one.place, one.errno) for one in refused)
            return json.dumps({"done": names}).encode(), packed
        case Failed(reason, errno):
            return json.dumps({"failed": reason, "errno": errno}).encode(), b""


def decode_answer(packet: bytes, beside: bytes) -> Answer:
    """Of the helper itself, which this side trusts."""
    values = json.loads(packet)
    if "failed" in values:
        return Failed(values["failed"], values["errno"])
    refused = tuple(Refusal(*found) for found in _REFUSAL.iter_unpack(beside))
    return Done(tuple(values["done"]), refused)


def put_beside(octets: bytes) -> int:
    """A descriptor of a sealed memory file. Raises OSError."""
    descriptor = os.memfd_create("netd", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = memoryview(octets)
        while left:
            left = left[os.write(descriptor, left) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def take_beside(descriptor: int) -> bytes:
    """What is in a sealed memory file. Raises OrderError for any other descriptor."""
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    except OSError:
        seals = 0
    if seals & _SEALS != _SEALS:
        raise OrderError("what came beside the order is no sealed memory file")
    size = os.fstat(descriptor).st_size
    if size > LONGEST_BESIDE:
        raise OrderError(f"{size} octets beside an order; send at most {LONGEST_BESIDE} at once")
    octets = bytearray(size)
    done = 0
    while done < size and (count := os.preadv(descriptor, [memoryview(octets)[done:]], done)):
        done += count
    return bytes(octets)
