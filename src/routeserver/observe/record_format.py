"""A record of BGP sessions as JSON lines: what was told to each, what it said and decided.

Pure: values in, values out. A line is one of

* ``session``: the session number `session` begins, with its configuration; `joined` when the record
  began in its middle: the OPEN that makes a new session agree on the same, when the peer had last
  been heard, and the octets of a message that had begun;
* ``told``: an input of `bgp.session.Session` with its time (monotonic seconds) and octets in hex;
* ``decided``: an event that the session answered with;
* ``said``: octets it sent;
* ``dropped``: so many lines are missing here, because the reader was slow.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from routeserver.bgp.events import Established
from routeserver.bgp.messages import AS_TRANS, Open
from routeserver.bgp.session import SessionConfig
from routeserver.net.attribute_set import AttributeSet
from routeserver.net.prefix import format_prefix
from routeserver.net.route_batch import RouteBatch, prefixes_of, words_a_prefix

VERSION: Final = 1

LISTED_PREFIXES: Final = 32
"""Of one run of routes; more are a count and a digest, the octets say which they were."""

Json = dict[str, Any]


def encode(value: object) -> Any:
    """A value of the protocol as JSON; fields that do not take part in equality are left out."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, IPv4Address | IPv6Address):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return _encode_whole(value)


def _encode_whole(value: object) -> Any:
    match value:
        case RouteBatch():
            return _encode_batch(value)
        case AttributeSet():
            return {"raw": value.raw.hex(), "rejected": value.rejected}
        case AbstractSet():
            return sorted(encode(each) for each in value)
        case Sequence():
            return [encode(each) for each in value]
        case _ if is_dataclass(value):
            compared = (field.name for field in fields(value) if field.compare)
            return {name: encode(getattr(value, name)) for name in compared}
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a record")


def encode_event(event: object) -> Json:
    return {"kind": type(event).__name__, **encode(event)}


def _encode_batch(batch: RouteBatch) -> Json:
    runs = []
    width = words_a_prefix(batch.family)
    start = 0
    for attribute_set, end in zip(batch.sets, batch.ends, strict=True):
        run: Json = {"set": encode(attribute_set), "count": end - start}
        if end - start <= LISTED_PREFIXES:
            prefixes = prefixes_of(batch.family, batch.words, start, end)
            run["prefixes"] = [format_prefix(prefix) for prefix in prefixes]
        else:
            run["sha256"] = _digest(batch.words[width * start : width * end])
        runs.append(run)
        start = end
    return {"family": batch.family.name, "runs": runs}


def _digest(words: array[int]) -> str:
    """Of the words in network order: the same on every machine."""
    if sys.byteorder == "little":
        words.byteswap()
    return sha256(words.tobytes()).hexdigest()


def decode_config(found: Json) -> SessionConfig:
    """Raises ValueError or TypeError for what `encode` has not written."""
    config = _decode(SessionConfig, found)
    if not isinstance(config, SessionConfig):
        raise TypeError("the configuration of a session is missing")
    return config


def _decode(hint: Any, value: Any) -> Any:
    """A value by its type: the few forms that a session's configuration is made of."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if value is None:
            return None
        return _decode(next(arm for arm in arguments if arm is not type(None)), value)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_decode(arguments[0], each) for each in value)
        return tuple(_decode(arm, each) for arm, each in zip(arguments, value, strict=True))
    if is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return hint(**{name: _decode(hints[name], each) for name, each in value.items()})
    if hint is bytes:
        return bytes.fromhex(value)
    return hint(value) if isinstance(hint, type) and not isinstance(value, hint) else value


def open_like(established: Established) -> bytes:
    """The octets of an OPEN after which a session with the same configuration agrees on the
    same."""
    return Open(
        asn=established.peer_asn if established.peer_asn <= 0xFFFF else AS_TRANS,
        hold_time_s=established.hold_time_s,
        router_id=established.peer_router_id,
        capabilities=established.peer_capabilities,
    ).encode()
